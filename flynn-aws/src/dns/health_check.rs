//! Health checks as `aws route53 create-health-check` takes them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Domain;

/// The health check of one node: `create-health-check --caller-reference … --health-check-config …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthCheck {
    /// Identifies the request: `flynn-<ip>-<hash of the settings>`, so that repeating it creates no second check.
    ///
    /// Route53 remembers the reference of a deleted check for some days and answers `HealthCheckAlreadyExists`;
    /// [`DnsPlan::reference_salt`](super::DnsPlan::reference_salt) makes other references.
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
    /// Seconds between two requests of one checker: 30, the cheaper of AWS's two values.
    pub request_interval: u32,
    /// How many consecutive failures make a node unhealthy.
    pub failure_threshold: u32,
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
        }
    }
}

impl HealthCheck {
    pub(super) fn of(domain: &Domain, ip: IpAddr, salt: &str) -> Self {
        Self::with_salt(HealthCheckConfig::of(domain, ip), salt)
    }

    /// A check of these settings, with a reference of its own for each salt.
    pub(crate) fn with_salt(config: HealthCheckConfig, salt: &str) -> Self {
        let ip = config.ip_address;
        let hash = fnv1a(&format!("{}{salt}", crate::json::pretty(&config)));
        Self { caller_reference: format!("flynn-{ip}-{hash:016x}"), health_check_config: config }
    }

    /// Returns whether the reference is one that this crate made for the node.
    #[expect(dead_code, reason = "for plans")]
    pub(crate) fn is_ours(reference: &str, ip: IpAddr) -> bool {
        reference
            .strip_prefix("flynn-")
            .and_then(|rest| rest.strip_prefix(&ip.to_string()))
            .is_some_and(|rest| rest.len() == 17 && rest.starts_with('-'))
    }

    /// Returns the settings as indented JSON, for `--health-check-config file://…`.
    pub fn to_json(&self) -> String {
        crate::json::pretty(&self.health_check_config)
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

/// FNV-1a: short, and stable across versions, unlike the standard library's hash.
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
