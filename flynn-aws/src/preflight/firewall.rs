//! The rules for the network around the hosts.

use std::ops::RangeInclusive;

use crate::Finding;

/// Ports that the world must reach: HTTP and HTTPS.
const PUBLIC: [u16; 2] = [80, 443];
/// Ports that the world may reach besides: SSH and TCP routes.
const SSH: u16 = 22;
const TCP_ROUTES: RangeInclusive<u16> = 3000..=3500;

/// One rule that lets traffic in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    from: Source,
    protocol: Protocol,
    ports: RangeInclusive<u16>,
}

/// Who may send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Anybody (`0.0.0.0/0` or `::/0`).
    World,
    /// The hosts themselves (a security group that allows itself).
    Cluster,
    /// Somebody else, by a name of the caller's choice.
    Other(String),
}

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// TCP alone.
    Tcp,
    /// UDP alone.
    Udp,
    /// Everything.
    All,
}

impl Rule {
    /// Lets a source reach a range of ports.
    pub fn new(from: Source, protocol: Protocol, ports: RangeInclusive<u16>) -> Self {
        Self { from, protocol, ports }
    }

    fn opens(&self, port: u16) -> bool {
        self.protocol != Protocol::Udp && self.ports.contains(&port)
    }

    fn is_everything(&self) -> bool {
        self.protocol == Protocol::All && self.ports == (0..=u16::MAX)
    }

    /// Whether a port is open to the source that should be open to hosts alone.
    fn exposes_internals(&self) -> bool {
        let allowed =
            |port: u16| port == SSH || PUBLIC.contains(&port) || TCP_ROUTES.contains(&port);
        self.protocol != Protocol::Tcp || !self.ports.clone().all(allowed)
    }
}

/// Checks what may reach the hosts. Nothing inside a cluster is authenticated: whoever reaches an internal port
/// is root on every host.
pub fn check_firewall(rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let from_world = || rules.iter().filter(|rule| rule.from == Source::World);
    for port in PUBLIC {
        if !from_world().any(|rule| rule.opens(port)) {
            findings.push(Finding::error(
                "public-port-closed",
                format!("port {port}"),
                "The world cannot reach it, so no application can be reached.",
                format!("Allow TCP {port} from everywhere."),
            ));
        }
    }
    let between_nodes = |rule: &&Rule| rule.from == Source::Cluster && rule.is_everything();
    if !rules.iter().any(|rule| between_nodes(&rule)) {
        findings.push(Finding::error(
            "nodes-apart",
            "between hosts",
            "Not all traffic is allowed between them, which the overlay network and discovery need.",
            "Use a security group that allows everything from itself.",
        ));
    }
    for rule in rules.iter().filter(|rule| rule.from != Source::Cluster) {
        if rule.exposes_internals() {
            let who = match &rule.from {
                Source::Other(name) => name.as_str(),
                _ => "the world",
            };
            findings.push(Finding::error(
                "internal-ports-open",
                format!(
                    "{:?} {}-{} from {who}",
                    rule.protocol,
                    rule.ports.start(),
                    rule.ports.end()
                ),
                "Internal ports are not authenticated: who reaches one is root on every host.",
                "Open TCP 22, 80, 443 and 3000-3500 at most.",
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
        let half =
            [good()[..3].to_vec(), vec![Rule::new(Source::Cluster, Protocol::Tcp, 0..=u16::MAX)]];
        assert_eq!(codes(&half.concat()), ["nodes-apart"]);
    }
}
