//! The records and health checks that a domain and its nodes need.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::address::unreachable_from_outside;
use super::{Change, ChangeBatch, Domain, HealthCheck, ResourceRecord, ResourceRecordSet};
use crate::{Error, ErrorKind};

/// Seconds for which the apex may be kept: short, since nodes come and go.
const APEX_TTL: u32 = 60;
/// Seconds for which the wildcard may be kept.
const WILDCARD_TTL: u32 = 3600;
/// Every node gets the same share.
const WEIGHT: u8 = 10;

/// How Route53 answers for the apex. Both keep one record set a node, so that a health check can drop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Routing {
    /// One node an answer, all equally often: what Flynn's installer made.
    #[default]
    Weighted,
    /// Up to eight healthy nodes an answer, so that a browser can go on to the next by itself.
    MultiValue,
}

/// What the DNS of a cluster's domain shall hold. Nothing is sent anywhere.
#[derive(Debug, Clone)]
pub struct DnsPlan {
    domain: Domain,
    nodes: Vec<IpAddr>,
    routing: Routing,
    checks: BTreeMap<IpAddr, String>,
    reference_salt: String,
}

impl DnsPlan {
    /// A plan for a domain and the public addresses of all nodes. An IPv4 address that is written as an IPv6 one
    /// (`::ffff:203.0.113.1`) is taken as the IPv4 address.
    ///
    /// # Errors
    /// [`ErrorKind::Domain`]; [`ErrorKind::Address`] without any address, for one given twice, and for one that
    /// nobody outside can reach (private, loopback, link-local, multicast, shared, reserved).
    pub fn new(domain: &str, nodes: impl IntoIterator<Item = IpAddr>) -> Result<Self, Error> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Address, why));
        let domain = domain.parse()?;
        let mut known: Vec<IpAddr> = Vec::new();
        for node in nodes.into_iter().map(|node| node.to_canonical()) {
            if let Some(why) = unreachable_from_outside(node) {
                return refuse(format!("{node} cannot be a node's public address: {why}"));
            }
            if known.contains(&node) {
                return refuse(format!("{node} is given twice"));
            }
            known.push(node);
        }
        if known.is_empty() {
            return refuse("no node's address is given".to_owned());
        }
        Ok(Self {
            domain,
            nodes: known,
            routing: Routing::default(),
            checks: BTreeMap::new(),
            reference_salt: String::new(),
        })
    }

    /// Answers in another way.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.routing = routing;
        self
    }

    /// Ties a node's record to the health check with the id that Route53 gave it. Without, the node is always
    /// in the answers; set identifiers stay, so it can be tied later by sending the batch again.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] if no such node is planned; [`ErrorKind::HealthCheckId`] if the id is empty or has
    /// more than Route53's 64 characters or others than letters, digits and hyphens.
    pub fn health_check_id(mut self, node: IpAddr, id: &str) -> Result<Self, Error> {
        let node = node.to_canonical();
        if !self.nodes.contains(&node) {
            return Err(Error::new(
                ErrorKind::Address,
                format!("{node} is not one of the plan's nodes"),
            ));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(Error::new(
                ErrorKind::HealthCheckId,
                format!("{id:?} cannot be the id of {node}'s health check"),
            ));
        }
        self.checks.insert(node, id.to_owned());
        Ok(self)
    }

    /// Makes the health checks new ones with references of their own: for when those of the same settings were
    /// deleted some days ago at most, see [`HealthCheck::caller_reference`]. Any text will do; the same text gives
    /// the same references.
    pub fn reference_salt(mut self, salt: impl Into<String>) -> Self {
        self.reference_salt = salt.into();
        self
    }

    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The nodes' addresses, in the order given.
    pub fn nodes(&self) -> &[IpAddr] {
        &self.nodes
    }

    /// One health check a node.
    pub fn health_checks(&self) -> Vec<HealthCheck> {
        let check = |node: &IpAddr| HealthCheck::of(&self.domain, *node, &self.reference_salt);
        self.nodes.iter().map(check).collect()
    }

    /// The records: one set a node on the apex (`A`, or `AAAA` for IPv6) and the wildcard `CNAME` to the apex.
    pub fn change_batch(&self) -> ChangeBatch {
        let mut changes: Vec<Change> = self.nodes.iter().map(|node| self.apex(*node)).collect();
        changes.push(self.wildcard());
        ChangeBatch {
            comment: format!(
                "Flynn cluster {}",
                self.domain.as_str().get(..200).unwrap_or(self.domain.as_str())
            ),
            changes,
        }
    }

    fn apex(&self, node: IpAddr) -> Change {
        let weighted = self.routing == Routing::Weighted;
        upsert(ResourceRecordSet {
            name: format!("{}.", self.domain),
            r#type: if node.is_ipv4() { "A" } else { "AAAA" }.to_owned(),
            set_identifier: Some(format!("node-{node}")),
            weight: weighted.then_some(WEIGHT),
            multi_value_answer: (!weighted).then_some(true),
            ttl: APEX_TTL,
            resource_records: vec![ResourceRecord { value: node.to_string() }],
            health_check_id: self.checks.get(&node).cloned(),
        })
    }

    fn wildcard(&self) -> Change {
        upsert(ResourceRecordSet {
            name: format!("*.{}.", self.domain),
            r#type: "CNAME".to_owned(),
            set_identifier: None,
            weight: None,
            multi_value_answer: None,
            ttl: WILDCARD_TTL,
            resource_records: vec![ResourceRecord { value: format!("{}.", self.domain) }],
            health_check_id: None,
        })
    }
}

fn upsert(set: ResourceRecordSet) -> Change {
    Change { action: "UPSERT".to_owned(), resource_record_set: set }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> DnsPlan {
        let nodes = ["203.0.113.10", "203.0.113.11"].map(|ip| ip.parse().unwrap());
        DnsPlan::new("example.com", nodes).unwrap()
    }

    fn as_value(json: &str) -> serde_json::Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_batch_is_what_the_aws_cli_takes() {
        let plan = plan().health_check_id("203.0.113.11".parse().unwrap(), "abc").unwrap();
        let expected = json!({
            "Comment": "Flynn cluster example.com",
            "Changes": [
                {"Action": "UPSERT", "ResourceRecordSet": {
                    "Name": "example.com.", "Type": "A", "SetIdentifier": "node-203.0.113.10",
                    "Weight": 10, "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.10"}]}},
                {"Action": "UPSERT", "ResourceRecordSet": {
                    "Name": "example.com.", "Type": "A", "SetIdentifier": "node-203.0.113.11",
                    "Weight": 10, "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.11"}],
                    "HealthCheckId": "abc"}},
                {"Action": "UPSERT", "ResourceRecordSet": {
                    "Name": "*.example.com.", "Type": "CNAME", "TTL": 3600,
                    "ResourceRecords": [{"Value": "example.com."}]}},
            ]
        });
        assert_eq!(as_value(&plan.change_batch().to_json()), expected);
        let read: ChangeBatch = serde_json::from_str(&plan.change_batch().to_json()).unwrap();
        assert_eq!(read, plan.change_batch());
    }

    #[test]
    fn health_checks_ping_the_controller_on_each_node() {
        let checks = plan().health_checks();
        assert_eq!(checks.len(), 2);
        assert_eq!(
            as_value(&checks[0].to_json()),
            json!({
                "IPAddress": "203.0.113.10", "Port": 80, "Type": "HTTP", "ResourcePath": "/ping",
                "FullyQualifiedDomainName": "controller.example.com",
                "RequestInterval": 30, "FailureThreshold": 3
            })
        );
    }

    #[test]
    fn multi_value_answers_carry_no_weight() {
        let set =
            &plan().routing(Routing::MultiValue).change_batch().changes[0].resource_record_set;
        assert_eq!((set.weight, set.multi_value_answer), (None, Some(true)));
    }

    #[test]
    fn ipv6_nodes_get_aaaa() {
        let plan = DnsPlan::new("example.com", ["2600::1".parse().unwrap()]).unwrap();
        assert_eq!(plan.change_batch().changes[0].resource_record_set.r#type, "AAAA");
    }

    #[test]
    fn nodes_are_checked() {
        let private = DnsPlan::new("example.com", ["10.1.2.3".parse().unwrap()]).unwrap_err();
        assert_eq!(private.kind(), ErrorKind::Address);
        assert!(private.to_string().contains("10.1.2.3"), "{private}");
        assert!(DnsPlan::new("example.com", []).is_err());
        let twice = ["203.0.113.10".parse().unwrap(); 2];
        assert!(DnsPlan::new("example.com", twice).unwrap_err().to_string().contains("twice"));
        assert!(plan().health_check_id("203.0.113.12".parse().unwrap(), "x").is_err());
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let [short, mapped] = ["203.0.113.1", "::ffff:203.0.113.1"].map(|ip| ip.parse().unwrap());
        let plan = DnsPlan::new("example.com", [mapped]).unwrap();
        assert_eq!(plan.nodes(), [short]);
        let set = &plan.health_check_id(mapped, "abc").unwrap().change_batch().changes[0];
        assert_eq!(set.resource_record_set.r#type, "A");
        assert_eq!(set.resource_record_set.health_check_id.as_deref(), Some("abc"));
        let twice = DnsPlan::new("example.com", [short, mapped]).unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
    }

    #[test]
    fn ids_that_route53_never_gives_are_refused() {
        let node = "203.0.113.10".parse().unwrap();
        for bad in ["", "a b", "None\n", &"x".repeat(65)] {
            let error = plan().health_check_id(node, bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::HealthCheckId, "{bad}");
        }
    }

    #[test]
    fn a_salt_gives_other_references_of_the_same_settings() {
        let [old, new] = [plan(), plan().reference_salt("2")].map(|plan| plan.health_checks());
        assert_eq!(old[0].health_check_config, new[0].health_check_config);
        assert_ne!(old[0].caller_reference, new[0].caller_reference);
    }
}
