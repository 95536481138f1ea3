//! The rules for hosts.

use std::collections::BTreeSet;

use crate::Finding;

/// Instance types that Flynn's installer refused. All but `t2.small`, which has just enough, have less memory than
/// a host needs.
pub const REFUSED_INSTANCE_TYPES: [&str; 4] = ["t1.micro", "t2.micro", "t2.small", "m1.small"];

/// The least memory of a host: 2 GB. Instances sold as 2 GiB report a little less to the system, so do not
/// measure inside the instance.
const LEAST_MEMORY: u64 = 2_000_000_000;

/// A host that shall be part of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: String,
    memory: u64,
    disk: u64,
    zone: Option<String>,
    instance_type: Option<String>,
    elastic_ip: bool,
}

impl Host {
    /// A host with its memory and the size of its data disk in bytes.
    pub fn new(name: impl Into<String>, memory: u64, disk: u64) -> Self {
        Self { name: name.into(), memory, disk, zone: None, instance_type: None, elastic_ip: false }
    }

    /// Its availability zone.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Its EC2 instance type.
    pub fn instance_type(mut self, instance_type: impl Into<String>) -> Self {
        self.instance_type = Some(instance_type.into());
        self
    }

    /// Whether its public address is an elastic one, which survives a stop.
    pub fn elastic_ip(mut self, elastic_ip: bool) -> Self {
        self.elastic_ip = elastic_ip;
        self
    }
}

/// Checks the hosts of a cluster: their number, memory, disks, zones, addresses and instance types.
/// Zones and types that are not given are not judged.
pub fn check_hosts(hosts: &[Host]) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_number(hosts.len(), &mut findings);
    for host in hosts {
        check_one(host, &mut findings);
    }
    let mut names = BTreeSet::new();
    for host in hosts.iter().filter(|host| !names.insert(&host.name)) {
        findings.push(Finding::error(
            "same-name",
            &host.name,
            "Two hosts have this name, by which a cluster tells its hosts apart.",
            "Give each its own host name, or list it once.",
        ));
    }
    let disks: BTreeSet<u64> = hosts.iter().map(|host| host.disk).collect();
    if disks.len() > 1 {
        findings.push(Finding::error(
            "disk-sizes-differ",
            "hosts",
            "Their data disks differ in size, but all ZFS pools of a cluster should be alike.",
            "Give every host a disk of the same size.",
        ));
    }
    let zones: BTreeSet<&str> = hosts.iter().filter_map(|host| host.zone.as_deref()).collect();
    let zones_given = hosts.iter().filter(|host| host.zone.is_some()).count();
    if zones_given > 1 && zones.len() == 1 {
        findings.push(Finding::warning(
            "one-zone",
            "hosts",
            "All are in one availability zone, so the cluster fails with it.",
            "Spread them over zones of one region.",
        ));
    }
    findings
}

fn check_number(number: usize, findings: &mut Vec<Finding>) {
    match number {
        0 => findings.push(Finding::error(
            "no-hosts",
            "hosts",
            "There are none.",
            "A cluster has 1 host, or at least 3.",
        )),
        1 => findings.push(Finding::warning(
            "one-host",
            "hosts",
            "A single host works, but is neither redundant nor can it be extended later without a backup.",
            "Use at least 3 for production.",
        )),
        2 => findings.push(Finding::error(
            "two-hosts",
            "hosts",
            "Flynn refuses clusters of 2: they cannot agree when one is gone.",
            "Use 1, or at least 3.",
        )),
        _ => {}
    }
}

fn check_one(host: &Host, findings: &mut Vec<Finding>) {
    let instance_type = host.instance_type.as_deref();
    if let Some(refused) = instance_type.filter(|t| REFUSED_INSTANCE_TYPES.contains(t)) {
        findings.push(Finding::error(
            "instance-type",
            &host.name,
            format!("Flynn's own installer refused a {refused} as too small."),
            "Use a larger one with at least 2 GB of memory, such as a t3.small.",
        ));
    }
    if host.memory < LEAST_MEMORY {
        findings.push(Finding::error(
            "memory",
            &host.name,
            format!("It has {} MB of memory, a host needs 2 GB.", host.memory / 1_000_000),
            "Use a larger instance.",
        ));
    }
    if !host.elastic_ip {
        findings.push(Finding::warning(
            "no-elastic-ip",
            &host.name,
            "Its public address changes when it is stopped, and DNS then points to a stranger.",
            "Give it an elastic IP (5 a region by default, more on request).",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(zone: &str) -> Host {
        Host::new(zone, 4 << 30, 50 << 30).zone(zone).instance_type("t3.medium").elastic_ip(true)
    }

    fn codes(hosts: &[Host]) -> Vec<&'static str> {
        check_hosts(hosts).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn three_alike_in_three_zones_are_fine() {
        assert_eq!(codes(&[good("a"), good("b"), good("c")]), [""; 0]);
    }

    #[test]
    fn every_rule_is_applied() {
        assert_eq!(codes(&[]), ["no-hosts"]);
        assert_eq!(codes(&[good("a")]), ["one-host"]);
        assert_eq!(codes(&[good("a"), good("b")]), ["two-hosts"]);
        assert_eq!(codes(&[good("a"), good("b"), good("a")]), ["same-name"]);
        let in_zone_a = |host: &str| good(host).zone("a");
        assert_eq!(codes(&[in_zone_a("a"), in_zone_a("b"), in_zone_a("c")]), ["one-zone"]);
        let other_disk = Host { disk: 1, ..good("c") };
        assert_eq!(codes(&[good("a"), good("b"), other_disk]), ["disk-sizes-differ"]);
        let small = Host::new("c", 1 << 30, 50 << 30).instance_type("t2.micro");
        assert_eq!(
            codes(&[good("a"), good("b"), small]),
            ["instance-type", "memory", "no-elastic-ip"]
        );
    }
}
