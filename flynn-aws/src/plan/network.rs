//! The wanted security groups, and the rules to add to existing ones.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Plan;
use super::bucket::{OWNER_TAG, not_observed};
use super::command::{aws, json as quoted, quote};
use crate::ClusterSpec;
use crate::preflight::{Ingress, IngressSource, Inventory, PUBLIC, Protocol, SSH, TCP_ROUTES};
use crate::spec::{GroupName, VpcId};

/// A security group that a cluster needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityGroup {
    /// The name.
    pub name: GroupName,
    /// Its purpose.
    pub description: String,
    /// The rules for incoming traffic.
    pub ingress: Vec<Ingress>,
}

impl Serialize for SecurityGroup {
    /// Writes `GroupName`, `Description` and `IpPermissions` in the format of the AWS CLI.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({
            "GroupName": self.name,
            "Description": self.description,
            "IpPermissions": self.ingress.iter().map(|rule| permission(rule, self.name.as_str())).collect::<Vec<_>>(),
        })
        .serialize(serializer)
    }
}

impl ClusterSpec {
    /// Returns the security groups: one for the nodes, and one per external service. Empty without `network`.
    ///
    /// The nodes' group opens the ports 80 and 443 to everybody, 3000 to 3500 too with `tcp_routes`, and 22 to the
    /// ranges in `ssh_from`. Every group allows all traffic from itself: put the nodes into all groups, and each
    /// service into its own.
    pub fn security_groups(&self) -> Vec<SecurityGroup> {
        let Some(network) = &self.network else { return Vec::new() };
        let from_itself = || Ingress::new(Protocol::All, 0..=u16::MAX, IngressSource::Itself);
        let public = |ports| Ingress::new(Protocol::Tcp, ports, IngressSource::World);
        let mut ingress: Vec<Ingress> = PUBLIC.iter().map(|port| public(*port..=*port)).collect();
        if network.tcp_routes {
            ingress.push(public(TCP_ROUTES));
        }
        let ssh = |range| Ingress::new(Protocol::Tcp, SSH..=SSH, IngressSource::Range(range));
        ingress.extend(network.ssh_from.iter().copied().map(ssh));
        ingress.push(from_itself());
        let nodes = SecurityGroup {
            name: self.nodes_group(),
            description: format!("Nodes of the Flynn cluster {}", self.domain),
            ingress,
        };
        let services = network.services.iter().map(|name| SecurityGroup {
            name: name.clone(),
            description: format!("Nodes of {} and the service {name}", self.domain),
            ingress: vec![from_itself()],
        });
        std::iter::once(nodes).chain(services).collect()
    }

    /// Returns the name of the nodes' group.
    fn nodes_group(&self) -> GroupName {
        let given = self.network.as_ref().and_then(|network| network.group.clone());
        given.unwrap_or_else(|| GroupName::of_domain(&self.domain))
    }
}

/// A change of a security group. This crate does not make it: run the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ec2Action {
    /// Creates a group that allows no incoming traffic.
    CreateSecurityGroup {
        /// Its name.
        group: GroupName,
        /// Its VPC; without one, the account's default VPC.
        vpc: Option<VpcId>,
        /// Its purpose.
        description: String,
        /// The cluster that it belongs to, for its tag.
        cluster: String,
    },
    /// Deletes a group, which must not be in use.
    DeleteSecurityGroup {
        /// Its name.
        group: GroupName,
        /// Its VPC.
        vpc: Option<VpcId>,
    },
    /// Adds a rule for incoming traffic.
    Authorize {
        /// The group.
        group: GroupName,
        /// Its VPC.
        vpc: Option<VpcId>,
        /// The rule to add.
        ingress: Ingress,
    },
    /// Removes a rule for incoming traffic.
    Revoke {
        /// The group.
        group: GroupName,
        /// Its VPC.
        vpc: Option<VpcId>,
        /// The rule to remove.
        ingress: Ingress,
    },
}

impl Ec2Action {
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::CreateSecurityGroup { group, .. } => format!("create the security group {group}"),
            Self::DeleteSecurityGroup { group, .. } => format!("delete the security group {group}"),
            Self::Authorize { group, ingress, .. } => format!("allow {ingress} in {group}"),
            Self::Revoke { group, ingress, .. } => format!("stop allowing {ingress} in {group}"),
        }
    }

    pub(super) fn command(&self) -> String {
        let change = |call: &str, group: &GroupName, vpc: &Option<VpcId>, ingress: &Ingress| {
            let id = id_of_group(group, vpc.as_ref());
            let call = format!("aws ec2 {call} --group-id {id}");
            match ingress.source {
                IngressSource::Itself => format!("{call} --protocol -1 --source-group {id}"),
                _ => format!("{call} --ip-permissions {}", quoted(&[permission(ingress, "")])),
            }
        };
        match self {
            Self::CreateSecurityGroup { group, vpc, description, cluster } => {
                let words = ["ec2", "create-security-group", "--group-name", group.as_str()];
                let vpc = vpc.as_ref().map(|vpc| format!(" --vpc-id {vpc}")).unwrap_or_default();
                let tags = format!(
                    "ResourceType=security-group,Tags=[{{Key={OWNER_TAG},Value={cluster}}}]"
                );
                format!(
                    "{}{vpc} --description {} --tag-specifications {}",
                    aws(words),
                    quote(description),
                    quote(&tags)
                )
            }
            Self::DeleteSecurityGroup { group, vpc } => format!(
                "aws ec2 delete-security-group --group-id {}",
                id_of_group(group, vpc.as_ref())
            ),
            Self::Authorize { group, vpc, ingress } => {
                change("authorize-security-group-ingress", group, vpc, ingress)
            }
            Self::Revoke { group, vpc, ingress } => {
                change("revoke-security-group-ingress", group, vpc, ingress)
            }
        }
    }

    pub(super) fn permissions(&self) -> (&'static [&'static str], String) {
        let names: &[&str] = match self {
            Self::CreateSecurityGroup { .. } => &["ec2:CreateSecurityGroup", "ec2:CreateTags"],
            Self::DeleteSecurityGroup { .. } => &["ec2:DeleteSecurityGroup"],
            Self::Authorize { .. } => &["ec2:AuthorizeSecurityGroupIngress"],
            Self::Revoke { .. } => &["ec2:RevokeSecurityGroupIngress"],
        };
        (names, "*".to_owned())
    }
}

/// Returns a shell expression for the id of a group.
fn id_of_group(group: &GroupName, vpc: Option<&VpcId>) -> String {
    let name = format!("Name=group-name,Values={group}");
    let vpc = vpc.map(|vpc| format!("Name=vpc-id,Values={vpc}"));
    let head = ["ec2", "describe-security-groups", "--filters", &name];
    let tail = ["--query", "SecurityGroups[0].GroupId", "--output", "text"];
    format!("\"$({})\"", aws(head.into_iter().chain(vpc.as_deref()).chain(tail)))
}

/// Returns an element of `IpPermissions`.
fn permission(ingress: &Ingress, group: &str) -> Value {
    let mut permission = match ingress.protocol {
        Protocol::All => json!({"IpProtocol": "-1"}),
        Protocol::Icmp => json!({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1}),
        Protocol::Tcp | Protocol::Udp => json!({
            "IpProtocol": if ingress.protocol == Protocol::Tcp { "tcp" } else { "udp" },
            "FromPort": ingress.ports.start(),
            "ToPort": ingress.ports.end(),
        }),
    };
    let sources = match &ingress.source {
        IngressSource::World => vec![
            ("IpRanges", json!([{"CidrIp": "0.0.0.0/0"}])),
            ("Ipv6Ranges", json!([{"CidrIpv6": "::/0"}])),
        ],
        IngressSource::Itself => vec![("UserIdGroupPairs", json!([{"GroupName": group}]))],
        IngressSource::Range(range) if range.is_ipv6() => {
            vec![("Ipv6Ranges", json!([{"CidrIpv6": range}]))]
        }
        IngressSource::Range(range) => vec![("IpRanges", json!([{"CidrIp": range}]))],
    };
    if let Value::Object(fields) = &mut permission {
        fields.extend(sources.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    permission
}

pub(super) fn plan(spec: &ClusterSpec, observed: Option<&Inventory>, plan: &mut Plan) {
    let Some(network) = &spec.network else { return };
    let groups = observed.filter(|inventory| inventory.knows_groups());
    if groups.is_none() {
        plan.findings.push(not_observed("security groups", "aws ec2 describe-security-groups"));
    }
    for wanted in spec.security_groups() {
        let (group, vpc) = (wanted.name, network.vpc.clone());
        let found = groups.and_then(|inventory| inventory.group(group.as_str(), vpc.as_ref()));
        if found.is_none() {
            plan.push(
                Ec2Action::CreateSecurityGroup {
                    group: group.clone(),
                    vpc: vpc.clone(),
                    description: wanted.description,
                    cluster: spec.domain.to_string(),
                },
                Ec2Action::DeleteSecurityGroup { group: group.clone(), vpc: vpc.clone() },
            );
        }
        for ingress in wanted.ingress {
            if found.is_some_and(|found| found.lets_in(&ingress)) {
                continue;
            }
            plan.push(
                Ec2Action::Authorize {
                    group: group.clone(),
                    vpc: vpc.clone(),
                    ingress: ingress.clone(),
                },
                Ec2Action::Revoke { group: group.clone(), vpc: vpc.clone(), ingress },
            );
        }
    }
}
