//! Checks of the hosts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, Region};

/// Instance types that Flynn's installer refused. All but `t2.small` have less memory than a host needs.
pub const REFUSED_INSTANCE_TYPES: [&str; 4] = ["t1.micro", "t2.micro", "t2.small", "m1.small"];

/// The least memory of a host: 2 GB. Use the memory of the instance type: inside an instance, the system reports a
/// little less.
const LEAST_MEMORY: u64 = 2_000_000_000;

/// A host of a cluster. Only what you set is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    name: String,
    memory: Option<u64>,
    disk: Option<u64>,
    zone: Option<String>,
    instance_type: Option<String>,
    arm: bool,
    elastic_ip: Option<bool>,
}

impl Host {
    /// Creates a host with a name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets its memory in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Sets the size of its data disk in bytes.
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk = Some(bytes);
        self
    }

    /// Sets its availability zone.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets its EC2 instance type.
    pub fn instance_type(mut self, instance_type: impl Into<String>) -> Self {
        self.instance_type = Some(instance_type.into());
        self
    }

    /// Sets whether it has an ARM processor. The instance type says this too.
    pub fn arm(mut self, arm: bool) -> Self {
        self.arm = arm;
        self
    }

    /// Sets whether its public address is an elastic one, which survives a stop.
    pub fn elastic_ip(mut self, elastic_ip: bool) -> Self {
        self.elastic_ip = Some(elastic_ip);
        self
    }
}

/// Checks the hosts of a cluster: their number, memory, disks, zones, regions, addresses and instance types.
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
            "two hosts have this name, but a cluster identifies its hosts by their names",
            "give each its own host name, or list it once",
        ));
    }
    let disks: BTreeSet<u64> = hosts.iter().filter_map(|host| host.disk).collect();
    if disks.len() > 1 {
        findings.push(Finding::error(
            "disk-sizes-differ",
            "hosts",
            "their data disks differ in size, but all ZFS pools of a cluster should be identical",
            "give every host a disk of the same size",
        ));
    }
    check_zones(hosts, &mut findings);
    findings
}

fn check_number(number: usize, findings: &mut Vec<Finding>) {
    match number {
        0 => findings.push(Finding::error(
            "no-hosts",
            "hosts",
            "there are none",
            "a cluster has 1 host, or at least 3",
        )),
        1 => findings.push(Finding::warning(
            "one-host",
            "hosts",
            "a single host works, but it is not redundant, and extending it later takes a backup and a new cluster",
            "use at least 3 for production",
        )),
        2 => findings.push(Finding::error(
            "two-hosts",
            "hosts",
            "Flynn refuses clusters of 2: there is no majority when one fails",
            "use 1, or at least 3",
        )),
        even if even % 2 == 0 => findings.push(Finding::warning(
            "even-hosts",
            "hosts",
            format!("{even} hosts survive no more failures than {}", even - 1),
            "use an odd number of hosts for the consensus",
        )),
        _ => {}
    }
}

fn check_one(host: &Host, findings: &mut Vec<Finding>) {
    let instance_type = host.instance_type.as_deref().unwrap_or("");
    let (family, size) = instance_type.split_once('.').unwrap_or((instance_type, ""));
    let small = matches!(size, "nano" | "micro");
    if REFUSED_INSTANCE_TYPES.contains(&instance_type) {
        findings.push(Finding::error(
            "instance-type",
            &host.name,
            format!("Flynn's own installer refused a {instance_type} as too small"),
            "use a larger one with at least 2 GB of memory, such as a t3.small",
        ));
    } else if small {
        findings.push(Finding::error(
            "instance-type",
            &host.name,
            format!("a {instance_type} has 1 GB of memory at most, but a host needs 2 GB"),
            "use a larger one, such as a t3.small",
        ));
    }
    if host.arm || is_arm(family) {
        findings.push(Finding::error(
            "arm",
            &host.name,
            "it has an ARM processor, but Flynn's programs are built for amd64 only",
            "use an instance type with an Intel or AMD processor",
        ));
    }
    if let Some(memory) = host.memory.filter(|memory| *memory < LEAST_MEMORY) {
        findings.push(Finding::error(
            "memory",
            &host.name,
            format!("it has {} MB of memory, but a host needs 2 GB", memory / 1_000_000),
            "use a larger instance",
        ));
    }
    if host.elastic_ip == Some(false) {
        findings.push(Finding::warning(
            "no-elastic-ip",
            &host.name,
            "its public address changes when it is stopped, so DNS may then point to somebody else's host",
            "give it an elastic IP (5 per region by default, more on request)",
        ));
    }
}

/// Returns whether an instance family has ARM processors: `a1`, `mac2`, and families with a `g` after the generation,
/// such as `t4g` and `c7gn`.
fn is_arm(family: &str) -> bool {
    let attributes = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let attributes = attributes.trim_start_matches(|c: char| c.is_ascii_digit());
    let graviton = attributes.split('-').next().unwrap_or("").contains('g');
    family == "a1" || family.starts_with("mac2") || graviton
}

fn check_zones(hosts: &[Host], findings: &mut Vec<Finding>) {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for zone in hosts.iter().filter_map(|host| host.zone.as_deref()) {
        *zones.entry(zone).or_default() += 1;
    }
    let regions: BTreeSet<&str> = zones.keys().filter_map(|zone| region_of(zone)).collect();
    if regions.len() > 1 {
        findings.push(Finding::error(
            "regions-differ",
            "hosts",
            format!(
                "they are in {}, but the consensus and the overlay network need the short round trips of one region",
                regions.into_iter().collect::<Vec<_>>().join(", ")
            ),
            "put all hosts into one region, each into another availability zone",
        ));
    }
    let given: usize = zones.values().sum();
    let Some((fullest, count)) = zones.iter().max_by_key(|(_, count)| **count) else { return };
    if given > 1 && zones.len() == 1 {
        findings.push(Finding::warning(
            "one-zone",
            "hosts",
            "all are in one availability zone, so the cluster fails with it",
            "spread them over the zones of one region",
        ));
    } else if given > 2 && 2 * *count > given {
        findings.push(Finding::warning(
            "zone-majority",
            "hosts",
            format!("{count} of {given} are in {fullest}, so the cluster loses its majority with that zone"),
            "spread them evenly over the zones of one region",
        ));
    }
}

/// Returns the region of an availability zone or a local zone such as `us-east-1-bos-1a`.
fn region_of(zone: &str) -> Option<&str> {
    let ends = zone.char_indices().map(|(at, _)| at).chain([zone.len()]);
    let mut candidates = ends.filter_map(|end| zone.get(..end));
    candidates.rfind(|name| name.parse::<Region>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(name: &str) -> Host {
        Host::new(name)
            .memory(4 << 30)
            .disk(50 << 30)
            .zone(format!("us-east-1{name}"))
            .instance_type("t3.medium")
            .elastic_ip(true)
    }

    fn codes(hosts: &[Host]) -> Vec<&'static str> {
        check_hosts(hosts).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn three_alike_in_three_zones_are_fine() {
        assert_eq!(codes(&[good("a"), good("b"), good("c")]), [""; 0]);
        assert_eq!(codes(&["a", "b", "c"].map(Host::new)), [""; 0]);
    }

    #[test]
    fn every_rule_is_applied() {
        assert_eq!(codes(&[]), ["no-hosts"]);
        assert_eq!(codes(&[good("a")]), ["one-host"]);
        assert_eq!(codes(&[good("a"), good("b")]), ["two-hosts"]);
        assert_eq!(codes(&["a", "b", "c", "d"].map(good)), ["even-hosts"]);
        assert_eq!(codes(&["a", "b", "c", "d", "e"].map(good)), [""; 0]);
        assert_eq!(codes(&[good("a"), good("b"), good("a")]), ["same-name", "zone-majority"]);
        let in_zone_a = |host: &str| good(host).zone("us-east-1a");
        assert_eq!(codes(&[in_zone_a("a"), in_zone_a("b"), in_zone_a("c")]), ["one-zone"]);
        assert_eq!(codes(&[in_zone_a("a"), in_zone_a("b"), good("c")]), ["zone-majority"]);
        let five = [in_zone_a("a"), in_zone_a("b"), good("c"), good("d"), good("e")];
        assert_eq!(codes(&five), [""; 0]);
        let regions = [good("a"), good("b").zone("eu-west-1a"), good("c").zone("ap-south-1b")];
        assert_eq!(codes(&regions), ["regions-differ"]);
        let other_disk = good("c").disk(1);
        assert_eq!(codes(&[good("a"), good("b"), other_disk]), ["disk-sizes-differ"]);
        let small = Host::new("c").memory(1 << 30).instance_type("t2.micro").elastic_ip(false);
        assert_eq!(
            codes(&[good("a"), good("b"), small]),
            ["instance-type", "memory", "no-elastic-ip"]
        );
    }

    #[test]
    fn instance_types_are_judged_by_size_and_processor() {
        let of = |instance_type: &str| {
            codes(&[good("a").instance_type(instance_type), good("b"), good("c")])
        };
        for small in ["t2.nano", "t3.nano", "t3.micro", "t3a.micro", "t2.small", "m1.small"] {
            assert_eq!(of(small), ["instance-type"], "{small}");
        }
        for arm in
            ["t4g.medium", "m6gd.large", "c7gn.xlarge", "a1.large", "mac2.metal", "im4gn.large"]
        {
            assert_eq!(of(arm), ["arm"], "{arm}");
        }
        assert_eq!(of("t4g.micro"), ["instance-type", "arm"]);
        for good in
            ["t3.small", "m5.large", "g4dn.xlarge", "c7i-flex.large", "i4i.large", "mac1.metal"]
        {
            assert_eq!(of(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn zones_belong_to_regions() {
        for (zone, region) in [
            ("us-east-1a", Some("us-east-1")),
            ("us-east-1-bos-1a", Some("us-east-1")),
            ("us-gov-west-1b", Some("us-gov-west-1")),
            ("use1-az1", None),
            ("é", None),
        ] {
            assert_eq!(region_of(zone), region, "{zone}");
        }
    }
}
