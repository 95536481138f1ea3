//! The records and health checks that a domain and its nodes need.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    Change, ChangeAction, ChangeBatch, Domain, HealthCheck, NodeAddress, ResourceRecord,
    ResourceRecordSet,
};
use crate::{Error, ErrorKind, Finding};

/// The TTL of the apex in seconds: short, since nodes come and go.
const APEX_TTL: u32 = 60;
/// The TTL of the wildcard in seconds.
const WILDCARD_TTL: u32 = 3600;
/// Every node gets the same share.
const WEIGHT: u8 = 10;
/// Route53's limit of weighted or multi-value sets of one name and type.
const MOST_SETS: usize = 100;
/// Route53's limit of values in one set.
const MOST_VALUES: usize = 400;
/// The number of multi-value sets in one answer.
const MOST_SHOWN: usize = 8;
/// Route53's limit of record values in one batch.
pub(super) const MOST_RECORDS: usize = 1000;

/// The way in which Route53 answers queries for the apex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Routing {
    /// One record with all addresses, as in the guide. Health checks cannot remove a node.
    Simple,
    /// One node per answer, all equally often, as Flynn's installer did. A health check removes a node.
    #[default]
    Weighted,
    /// Up to eight healthy nodes per answer, so that a browser can try the next one. A health check removes a node.
    MultiValue,
}

/// The DNS records and health checks that a cluster's domain needs. Nothing is sent anywhere.
#[derive(Debug, Clone)]
pub struct DnsPlan {
    domain: Domain,
    nodes: Vec<IpAddr>,
    routing: Routing,
    checks: BTreeMap<IpAddr, String>,
    reference_salt: String,
}

impl DnsPlan {
    /// Plans the records of a domain for the public addresses of all nodes. An IPv4-mapped IPv6 address
    /// (`::ffff:203.0.113.1`) is treated as the IPv4 address.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Domain`] if the domain is not valid, and with [`ErrorKind::Address`] without addresses,
    /// for a duplicate, and for an address that is not public (see [`NodeAddress`]).
    pub fn new(domain: &str, nodes: impl IntoIterator<Item = IpAddr>) -> Result<Self, Error> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Address, why));
        let domain = domain.parse()?;
        let mut known: Vec<NodeAddress> = Vec::new();
        for node in nodes {
            let node = NodeAddress::try_from(node)?;
            if known.contains(&node) {
                return refuse(format!("{node} is listed twice"));
            }
            known.push(node);
        }
        if known.is_empty() {
            return refuse("list the address of at least one node".to_owned());
        }
        Ok(Self::checked(domain, known))
    }

    /// Plans the records for checked addresses without duplicates.
    pub(crate) fn checked(domain: Domain, nodes: Vec<NodeAddress>) -> Self {
        Self {
            domain,
            nodes: nodes.into_iter().map(NodeAddress::ip).collect(),
            routing: Routing::default(),
            checks: BTreeMap::new(),
            reference_salt: String::new(),
        }
    }

    /// Sets how Route53 answers queries for the apex.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.routing = routing;
        self
    }

    /// Attaches a health check to a node's record, by the id that Route53 gave the check. Without one, the node is
    /// always in the answers. Set identifiers stay the same, so you can attach it later by sending the batch again.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Address`] if the plan does not have this node, and with [`ErrorKind::HealthCheckId`]
    /// unless the id has 1 to 64 letters, digits and hyphens.
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

    /// Attaches a check to a node's record, by its id or by a placeholder.
    pub(crate) fn mark_health_check(&mut self, node: IpAddr, id: String) {
        self.checks.insert(node, id);
    }

    /// Gives the health checks other caller references. Use it when checks of the same settings were deleted a few
    /// days ago, see [`HealthCheck::caller_reference`]. The same salt gives the same references.
    pub fn reference_salt(mut self, salt: impl Into<String>) -> Self {
        self.reference_salt = salt.into();
        self
    }

    /// Returns the domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Returns the nodes' addresses, in the order given.
    pub fn nodes(&self) -> &[IpAddr] {
        &self.nodes
    }

    /// Returns one health check per node. [`Routing::Simple`] has none, since its record cannot have health checks.
    pub fn health_checks(&self) -> Vec<HealthCheck> {
        if self.routing == Routing::Simple {
            return Vec::new();
        }
        let check = |node: &IpAddr| HealthCheck::of(&self.domain, *node, &self.reference_salt);
        self.nodes.iter().map(check).collect()
    }

    /// Returns the limits of Route53 that this plan exceeds: sets, values and answers.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (r#type, nodes) in self.by_type() {
            let subject = format!("{}. {type}", self.domain);
            let most = if self.routing == Routing::Simple { MOST_VALUES } else { MOST_SETS };
            if nodes.len() > most {
                findings.push(Finding::error(
                    "too-many-records",
                    &subject,
                    format!(
                        "{} nodes are planned, but Route53 takes {most} {} of one name and type",
                        nodes.len(),
                        if self.routing == Routing::Simple { "values" } else { "sets" }
                    ),
                    "list only the nodes that take traffic from outside",
                ));
            } else if self.routing == Routing::MultiValue && nodes.len() > MOST_SHOWN {
                findings.push(Finding::warning(
                    "eight-answers",
                    &subject,
                    format!(
                        "one answer contains {MOST_SHOWN} of the {} nodes at most, chosen at random",
                        nodes.len()
                    ),
                    "use weighted routing, or leave it if that is what you want",
                ));
            }
        }
        findings.extend(too_many_changes(&self.domain, &self.change_batch()));
        findings
    }

    /// Returns the records: the nodes on the apex (`A`, and `AAAA` for IPv6) and the wildcard `CNAME` to the apex.
    pub fn change_batch(&self) -> ChangeBatch {
        let upsert = |set| Change { action: ChangeAction::Upsert, resource_record_set: set };
        ChangeBatch::of(&self.domain, self.record_sets().into_iter().map(upsert).collect())
    }

    /// Returns the record sets that the zone should hold.
    pub(super) fn record_sets(&self) -> Vec<ResourceRecordSet> {
        let mut sets: Vec<ResourceRecordSet> = match self.routing {
            Routing::Simple => self
                .by_type()
                .into_iter()
                .map(|(r#type, nodes)| self.apex(r#type, &nodes))
                .collect(),
            _ => self.nodes.iter().map(|node| self.apex(record_type(node), &[*node])).collect(),
        };
        sets.push(ResourceRecordSet {
            ttl: Some(WILDCARD_TTL),
            ..set(format!("*.{}.", self.domain), "CNAME", [format!("{}.", self.domain)])
        });
        sets
    }

    /// Returns one set on the apex: all nodes of a type, or one node with its identifier and health check.
    fn apex(&self, r#type: &str, nodes: &[IpAddr]) -> ResourceRecordSet {
        let node = nodes.first().filter(|_| self.routing != Routing::Simple);
        ResourceRecordSet {
            set_identifier: node.map(|node| format!("{SET_PREFIX}{node}")),
            weight: (self.routing == Routing::Weighted).then_some(WEIGHT),
            multi_value_answer: (self.routing == Routing::MultiValue).then_some(true),
            ttl: Some(APEX_TTL),
            health_check_id: node.and_then(|node| self.checks.get(node).cloned()),
            ..set(format!("{}.", self.domain), r#type, nodes.iter().map(ToString::to_string))
        }
    }

    fn by_type(&self) -> Vec<(&'static str, Vec<IpAddr>)> {
        ["A", "AAAA"]
            .map(|r#type| {
                let of_type = |node: &&IpAddr| record_type(node) == r#type;
                (r#type, self.nodes.iter().filter(of_type).copied().collect::<Vec<_>>())
            })
            .into_iter()
            .filter(|(_, nodes)| !nodes.is_empty())
            .collect()
    }

    /// Returns the records as lines of a zone file, for other DNS providers. Zone files have neither weights nor
    /// health checks: every answer contains all nodes.
    pub fn zone_lines(&self) -> Vec<String> {
        let plan = self.clone().routing(Routing::Simple);
        let lines = plan.record_sets().into_iter().flat_map(|set| {
            let (name, r#type, ttl) = (set.name, set.r#type, set.ttl.unwrap_or(APEX_TTL));
            set.resource_records
                .into_iter()
                .map(move |record| format!("{name} {ttl} IN {type} {}", record.value))
        });
        lines.collect()
    }
}

/// The prefix of the identifiers of our sets; the node's address follows.
pub(super) const SET_PREFIX: &str = "node-";

fn record_type(node: &IpAddr) -> &'static str {
    if node.is_ipv4() { "A" } else { "AAAA" }
}

fn set(name: String, r#type: &str, values: impl IntoIterator<Item = String>) -> ResourceRecordSet {
    ResourceRecordSet {
        name,
        r#type: r#type.to_owned(),
        set_identifier: None,
        weight: None,
        multi_value_answer: None,
        ttl: None,
        resource_records: values.into_iter().map(|value| ResourceRecord { value }).collect(),
        health_check_id: None,
        other: Map::new(),
    }
}

/// Returns a finding if the batch is too large for Route53.
pub(super) fn too_many_changes(domain: &Domain, batch: &ChangeBatch) -> Option<Finding> {
    let count = batch.counted_records();
    (count > MOST_RECORDS).then(|| {
        Finding::error(
            "batch-too-large",
            domain.as_str(),
            format!(
                "the batch counts {count} records, but Route53 takes {MOST_RECORDS}; an UPSERT counts twice"
            ),
            "list fewer nodes, or delete old record sets first",
        )
    })
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

    #[test]
    fn simple_records_hold_all_addresses_of_a_type() {
        let nodes = ["203.0.113.10", "203.0.113.11", "2600::1"].map(|ip| ip.parse().unwrap());
        let plan = DnsPlan::new("example.com", nodes).unwrap().routing(Routing::Simple);
        let batch = plan.change_batch();
        let sets: Vec<_> = batch.changes.iter().map(|c| &c.resource_record_set).collect();
        let values = |at: usize| sets[at].resource_records.iter().map(|r| r.value.as_str());
        assert!(values(0).eq(["203.0.113.10", "203.0.113.11"]), "{sets:?}");
        assert!(values(1).eq(["2600::1"]), "{sets:?}");
        assert_eq!((sets.len(), &sets[0].set_identifier, sets[0].weight), (3, &None, None));
        assert!(plan.health_checks().is_empty());
    }

    #[test]
    fn zone_files_hold_all_nodes() {
        assert_eq!(
            plan().zone_lines(),
            [
                "example.com. 60 IN A 203.0.113.10",
                "example.com. 60 IN A 203.0.113.11",
                "*.example.com. 3600 IN CNAME example.com.",
            ]
        );
    }

    #[test]
    fn the_limits_of_route53_are_told() {
        let of = |nodes: u32, routing| {
            let nodes = (0..nodes).map(|n| IpAddr::from((0x0101_0000 + n).to_be_bytes()));
            let plan = DnsPlan::new("example.com", nodes).unwrap().routing(routing);
            plan.findings().iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(of(8, Routing::MultiValue), [""; 0]);
        assert_eq!(of(9, Routing::MultiValue), ["eight-answers"]);
        assert_eq!(of(100, Routing::Weighted), [""; 0]);
        assert_eq!(of(101, Routing::Weighted), ["too-many-records"]);
        assert_eq!(of(400, Routing::Simple), [""; 0]);
        assert_eq!(of(401, Routing::Simple), ["too-many-records"]);
        // 1,201 record values, each counted twice.
        assert_eq!(of(1200, Routing::Weighted), ["too-many-records", "batch-too-large"]);
    }
}
