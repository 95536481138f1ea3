//! The inventory of EC2.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::firewall::{Ingress, IngressSource, Protocol};
use crate::cli_json;
use crate::spec::{Cidr, VpcId};
use crate::{Error, ErrorKind};

/// Instances, volumes, addresses and security groups, from the output of the AWS CLI.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    pub(super) instances: Option<Vec<Instance>>,
    pub(super) volumes: Option<Vec<Volume>>,
    pub(super) addresses: Option<Vec<Address>>,
    groups: Option<Vec<Group>>,
}

impl Inventory {
    /// Adds the output of `aws ec2 describe-instances`, `describe-volumes`, `describe-addresses` or
    /// `describe-security-groups`. The command is recognized by the document. Several outputs of one command are
    /// combined.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Document`] if the text is something else, or cut off.
    pub fn read(&mut self, json: &str) -> Result<(), Error> {
        let (field, value) = cli_json::recognize(json)?;
        self.add(field, value)
    }

    /// Adds a recognized document.
    pub(crate) fn add(&mut self, field: &str, value: Value) -> Result<(), Error> {
        match field {
            "Reservations" => {
                let read: Reservations = cli_json::decode(value, field)?;
                let instances = read.reservations.into_iter().flat_map(|r| r.instances);
                self.instances.get_or_insert_default().extend(instances);
            }
            "Volumes" => {
                let read: Volumes = cli_json::decode(value, field)?;
                self.volumes.get_or_insert_default().extend(read.volumes);
            }
            "Addresses" => {
                let read: Addresses = cli_json::decode(value, field)?;
                self.addresses.get_or_insert_default().extend(read.addresses);
            }
            "SecurityGroups" => {
                let read: Groups = cli_json::decode(value, field)?;
                self.groups.get_or_insert_default().extend(read.security_groups);
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Document,
                    "the document is not an output of aws ec2: describe-instances, describe-volumes, \
                     describe-addresses or describe-security-groups",
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn knows_groups(&self) -> bool {
        self.groups.is_some()
    }

    /// Finds a security group by its name.
    pub(crate) fn group(&self, name: &str, vpc: Option<&VpcId>) -> Option<&Group> {
        self.groups.as_ref()?.iter().find(|group| {
            let in_vpc = vpc.is_none_or(|vpc| group.vpc_id.as_deref() == Some(vpc.as_str()));
            group.group_name == name && in_vpc
        })
    }

    pub(super) fn group_by_id(&self, id: &str) -> Option<&Group> {
        self.groups.as_ref()?.iter().find(|group| group.group_id == id)
    }
}

macro_rules! documents {
    ($($visibility:vis $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),+ $(,)? })+) => {$(
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[allow(clippy::struct_field_names, reason = "they are AWS's")]
        $visibility struct $name { $($(#[$attribute])* $visibility $field: $type),+ }
    )+};
}

documents! {
    pub(super) Reservations { reservations: Vec<Reservation> }
    pub(super) Reservation { instances: Vec<Instance> }
    pub(super) Instance {
        instance_id: String,
        instance_type: Option<String>,
        architecture: Option<String>,
        placement: Option<Placement>,
        public_ip_address: Option<IpAddr>,
        private_ip_address: Option<IpAddr>,
        vpc_id: Option<String>,
        state: Option<InstanceState>,
        #[serde(default)] tags: Vec<Tag>,
        #[serde(default)] security_groups: Vec<GroupReference>,
        #[serde(default)] network_interfaces: Vec<NetworkInterface>,
        #[serde(default)] block_device_mappings: Vec<Mapping>,
        metadata_options: Option<MetadataOptions>,
        iam_instance_profile: Option<Profile>,
    }
    pub(super) Placement { availability_zone: Option<String> }
    pub(super) InstanceState { name: String }
    pub(super) Tag { key: String, value: String }
    pub(super) GroupReference { group_id: String }
    pub(super) NetworkInterface {
        #[serde(default)] groups: Vec<GroupReference>,
        #[serde(default)] ipv6_addresses: Vec<Ipv6>,
        #[serde(default)] private_ip_addresses: Vec<Private>,
    }
    pub(super) Ipv6 { ipv6_address: IpAddr }
    pub(super) Private { private_ip_address: Option<IpAddr>, association: Option<Association> }
    pub(super) Association { public_ip: Option<IpAddr> }
    pub(super) Mapping { ebs: Option<Ebs> }
    pub(super) Ebs { volume_id: String }
    pub(super) MetadataOptions { http_tokens: Option<String>, http_endpoint: Option<String> }
    pub(super) Profile { arn: String }
    pub(super) Volumes { volumes: Vec<Volume> }
    pub(super) Volume { volume_id: String, size: u64 }
    pub(super) Addresses { addresses: Vec<Address> }
    pub(super) Address { public_ip: Option<IpAddr>, instance_id: Option<String> }
    pub(super) Groups { security_groups: Vec<Group> }
    pub(crate) Group {
        group_id: String,
        group_name: String,
        vpc_id: Option<String>,
        #[serde(default)] ip_permissions: Vec<Permission>,
    }
    pub(crate) Permission {
        ip_protocol: String,
        from_port: Option<i32>,
        to_port: Option<i32>,
        #[serde(default)] ip_ranges: Vec<Range4>,
        #[serde(default)] ipv6_ranges: Vec<Range6>,
        #[serde(default)] prefix_list_ids: Vec<Value>,
        #[serde(default)] user_id_group_pairs: Vec<Pair>,
    }
    pub(crate) Range4 { cidr_ip: String }
    pub(crate) Range6 { cidr_ipv6: String }
    pub(crate) Pair { group_id: Option<String> }
}

impl Instance {
    /// The `Name` tag, or the id.
    pub(super) fn name(&self) -> &str {
        let name = self.tags.iter().find(|tag| tag.key == "Name" && !tag.value.is_empty());
        name.map_or(&self.instance_id, |tag| &tag.value)
    }

    /// Every public address.
    pub(super) fn public_ips(&self) -> Vec<IpAddr> {
        let interfaces = &self.network_interfaces;
        let associated = interfaces.iter().flat_map(|interface| &interface.private_ip_addresses);
        let associated = associated.filter_map(|ip| ip.association.as_ref()?.public_ip);
        let v6 = interfaces.iter().flat_map(|interface| &interface.ipv6_addresses);
        let all = self.public_ip_address.into_iter().chain(associated);
        all.chain(v6.map(|ip| ip.ipv6_address)).collect()
    }

    /// Every private address.
    pub(super) fn private_ips(&self) -> Vec<IpAddr> {
        let interfaces = self.network_interfaces.iter();
        let more = interfaces.flat_map(|interface| &interface.private_ip_addresses);
        self.private_ip_address
            .into_iter()
            .chain(more.filter_map(|ip| ip.private_ip_address))
            .collect()
    }

    /// Returns the ids of its security groups, each once.
    pub(super) fn group_ids(&self) -> Vec<&str> {
        let interfaces = self.network_interfaces.iter().flat_map(|interface| &interface.groups);
        let mut ids: Vec<&str> = self
            .security_groups
            .iter()
            .chain(interfaces)
            .map(|group| group.group_id.as_str())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn is_gone(&self) -> bool {
        let state = self.state.as_ref().map_or("", |state| state.name.as_str());
        matches!(state, "terminated" | "shutting-down")
    }
}

impl Group {
    /// Returns whether a rule of the group covers the wanted rule.
    pub(crate) fn lets_in(&self, wanted: &Ingress) -> bool {
        self.ip_permissions.iter().any(|permission| {
            let protocol = permission.protocol();
            let covers = protocol == Some(Protocol::All)
                || (protocol == Some(wanted.protocol)
                    && permission.ports().is_some_and(|ports| {
                        ports.start() <= wanted.ports.start() && wanted.ports.end() <= ports.end()
                    }));
            covers && self.has_source(permission, &wanted.source)
        })
    }

    fn has_source(&self, permission: &Permission, source: &IngressSource) -> bool {
        let v4 = |range: &str| permission.ip_ranges.iter().any(|found| found.cidr_ip == range);
        match source {
            IngressSource::World => v4("0.0.0.0/0"),
            IngressSource::Itself => permission
                .user_id_group_pairs
                .iter()
                .any(|pair| pair.group_id.as_deref() == Some(self.group_id.as_str())),
            IngressSource::Range(range) => {
                let text = range.to_string();
                let v6 = || permission.ipv6_ranges.iter().any(|found| found.cidr_ipv6 == text);
                v4(&text) || v6()
            }
        }
    }
}

impl Permission {
    /// The protocol; `None` for one without ports, such as ESP.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        match self.ip_protocol.as_str() {
            "-1" => Some(Protocol::All),
            "tcp" | "6" => Some(Protocol::Tcp),
            "udp" | "17" => Some(Protocol::Udp),
            "icmp" | "1" | "icmpv6" | "58" => Some(Protocol::Icmp),
            _ => None,
        }
    }

    /// Returns the ports; all ports if none are given.
    pub(super) fn ports(&self) -> Option<std::ops::RangeInclusive<u16>> {
        if self.protocol() != Some(Protocol::Tcp) && self.protocol() != Some(Protocol::Udp) {
            return Some(0..=u16::MAX);
        }
        let end = |port: Option<i32>, default: u16| match port {
            None | Some(-1) => Some(default),
            Some(port) => u16::try_from(port).ok(),
        };
        Some(end(self.from_port, 0)?..=end(self.to_port, u16::MAX)?)
    }

    /// Returns the address ranges of the senders.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &str> {
        let v4 = self.ip_ranges.iter().map(|range| range.cidr_ip.as_str());
        v4.chain(self.ipv6_ranges.iter().map(|range| range.cidr_ipv6.as_str()))
    }
}

/// Returns whether an address range contains the whole internet.
pub(super) fn is_world(range: &str) -> bool {
    range.parse::<Cidr>().is_ok_and(Cidr::is_world)
}
