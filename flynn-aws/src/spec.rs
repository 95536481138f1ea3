//! The specification of a cluster.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::blobstore::{AccessKey, Backend, BackendName, S3Backend, Variables};
use crate::dns::{DnsPlan, Domain, NodeAddress, Routing, is_public};
use crate::policy::Policy;
use crate::{BucketName, Error, ErrorKind, FlynnVersion, Region};

/// A cluster and what it should have on AWS.
///
/// Every value is checked during deserialization, so `toml` and `serde_json` report mistakes with line and column.
/// Unknown keys are refused.
///
/// ```
/// let spec: flynn_aws::ClusterSpec = toml::from_str(r#"
///     domain = "example.com"
///
///     [[nodes]]
///     name = "node1"
///     public_ip = "203.0.113.10"
///
///     [blobstore]
///     bucket = "acme-flynn-blobs"
///     region = "eu-west-1"
/// "#)?;
/// assert_eq!(spec.dns_plan().health_checks().len(), 1);
/// assert!(spec.policy().is_some());
///
/// let mistake = toml::from_str::<flynn_aws::ClusterSpec>("domain = \"example.com:8443\"\nnodes = []").unwrap_err();
/// assert!(mistake.to_string().contains("line 1, column 10"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClusterSpec {
    /// The cluster's domain.
    pub domain: Domain,
    /// The version of Flynn that the cluster runs, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<FlynnVersion>,
    /// The nodes.
    pub nodes: Nodes,
    /// The DNS records.
    #[serde(default)]
    pub dns: DnsSpec,
    /// The blobstore's bucket. Without it, blobs stay in Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobstore: Option<BlobstoreSpec>,
    /// The security groups. Without it, none are planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkSpec>,
}

/// One node of a [`ClusterSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawNode")]
#[non_exhaustive]
pub struct NodeSpec {
    /// Its name, as in the `Name` tag of its instance.
    pub name: String,
    /// The address that users reach, usually an elastic IP.
    pub public_ip: NodeAddress,
    /// The address inside the VPC, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<IpAddr>,
}

impl NodeSpec {
    /// Describes a node. Set the private address afterwards.
    pub fn new(name: impl Into<String>, public_ip: NodeAddress) -> Self {
        Self { name: name.into(), public_ip, private_ip: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    name: String,
    public_ip: NodeAddress,
    private_ip: Option<IpAddr>,
}

impl TryFrom<RawNode> for NodeSpec {
    type Error = Error;

    fn try_from(raw: RawNode) -> Result<Self, Error> {
        let RawNode { name, public_ip, private_ip } = raw;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(refuse(format!("{name:?} cannot be the name of a node")));
        }
        if let Some(ip) = private_ip.filter(|ip| is_public(*ip)) {
            return Err(refuse(format!(
                "the private address {ip} of {name} is a public one: write it into public_ip"
            )));
        }
        Ok(Self { name, public_ip, private_ip })
    }
}

/// The nodes of a cluster: at least one, with unique names and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<NodeSpec>")]
pub struct Nodes(Vec<NodeSpec>);

impl Nodes {
    /// Returns the nodes in the order given.
    pub fn iter(&self) -> std::slice::Iter<'_, NodeSpec> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Nodes {
    type Item = &'a NodeSpec;
    type IntoIter = std::slice::Iter<'a, NodeSpec>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<NodeSpec>> for Nodes {
    type Error = Error;

    /// Checks the nodes.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Spec`] without a node, and for duplicate names and addresses.
    fn try_from(nodes: Vec<NodeSpec>) -> Result<Self, Error> {
        if nodes.is_empty() {
            return Err(refuse("there is no node: list at least one".to_owned()));
        }
        for (at, node) in nodes.iter().enumerate() {
            for other in nodes.iter().take(at) {
                if other.name == node.name {
                    return Err(refuse(format!("two nodes have the name {:?}", node.name)));
                }
                if other.public_ip == node.public_ip {
                    return Err(refuse(format!("two nodes have the address {}", node.public_ip)));
                }
                if node.private_ip.is_some() && other.private_ip == node.private_ip {
                    let (one, two) = (&other.name, &node.name);
                    return Err(refuse(format!("{one} and {two} have the same private address")));
                }
            }
        }
        Ok(Self(nodes))
    }
}

/// The DNS records of a [`ClusterSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DnsSpec {
    /// The id of the hosted zone, such as `Z1D633PJN98FT9`. Without it, the public zone with the longest matching name
    /// is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<ZoneId>,
    /// The routing policy of the records.
    pub routing: Routing,
    /// Replaces conflicting records. Without it, they are reported and nothing is changed.
    pub replace: bool,
    /// Changes the caller references of the health checks. Use it if checks were deleted in the last few days.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference_salt: String,
}

/// The blobstore's bucket and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BlobstoreSpec {
    /// The backend's name in the blobstore's env.
    #[serde(default = "s3main")]
    pub backend: BackendName,
    /// The bucket, for this cluster alone.
    pub bucket: BucketName,
    /// The bucket's region, which should be the hosts'.
    #[serde(deserialize_with = "usable_region")]
    pub region: Region,
    /// The credentials with which the blobstore signs its requests.
    #[serde(default)]
    pub access: Access,
    /// The name of the IAM user, or of the role and instance profile. Default: `flynn-blobstore-<domain>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IamName>,
    /// Keeps old versions of objects. Blobs in S3 are in no backup, so consider it.
    #[serde(default)]
    pub versioning: bool,
}

fn s3main() -> BackendName {
    BackendName::s3main()
}

fn usable_region<'de, D: serde::Deserializer<'de>>(region: D) -> Result<Region, D::Error> {
    let region = Region::deserialize(region)?;
    crate::blobstore::usable(region).map_err(serde::de::Error::custom)
}

/// The credentials with which the blobstore signs its requests to S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Access {
    /// The access key of an IAM user.
    #[default]
    Key,
    /// The role of the EC2 instances.
    Ec2Role,
}

/// The security groups of a [`ClusterSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NetworkSpec {
    /// The VPC, such as `vpc-0a1b2c3d`. The commands take the account's default VPC without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The nodes' group. Default: `flynn-<domain>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// The address ranges that may use SSH.
    pub ssh_from: Vec<Cidr>,
    /// Opens the ports 3000 to 3500, which TCP routes use.
    pub tcp_routes: bool,
    /// One group per external service, such as `production-elasticsearch`. It allows everything from itself.
    pub services: Vec<GroupName>,
}

impl ClusterSpec {
    /// Describes a cluster. Set the other fields afterwards.
    pub fn new(domain: Domain, nodes: Nodes) -> Self {
        let (dns, version, blobstore, network) = (DnsSpec::default(), None, None, None);
        Self { domain, version, nodes, dns, blobstore, network }
    }

    /// Returns the DNS records and health checks.
    pub fn dns_plan(&self) -> DnsPlan {
        let nodes = self.nodes.iter().map(|node| node.public_ip).collect();
        DnsPlan::checked(self.domain.clone(), nodes)
            .routing(self.dns.routing)
            .reference_salt(&self.dns.reference_salt)
    }

    /// Returns the policy of the blobstore's user or role.
    pub fn policy(&self) -> Option<Policy> {
        let blobstore = self.blobstore.as_ref()?;
        Some(Policy::for_blobstore(&blobstore.bucket, &blobstore.region))
    }

    /// Returns the blobstore's backend.
    ///
    /// Without a key, it contains the placeholders `ACCESS_KEY_ID` and `SECRET_ACCESS_KEY`. A role does not need a key.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Parameter`] if the key is not valid.
    pub fn backend(&self, key: Option<&AccessKey>) -> Result<Option<Backend>, Error> {
        let Some(blobstore) = &self.blobstore else { return Ok(None) };
        let (bucket, region) = (blobstore.bucket.as_str(), blobstore.region.as_str());
        let s3 = match (blobstore.access, key) {
            (Access::Ec2Role, _) => S3Backend::with_ec2_role(bucket, region)?,
            (Access::Key, Some(key)) => {
                S3Backend::with_key(bucket, region, &key.id, key.secret.expose_secret())?
            }
            (Access::Key, None) => {
                let id = "ACCESS_KEY_ID".to_owned();
                let key = AccessKey { id, secret: SecretString::from("SECRET_ACCESS_KEY") };
                S3Backend::unchecked(blobstore.bucket.clone(), blobstore.region.clone(), key)
            }
        };
        Ok(Some(Backend::from_parts(blobstore.backend.clone(), s3.into())))
    }

    /// Returns the blobstore's env variables, `DEFAULT_BACKEND` included. See [`backend`](Self::backend).
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Parameter`] if the key is not valid.
    pub fn blobstore_env(&self, key: Option<&AccessKey>) -> Result<Variables, Error> {
        Ok(self.backend(key)?.map(|backend| backend.as_default()).unwrap_or_default())
    }

    /// Returns the name of the IAM user, or of the role and instance profile.
    pub fn identity(&self) -> IamName {
        let given = self.blobstore.as_ref().and_then(|blobstore| blobstore.identity.clone());
        given.unwrap_or_else(|| {
            let name: String =
                format!("flynn-blobstore-{}", self.domain).chars().take(64).collect();
            IamName(name)
        })
    }
}

fn refuse(why: String) -> Error {
    Error::new(ErrorKind::Spec, why)
}

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Checks the text.
            ///
            /// # Errors
            /// Fails with [`ErrorKind::Spec`] if the text is not valid.
            fn from_str(text: &str) -> Result<Self, Error> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(refuse(format!(concat!("{} cannot be ", $what), crate::cli_json::shown(text))))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        crate::names::text!($name);
    };
}

/// Returns whether a text has 1 to `most` characters, each a letter, a digit or one of `others`.
fn plain(text: &str, most: usize, others: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    (1..=most).contains(&text.len()) && text.chars().all(allowed)
}

checked!(
    /// The name of an IAM user, role or instance profile: 1 to 64 letters, digits and `+=,.@_-`.
    IamName,
    "an IAM name: use 1 to 64 letters, digits and +=,.@_-",
    |text| plain(text, 64, "+=,.@_-")
);
checked!(
    /// The name of a security group: 1 to 255 letters, digits, spaces and `._-:/()#,@[]+=`, not `default`, and not
    /// beginning with `sg-`.
    GroupName,
    "the name of a security group: use letters, digits and ._-:/()#,@[]+=, and do not begin with sg-",
    |text| plain(text, 255, " ._-:/()#,@[]+=")
        && !text.starts_with("sg-")
        && text != "default"
        && text.trim() == text
);
checked!(
    /// The id of a VPC.
    VpcId,
    "the id of a VPC: write it like vpc-0a1b2c3d",
    |text| text.strip_prefix("vpc-").is_some_and(|id| plain(id, 32, ""))
);
checked!(
    /// The id of a Route53 hosted zone.
    ZoneId,
    "the id of a hosted zone: write it like Z1D633PJN98FT9",
    |text| plain(text, 32, "")
);

impl GroupName {
    /// The default name of the nodes' group.
    pub(crate) fn of_domain(domain: &Domain) -> Self {
        Self(format!("flynn-{domain}"))
    }
}

/// A range of addresses, such as `198.51.100.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Returns whether the range counts as the whole internet: shorter than /8 for IPv4, /16 for IPv6.
    pub fn is_world(self) -> bool {
        self.prefix < if self.address.is_ipv4() { 8 } else { 16 }
    }

    /// Returns whether the addresses are IPv6.
    pub fn is_ipv6(self) -> bool {
        self.address.is_ipv6()
    }
}

impl FromStr for Cidr {
    type Err = Error;

    /// Parses `ADDRESS/PREFIX`.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Spec`] if it is something else, or if the address has bits set after the prefix.
    fn from_str(text: &str) -> Result<Self, Error> {
        let shown = crate::cli_json::shown(text);
        let read = text.split_once('/').and_then(|(address, prefix)| {
            let digits = prefix.bytes().all(|b| b.is_ascii_digit());
            Some((address.parse().ok()?, prefix.parse().ok().filter(|_| digits)?))
        });
        let Some((address, prefix)) = read else {
            return Err(refuse(format!(
                "{shown} is not an address range: write it like 198.51.100.0/24"
            )));
        };
        let (bits, width) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        if prefix > width {
            return Err(refuse(format!(
                "{shown} is not an address range: the prefix must be at most /{width}"
            )));
        }
        if bits.checked_shl(u32::from(prefix)).unwrap_or(0) != 0 {
            return Err(refuse(format!(
                "{shown} is not an address range: the address has bits set after /{prefix}"
            )));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl From<Cidr> for String {
    fn from(range: Cidr) -> Self {
        range.to_string()
    }
}

crate::names::text!(Cidr);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        for good in ["0.0.0.0/0", "198.51.100.0/24", "203.0.113.7/32", "::/0", "2001:db8::/32"] {
            assert_eq!(good.parse::<Cidr>().unwrap().to_string(), good);
        }
        for bad in
            ["", "1.2.3.4", "1.2.3.4/33", "1.2.3.4/24", "::1/64", "::/129", "a/8", "0.0.0.0/+0"]
        {
            assert_eq!(bad.parse::<Cidr>().unwrap_err().kind(), ErrorKind::Spec, "{bad}");
        }
        assert!("0.0.0.0/1".parse::<Cidr>().unwrap().is_world());
        assert!(!"10.0.0.0/8".parse::<Cidr>().unwrap().is_world());
    }
}
