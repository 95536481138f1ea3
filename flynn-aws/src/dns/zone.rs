//! The records of a hosted zone, and the changes to make.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;

use super::names::unreachable_from_outside;
use super::plan::{SET_PREFIX, too_many_changes};
use super::{Change, ChangeAction, ChangeBatch, DnsPlan, Domain, ResourceRecordSet};
use crate::{Error, Finding};

/// The record sets of a Route53 hosted zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Zone {
    sets: Vec<ResourceRecordSet>,
}

/// The difference between a [`Zone`] and a [`DnsPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZoneDiff {
    /// The changes, deletions first. Empty if the zone already has the planned records, or if there is a conflict.
    pub batch: ChangeBatch,
    /// The changes that restore the zone afterwards.
    pub inverse: ChangeBatch,
    /// Conflicts, names that hide the wildcard, and other problems.
    pub findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    resource_record_sets: Vec<ResourceRecordSet>,
}

impl Zone {
    /// Reads the output of `aws route53 list-resource-record-sets`.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Document`](crate::ErrorKind::Document) if the text is not that output.
    pub fn read(json: &str) -> Result<Self, Error> {
        let listing: Listing = crate::cli_json::read(json, "ResourceRecordSets")?;
        Ok(Self::from_sets(listing.resource_record_sets))
    }

    /// Reads a recognized document.
    pub(crate) fn from_value(value: serde_json::Value) -> Result<Self, Error> {
        let listing: Listing = crate::cli_json::decode(value, "ResourceRecordSets")?;
        Ok(Self::from_sets(listing.resource_record_sets))
    }

    /// Creates a zone from record sets that you got in another way.
    pub fn from_sets(sets: Vec<ResourceRecordSet>) -> Self {
        Self { sets }
    }

    /// Returns the record sets.
    pub fn sets(&self) -> &[ResourceRecordSet] {
        &self.sets
    }

    /// Returns the changes of a batch that are not made yet: deletions of sets that still exist, and other changes to
    /// sets that differ. So you can send a batch again after it was made in part or completely.
    pub fn remaining(&self, batch: &ChangeBatch) -> ChangeBatch {
        let open = |change: &Change| {
            let wanted = &change.resource_record_set;
            let there =
                self.sets.iter().find(|set| same_key(set, wanted) && same_kind(set, wanted));
            let holds = there.is_some_and(|set| same_content(set, wanted));
            if change.action == ChangeAction::Delete { there.is_some() } else { !holds }
        };
        let changes = batch.changes.iter().filter(|change| open(change)).cloned().collect();
        ChangeBatch { comment: batch.comment.clone(), changes }
    }

    /// Compares the zone with a plan.
    ///
    /// Sets with our identifier are updated, or deleted if their node has left. A record of another kind at the
    /// apex or the wildcard, such as an ordinary `A` where weighted ones are planned, is a conflict: without `replace`
    /// it becomes a finding and nothing is changed; with `replace`, one batch replaces the old record.
    pub fn diff(&self, plan: &DnsPlan, replace: bool) -> ZoneDiff {
        let wanted = plan.record_sets();
        let mut findings = self.hidden_names(plan.domain());
        findings.extend(self.private_addresses(plan.domain()));
        let (mut deletions, mut changes, mut inverse) = (Vec::new(), Vec::new(), Vec::new());
        let mut conflict = false;
        for old in self.at_our_names(plan.domain()) {
            if wanted.iter().any(|new| same_key(old, new) && same_kind(old, new)) {
                continue;
            }
            if is_ours(old) || (replace && is_replaceable(old)) {
                deletions.push(change(ChangeAction::Delete, old.clone()));
                inverse.push(change(ChangeAction::Create, old.clone()));
            } else if wanted.iter().any(|new| conflicts(old, new)) {
                conflict = true;
                findings.push(conflict_finding(old));
            } else if matches!(old.r#type.as_str(), "A" | "AAAA") {
                findings.push(Finding::warning(
                    "foreign-record",
                    describe(old),
                    "it answers for the apex together with the cluster's nodes, but it is not one of them",
                    "delete it if it is old, or plan with replacement",
                ));
            }
        }
        for new in wanted {
            let old = self.sets.iter().find(|old| same_key(old, &new) && same_kind(old, &new));
            match old {
                Some(old) if same_content(old, &new) => {}
                Some(old) => {
                    changes.push(change(ChangeAction::Upsert, new));
                    inverse.push(change(ChangeAction::Upsert, old.clone()));
                }
                None => {
                    changes.push(change(ChangeAction::Create, new.clone()));
                    inverse.push(change(ChangeAction::Delete, new));
                }
            }
        }
        if conflict {
            (deletions, changes, inverse) = Default::default();
        }
        deletions.append(&mut changes);
        // Delete the new set before restoring the one that it replaced.
        inverse.sort_by_key(|change| change.action != ChangeAction::Delete);
        let batch = ChangeBatch::of(plan.domain(), deletions);
        findings.extend(too_many_changes(plan.domain(), &batch));
        ZoneDiff { batch, inverse: ChangeBatch::of(plan.domain(), inverse), findings }
    }

    /// Returns the address records and aliases of the apex, and everything at the wildcard.
    fn at_our_names(&self, domain: &Domain) -> impl Iterator<Item = &ResourceRecordSet> {
        let (apex, wildcard) = (domain.as_str(), format!("*.{domain}"));
        self.sets.iter().filter(move |set| {
            let name = name_of(set);
            name == wildcard
                || (name == apex && matches!(set.r#type.as_str(), "A" | "AAAA" | "CNAME"))
        })
    }

    /// Reports names below the domain that exist, since the wildcard does not cover them.
    fn hidden_names(&self, domain: &Domain) -> Vec<Finding> {
        let suffix = format!(".{domain}");
        let wildcard = format!("*{suffix}");
        let mut records: BTreeSet<(String, &str)> = BTreeSet::new();
        for set in &self.sets {
            let name = name_of(set);
            if name.ends_with(&suffix) && name != wildcard {
                records.insert((name, &set.r#type));
            }
        }
        let names: BTreeSet<&str> = records.iter().map(|(name, _)| name.as_str()).collect();
        let mut empty = BTreeSet::new();
        for name in &names {
            let mut rest = *name;
            while let Some((_, parent)) = rest.split_once('.') {
                if !parent.ends_with(&suffix) {
                    break;
                }
                if !names.contains(parent) {
                    empty.insert(parent);
                }
                rest = parent;
            }
        }
        let hides = |name: &str, why: String| {
            Finding::warning(
                "hides-wildcard",
                name,
                format!(
                    "{why}, so the wildcard does not cover it and an app cannot be reached there"
                ),
                "delete it, or do not use it for a route",
            )
        };
        let own = names.iter().map(|name| {
            let types: Vec<&str> =
                records.iter().filter(|(n, _)| n == name).map(|(_, r#type)| *r#type).collect();
            hides(name, format!("it has records of its own ({})", types.join(", ")))
        });
        let empty = empty.iter().map(|name| hides(name, "names below it have records".to_owned()));
        own.chain(empty).collect()
    }

    /// Reports addresses at the apex that are not reachable from the internet.
    fn private_addresses(&self, domain: &Domain) -> Vec<Finding> {
        let at_apex = self.sets.iter().filter(|set| name_of(set) == domain.as_str());
        let values = at_apex.flat_map(|set| &set.resource_records);
        values
            .filter_map(|record| {
                let ip = record.value.parse::<IpAddr>().ok()?.to_canonical();
                let why = unreachable_from_outside(ip)?;
                Some(Finding::error(
                    "private-address",
                    format!("{domain}."),
                    format!("the zone answers with {ip}, which is not reachable from the internet: {why}"),
                    "replace it with the node's public address",
                ))
            })
            .collect()
    }
}

impl ZoneDiff {
    /// Returns whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        self.batch.changes.is_empty()
    }
}

fn change(action: ChangeAction, set: ResourceRecordSet) -> Change {
    Change { action, resource_record_set: set }
}

/// Returns a set's name in lower case, without its final dot and with Route53's octal escapes decoded (`\052` is `*`).
fn name_of(set: &ResourceRecordSet) -> String {
    let mut name = String::new();
    let mut rest = set.name.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        name.push_str(before);
        let code = escape.get(1..4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        name.push(code.map_or('\\', char::from));
        rest = escape.get(if code.is_some() { 4 } else { 1 }..).unwrap_or("");
    }
    name.push_str(rest);
    name.make_ascii_lowercase();
    if name.ends_with('.') {
        name.pop();
    }
    name
}

fn same_key(a: &ResourceRecordSet, b: &ResourceRecordSet) -> bool {
    name_of(a) == name_of(b) && a.r#type == b.r#type && a.set_identifier == b.set_identifier
}

/// Returns whether both sets are simple, both weighted, or both multi-value.
fn same_kind(a: &ResourceRecordSet, b: &ResourceRecordSet) -> bool {
    let kind = |set: &ResourceRecordSet| {
        (set.weight.is_some(), set.multi_value_answer == Some(true), !set.other.is_empty())
    };
    kind(a) == kind(b)
}

fn same_content(a: &ResourceRecordSet, b: &ResourceRecordSet) -> bool {
    // The value of a CNAME may lack its final dot, and an IPv6 address has several spellings.
    let values = |set: &ResourceRecordSet| -> BTreeSet<String> {
        let plain = |value: &str| match value.parse::<IpAddr>() {
            Ok(ip) => ip.to_string(),
            Err(_) => value.trim_end_matches('.').to_ascii_lowercase(),
        };
        set.resource_records.iter().map(|record| plain(&record.value)).collect()
    };
    (a.ttl, a.weight, &a.health_check_id) == (b.ttl, b.weight, &b.health_check_id)
        && values(a) == values(b)
}

/// Returns whether a set has the identifier of one of our sets.
fn is_ours(set: &ResourceRecordSet) -> bool {
    let id = set.set_identifier.as_deref().and_then(|id| id.strip_prefix(SET_PREFIX));
    id.is_some_and(|ip| ip.parse::<IpAddr>().is_ok()) && set.other.is_empty()
}

/// Returns whether a change batch can restore the set. It cannot restore sets of traffic policies and geographic
/// routing.
fn is_replaceable(set: &ResourceRecordSet) -> bool {
    set.other.keys().all(|key| key == "AliasTarget")
}

/// Returns whether Route53 refuses to hold both sets.
fn conflicts(old: &ResourceRecordSet, new: &ResourceRecordSet) -> bool {
    let cname = |set: &ResourceRecordSet| set.r#type == "CNAME";
    name_of(old) == name_of(new)
        && (cname(old) || cname(new) || (old.r#type == new.r#type && !same_kind(old, new)))
}

fn conflict_finding(old: &ResourceRecordSet) -> Finding {
    let remedy = if is_replaceable(old) {
        "plan with replacement, which exchanges old and new in one batch, or delete it yourself"
    } else {
        "delete it yourself: a change batch cannot restore this kind of record"
    };
    Finding::error(
        "conflicting-record",
        describe(old),
        "Route53 keeps one kind of record per name and type, so it would refuse the cluster's records; nothing is \
         changed",
        remedy,
    )
}

/// Describes a set in one line: name, type, identifier, values.
pub(crate) fn describe(set: &ResourceRecordSet) -> String {
    let identifier = set.set_identifier.iter().map(|id| format!("({})", id.escape_debug()));
    let values = set.resource_records.iter().map(|record| record.value.escape_debug().to_string());
    let more = (set.resource_records.len() > 3).then(|| "…".to_owned());
    let alias = set.other.contains_key("AliasTarget").then(|| "(alias)".to_owned());
    [format!("{}.", name_of(set)), set.r#type.clone()]
        .into_iter()
        .chain(identifier)
        .chain(values.take(3))
        .chain(more)
        .chain(alias)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Routing;
    use super::*;

    fn plan() -> DnsPlan {
        let nodes = ["203.0.113.10", "203.0.113.11"].map(|ip| ip.parse().unwrap());
        DnsPlan::new("example.com", nodes).unwrap()
    }

    fn zone(sets: &serde_json::Value) -> Zone {
        Zone::read(&json!({ "ResourceRecordSets": sets }).to_string()).unwrap()
    }

    /// Applies a batch to a zone, as Route53 does.
    fn applied(zone: &Zone, batch: &ChangeBatch) -> Zone {
        let mut sets = zone.sets.clone();
        for change in &batch.changes {
            let set = &change.resource_record_set;
            let at = sets.iter().position(|old| same_key(old, set));
            match change.action {
                ChangeAction::Delete => assert_eq!(&sets.remove(at.unwrap()), set),
                ChangeAction::Create => {
                    assert_eq!(at, None);
                    assert!(!sets.iter().any(|old| conflicts(old, set)), "{set:?}");
                    sets.push(set.clone());
                }
                ChangeAction::Upsert => {
                    at.map(|at| sets.remove(at));
                    sets.push(set.clone());
                }
            }
        }
        Zone { sets }
    }

    fn sorted(mut zone: Zone) -> Zone {
        zone.sets.sort_by_key(|set| format!("{set:?}"));
        zone
    }

    fn codes(diff: &ZoneDiff) -> Vec<&'static str> {
        diff.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_zone_that_holds_the_plan_needs_nothing() {
        let soa = json!({"Name": "example.com.", "Type": "SOA", "TTL": 900,
            "ResourceRecords": [{"Value": "ns-1.awsdns-1.org. x.amazon.com. 1 7200 900 1209600 86400"}]});
        let empty = zone(&json!([soa]));
        for routing in [Routing::Simple, Routing::Weighted, Routing::MultiValue] {
            let plan = plan().routing(routing);
            let diff = empty.diff(&plan, false);
            assert!(!diff.is_empty());
            let full = applied(&empty, &diff.batch);
            let again = full.diff(&plan, false);
            assert!(again.is_empty() && again.findings.is_empty(), "{again:?}");
            assert_eq!(sorted(applied(&full, &diff.inverse)), sorted(empty.clone()));
            // As Route53 prints it: escaped, and in its own order.
            let mut printed = sorted(full);
            for set in &mut printed.sets {
                set.name = set.name.replace('*', "\\052");
            }
            assert!(printed.diff(&plan, false).is_empty());
        }
    }

    #[test]
    fn a_batch_can_be_sent_again() {
        let diff = Zone::default().diff(&plan(), false);
        let full = applied(&Zone::default(), &diff.batch);
        assert_eq!(Zone::default().remaining(&diff.batch), diff.batch);
        assert_eq!(full.remaining(&diff.batch).changes, []);
        assert_eq!(full.remaining(&diff.inverse), diff.inverse);
        assert_eq!(Zone::default().remaining(&diff.inverse).changes, []);
        let mut half = full.clone();
        half.sets.remove(0);
        assert_eq!(half.remaining(&diff.batch).changes.len(), 1);
    }

    #[test]
    fn drift_is_repaired_and_nodes_that_left_go() {
        let plan = plan();
        let mut full = applied(&Zone::default(), &Zone::default().diff(&plan, false).batch);
        full.sets[0].ttl = Some(1);
        full.sets.remove(1);
        let stale = DnsPlan::new("example.com", ["203.0.113.99".parse().unwrap()]).unwrap();
        full.sets.extend(stale.record_sets().into_iter().take(1));
        let diff = full.diff(&plan, false);
        let actions: Vec<_> = diff.batch.changes.iter().map(|change| change.action).collect();
        assert_eq!(actions, [ChangeAction::Delete, ChangeAction::Upsert, ChangeAction::Create]);
        let repaired = applied(&full, &diff.batch);
        assert!(repaired.diff(&plan, false).is_empty());
        assert_eq!(sorted(applied(&repaired, &diff.inverse)), sorted(full));
    }

    #[test]
    fn conflicting_kinds_are_replaced_on_request_only() {
        let alias = json!({"Name": "example.com.", "Type": "A", "AliasTarget": {
            "HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": "lb.us-east-1.elb.amazonaws.com.",
            "EvaluateTargetHealth": false}});
        let simple = json!({"Name": "example.com.", "Type": "A", "TTL": 300,
            "ResourceRecords": [{"Value": "198.51.100.1"}]});
        let wild = json!({"Name": "\\052.example.com.", "Type": "A", "TTL": 300,
            "ResourceRecords": [{"Value": "198.51.100.1"}]});
        for old in [alias, simple, wild] {
            let zone = zone(&json!([old]));
            let diff = zone.diff(&plan(), false);
            assert!(diff.is_empty(), "{diff:?}");
            assert_eq!(codes(&diff), ["conflicting-record"]);
            let diff = zone.diff(&plan(), true);
            let full = applied(&zone, &diff.batch);
            assert!(full.diff(&plan(), false).is_empty(), "{full:?}");
            assert_eq!(sorted(applied(&full, &diff.inverse)), sorted(zone));
        }
        // Our own sets change their kind even without `replace`.
        let weighted = applied(&Zone::default(), &Zone::default().diff(&plan(), false).batch);
        let multi = plan().routing(Routing::MultiValue);
        let full = applied(&weighted, &weighted.diff(&multi, false).batch);
        assert!(full.diff(&multi, false).is_empty());
        // A record with geographic routing is never replaced.
        let geo = zone(
            &json!([{"Name": "example.com.", "Type": "A", "TTL": 60, "SetIdentifier": "eu",
            "GeoLocation": {"ContinentCode": "EU"}, "ResourceRecords": [{"Value": "198.51.100.1"}]}]),
        );
        let diff = geo.diff(&plan(), true);
        assert!(diff.is_empty() && codes(&diff) == ["conflicting-record"], "{diff:?}");
    }

    #[test]
    fn names_that_hide_the_wildcard_are_named() {
        let record = |name: &str, r#type: &str| json!({"Name": name, "Type": r#type, "TTL": 60, "ResourceRecords": [{"Value": "x"}]});
        let zone = zone(&json!([
            record("Shop.example.com.", "CNAME"),
            record("a.b.c.example.com.", "TXT"),
            record("\\052.d.example.com.", "A"),
            record("example.com.", "MX"),
            record("otherexample.com.", "A"),
        ]));
        let diff = zone.diff(&plan(), false);
        let subjects: Vec<&str> = diff.findings.iter().map(|f| f.subject.as_str()).collect();
        assert_eq!(
            subjects,
            [
                "*.d.example.com",
                "a.b.c.example.com",
                "shop.example.com",
                "b.c.example.com",
                "c.example.com",
                "d.example.com"
            ]
        );
        assert!(!diff.is_empty());
    }

    #[test]
    fn private_addresses_are_found() {
        let zone =
            zone(&json!([{"Name": "example.com.", "Type": "A", "SetIdentifier": "node-10.0.0.1",
            "Weight": 10, "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}]));
        let diff = zone.diff(&plan(), false);
        assert_eq!(codes(&diff), ["private-address"]);
        assert_eq!(diff.batch.changes[0].action, ChangeAction::Delete);
    }
}
