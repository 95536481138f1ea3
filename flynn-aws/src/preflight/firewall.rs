//! Checks of the firewall rules around the hosts.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::spec::Cidr;
use crate::{Finding, Severity};

/// The ports that must be open to everybody: HTTP and HTTPS.
pub(crate) const PUBLIC: [u16; 2] = [80, 443];
/// Other ports that may be open: SSH and TCP routes.
pub(crate) const SSH: u16 = 22;
pub(crate) const TCP_ROUTES: RangeInclusive<u16> = 3000..=3500;

/// A firewall rule that allows incoming traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    from: Source,
    protocol: Protocol,
    ports: RangeInclusive<u16>,
}

/// The sender.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Everybody (`0.0.0.0/0` or `::/0`).
    World,
    /// The hosts themselves (a security group that allows itself).
    Cluster,
    /// An external service, by the group that it shares with the hosts. The guide lets it reach everything.
    Service,
    /// Another source: a name of your choice, such as an address range or another group.
    Other(String),
}

impl Source {
    fn is_trusted(&self) -> bool {
        matches!(self, Self::Cluster | Self::Service)
    }
}

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// TCP alone.
    Tcp,
    /// UDP alone.
    Udp,
    /// ICMP, which has no ports.
    Icmp,
    /// Everything.
    All,
}

/// A rule that a security group should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ingress {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports; all of them for protocols without ports.
    pub ports: RangeInclusive<u16>,
    /// The sender.
    pub source: IngressSource,
}

/// The sender, in a rule of a security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IngressSource {
    /// Everybody.
    World,
    /// Members of the same group.
    Itself,
    /// A range of addresses.
    Range(Cidr),
}

impl Ingress {
    /// Allows a source to reach a range of ports.
    pub fn new(protocol: Protocol, ports: RangeInclusive<u16>, source: IngressSource) -> Self {
        Self { protocol, ports, source }
    }
}

impl fmt::Display for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            IngressSource::World => describe(f, self.protocol, &self.ports, "everybody"),
            IngressSource::Itself => describe(f, self.protocol, &self.ports, "its members"),
            IngressSource::Range(range) => {
                describe(f, self.protocol, &self.ports, &range.to_string())
            }
        }
    }
}

/// Writes a rule in words.
fn describe(
    f: &mut dyn fmt::Write,
    protocol: Protocol,
    ports: &RangeInclusive<u16>,
    who: &str,
) -> fmt::Result {
    let (first, last) = (ports.start(), ports.end());
    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
    match protocol {
        Protocol::Tcp => write!(f, "TCP {ports} from {who}"),
        Protocol::Udp => write!(f, "UDP {ports} from {who}"),
        Protocol::Icmp => write!(f, "ICMP from {who}"),
        Protocol::All => write!(f, "all traffic from {who}"),
    }
}

impl Rule {
    /// Allows a source to reach a range of ports.
    pub fn new(from: Source, protocol: Protocol, ports: RangeInclusive<u16>) -> Self {
        Self { from, protocol, ports }
    }

    fn opens(&self, port: u16) -> bool {
        matches!(self.protocol, Protocol::Tcp | Protocol::All) && self.ports.contains(&port)
    }

    fn is_everything(&self) -> bool {
        self.protocol == Protocol::All && self.ports == (0..=u16::MAX)
    }

    /// Returns whether the source can reach a port that is meant for the hosts only.
    fn exposes_internals(&self) -> bool {
        let allowed =
            |port: u16| port == SSH || PUBLIC.contains(&port) || TCP_ROUTES.contains(&port);
        match self.protocol {
            Protocol::Icmp => false,
            Protocol::Tcp => !self.ports.clone().all(allowed),
            Protocol::Udp | Protocol::All => !self.ports.is_empty(),
        }
    }

    /// Describes the rule in words.
    fn describe(&self) -> String {
        let who = match &self.from {
            Source::World => "everybody",
            Source::Cluster => "the hosts",
            Source::Service => "a service",
            Source::Other(name) => name,
        };
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = describe(&mut text, self.protocol, &self.ports, who);
        text
    }
}

/// Checks which sources can reach the hosts. Internal ports are not authenticated: anyone who reaches one is root on
/// every host.
pub fn check_firewall(rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let from_world = || rules.iter().filter(|rule| rule.from == Source::World);
    for port in PUBLIC {
        if !from_world().any(|rule| rule.opens(port)) {
            findings.push(Finding::error(
                "public-port-closed",
                format!("port {port}"),
                "not everybody can reach it, so apps cannot be reached",
                format!("allow TCP {port} from everywhere"),
            ));
        }
    }
    let between_nodes = |rule: &Rule| rule.from == Source::Cluster && rule.is_everything();
    if !rules.iter().any(between_nodes) {
        findings.push(Finding::error(
            "nodes-apart",
            "between hosts",
            "not all traffic is allowed between them, which the overlay network and discovery need",
            "use a security group that allows everything from itself",
        ));
    }
    for rule in rules {
        if rule.ports.is_empty() {
            findings.push(Finding::error(
                "empty-port-range",
                rule.describe(),
                "the first port is higher than the last, so the rule allows nothing",
                "swap the ports",
            ));
        } else if !rule.from.is_trusted() && rule.exposes_internals() {
            findings.push(Finding::new(
                Severity::Critical,
                "internal-ports-open",
                rule.describe(),
                "internal ports are not authenticated: whoever reaches one is root on every host",
                "open TCP 22, 80, 443 and 3000-3500 at most",
            ));
        } else if rule.from == Source::World && rule.opens(SSH) {
            findings.push(Finding::warning(
                "ssh-open",
                rule.describe(),
                "everybody can try to log in",
                "allow SSH from your own addresses only",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Vec<Rule> {
        vec![
            Rule::new(Source::World, Protocol::Tcp, 80..=80),
            Rule::new(Source::World, Protocol::Tcp, 443..=443),
            Rule::new(Source::World, Protocol::Tcp, 3000..=3500),
            Rule::new(Source::Cluster, Protocol::All, 0..=u16::MAX),
        ]
    }

    #[test]
    fn open_internal_ports_are_critical() {
        let open = Rule::new(Source::World, Protocol::Tcp, 1113..=1113);
        let findings = check_firewall(&[good(), vec![open]].concat());
        assert_eq!(findings[0].severity, Severity::Critical);
        assert_eq!(findings[0].subject, "TCP 1113 from everybody");
    }

    fn codes(rules: &[Rule]) -> Vec<&'static str> {
        check_firewall(rules).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn the_installers_rules_are_fine() {
        assert_eq!(codes(&good()), [""; 0]);
    }

    #[test]
    fn every_rule_is_applied() {
        assert_eq!(codes(&[]), ["public-port-closed", "public-port-closed", "nodes-apart"]);
        let with = |rule: Rule| codes(&[good(), vec![rule]].concat());
        assert_eq!(
            with(Rule::new(Source::World, Protocol::Tcp, 1..=1024)),
            ["internal-ports-open"]
        );
        assert_eq!(with(Rule::new(Source::World, Protocol::Udp, 80..=80)), ["internal-ports-open"]);
        let office = Source::Other("office".to_owned());
        assert_eq!(with(Rule::new(office, Protocol::All, 0..=u16::MAX)), ["internal-ports-open"]);
        let ssh = with(Rule::new(Source::World, Protocol::Tcp, 22..=22));
        assert_eq!(ssh, ["ssh-open"]);
        let office = Source::Other("198.51.100.0/24".to_owned());
        assert_eq!(with(Rule::new(office.clone(), Protocol::Tcp, 22..=22)), [""; 0]);
        assert_eq!(with(Rule::new(Source::World, Protocol::Icmp, 0..=0)), [""; 0]);
        #[expect(clippy::reversed_empty_ranges, reason = "the finding is about it")]
        let reversed = Rule::new(office, Protocol::Tcp, 1024..=80);
        assert_eq!(with(reversed), ["empty-port-range"]);
        let half =
            [good()[..3].to_vec(), vec![Rule::new(Source::Cluster, Protocol::Tcp, 0..=u16::MAX)]];
        assert_eq!(codes(&half.concat()), ["nodes-apart"]);
    }
}
