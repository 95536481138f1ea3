//! Change batches and health checks as the AWS CLI accepts them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Domain;

/// Changes that Route53 makes atomically.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ChangeBatch {
    /// A comment of at most 256 characters.
    pub comment: String,
    /// The changes.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Change {
    /// The action.
    pub action: ChangeAction,
    /// The records.
    pub resource_record_set: ResourceRecordSet,
}

/// The action of a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum ChangeAction {
    /// Creates a set that does not exist yet.
    Create,
    /// Deletes a set. It must match the existing one exactly.
    Delete,
    /// Creates a set, or replaces the one with the same name, type and set identifier.
    Upsert,
}

/// Records of one name and type; with a set identifier, one of several such sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ResourceRecordSet {
    /// The full name with its final dot.
    pub name: String,
    /// The type, such as `A`, `AAAA` or `CNAME`.
    pub r#type: String,
    /// Tells sets of one name and type apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    /// The share of the answers, 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// True for one of up to eight sets that one answer contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value_answer: Option<bool>,
    /// The time in seconds that resolvers may cache an answer. Aliases have none.
    #[serde(rename = "TTL", default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// The values. Aliases have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_records: Vec<ResourceRecord>,
    /// The health check that removes the set from the answers while it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<String>,
    /// All other fields of the set, such as `AliasTarget`. A `DELETE` needs them.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One value of a record set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ResourceRecord {
    /// An IP address or a name.
    pub value: String,
}

impl ChangeBatch {
    pub(super) fn of(domain: &Domain, changes: Vec<Change>) -> Self {
        // A comment has at most 256 characters, and a domain can have 240.
        let domain = domain.as_str();
        let comment = format!("Flynn cluster {}", domain.get(..200).unwrap_or(domain));
        Self { comment, changes }
    }

    /// Returns the batch as indented JSON.
    pub fn to_json(&self) -> String {
        crate::cli_json::pretty(self)
    }

    /// Returns the number of record values as Route53 counts them: values of an `UPSERT` count twice. Route53 accepts
    /// at most 1,000.
    pub fn counted_records(&self) -> usize {
        let of = |change: &Change| {
            let values = change.resource_record_set.resource_records.len().max(1);
            if change.action == ChangeAction::Upsert { 2 * values } else { values }
        };
        self.changes.iter().map(of).sum()
    }
}

/// The health check of one node: `create-health-check --caller-reference … --health-check-config …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthCheck {
    /// Identifies the request: `flynn-<ip>-<hash of the settings>`, so that repeating it does not create a second
    /// check.
    ///
    /// Route53 remembers the reference of a deleted check for some days and answers `HealthCheckAlreadyExists`;
    /// use [`DnsPlan::reference_salt`](super::DnsPlan::reference_salt) to get other references.
    pub caller_reference: String,
    /// The settings.
    pub health_check_config: HealthCheckConfig,
}

/// The settings of a [`HealthCheck`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthCheckConfig {
    /// The node's address.
    #[serde(rename = "IPAddress")]
    pub ip_address: IpAddr,
    /// 80: the router answers `/ping` in plain HTTP.
    pub port: u16,
    /// `HTTP`.
    pub r#type: String,
    /// `/ping`, which needs no key.
    pub resource_path: String,
    /// The `Host` header, `controller.<domain>`: the router has no other route that answers `/ping`.
    pub fully_qualified_domain_name: String,
    /// The seconds between two requests of one checker: 30, the cheaper of the two values that AWS offers.
    pub request_interval: u32,
    /// The number of consecutive failures that make a node unhealthy.
    pub failure_threshold: u32,
    /// True if the check is off. It then counts as healthy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// True if the result is inverted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inverted: bool,
}

impl HealthCheckConfig {
    fn of(domain: &Domain, ip: IpAddr) -> Self {
        Self {
            ip_address: ip,
            port: 80,
            r#type: "HTTP".to_owned(),
            resource_path: "/ping".to_owned(),
            fully_qualified_domain_name: format!("controller.{domain}"),
            request_interval: 30,
            failure_threshold: 3,
            disabled: false,
            inverted: false,
        }
    }

    /// Returns whether both send the same request and judge the answer the same way. The interval does not matter.
    pub(crate) fn checks_alike(&self, other: &Self) -> bool {
        let asks =
            |config: &Self| Self { request_interval: 0, failure_threshold: 0, ..config.clone() };
        asks(self) == asks(other)
    }
}

impl HealthCheck {
    pub(super) fn of(domain: &Domain, ip: IpAddr, salt: &str) -> Self {
        Self::with_salt(HealthCheckConfig::of(domain, ip), salt)
    }

    /// Returns a check with these settings. Each salt gives another reference.
    pub(crate) fn with_salt(config: HealthCheckConfig, salt: &str) -> Self {
        let ip = config.ip_address;
        let hash = fnv1a(&format!("{}{salt}", crate::cli_json::pretty(&config)));
        Self { caller_reference: format!("flynn-{ip}-{hash:016x}"), health_check_config: config }
    }

    /// Returns whether the reference is one that this crate makes: `flynn-<ip>-<16 digits>`.
    pub(crate) fn is_ours(reference: &str) -> bool {
        let parts = reference.strip_prefix("flynn-").and_then(|rest| rest.rsplit_once('-'));
        parts.is_some_and(|(ip, hash)| ip.parse::<IpAddr>().is_ok() && hash.len() == 16)
    }

    /// Returns the settings as indented JSON, for `--health-check-config file://…`.
    pub fn to_json(&self) -> String {
        crate::cli_json::pretty(&self.health_check_config)
    }

    /// Returns the command that creates the check. The settings are in the AWS CLI's shorthand syntax, which needs no
    /// quotes in any shell.
    pub fn to_command(&self) -> String {
        let config = &self.health_check_config;
        format!(
            "aws route53 create-health-check --caller-reference {} --health-check-config \
             IPAddress={},Port={},Type={},ResourcePath={},FullyQualifiedDomainName={},\
             RequestInterval={},FailureThreshold={}",
            self.caller_reference,
            config.ip_address,
            config.port,
            config.r#type,
            config.resource_path,
            config.fully_qualified_domain_name,
            config.request_interval,
            config.failure_threshold,
        )
    }
}

/// Hashes with FNV-1a, which unlike the standard library's hash is stable across versions.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_stable_short_and_tell_settings_apart() {
        let domain: Domain = "example.com".parse().unwrap();
        let other: Domain = "example.org".parse().unwrap();
        let ip = "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
        let reference = HealthCheck::of(&domain, ip, "").caller_reference;
        assert_eq!(reference, HealthCheck::of(&domain, ip, "").caller_reference);
        assert_ne!(reference, HealthCheck::of(&other, ip, "").caller_reference);
        assert_ne!(reference, HealthCheck::of(&domain, ip, "2").caller_reference);
        assert!(reference.len() <= 64, "{reference}");
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn the_command_needs_no_quotes() {
        let domain: Domain = "example.com".parse().unwrap();
        let check = HealthCheck::of(&domain, "2600::1".parse().unwrap(), "it's; $(mine)");
        let command = check.to_command();
        assert!(command.contains(
            " IPAddress=2600::1,Port=80,Type=HTTP,ResourcePath=/ping,\
             FullyQualifiedDomainName=controller.example.com,RequestInterval=30,FailureThreshold=3"
        ));
        let plain = |c: char| c.is_ascii_alphanumeric() || " -.:,=/".contains(c);
        assert!(command.chars().all(plain), "{command}");
    }
}
