//! The Route53 change batch of a cluster's domain, on the standard output.

use std::ffi::OsString;
use std::net::IpAddr;
use std::process::ExitCode;

use flynn_aws::dns::DnsPlan;
use flynn_examples::failure::{Context, Failure, Result};
use flynn_examples::output;
use lexopt::prelude::*;

const HELP: &str = "\
Prints the Route53 change batch of a Flynn cluster's domain: the nodes at the apex, and the wildcard.

usage: dns-plan DOMAIN IP...

    dns-plan example.com 203.0.113.10 203.0.113.11 > batch.json
    aws route53 change-resource-record-sets --hosted-zone-id ZONE --change-batch file://batch.json
";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("dns-plan: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: impl Iterator<Item = OsString>) -> Result<()> {
    let values = parse(line).context("cannot understand the command line (see --help)")?;
    let Some(values) = values else { return print(HELP) };
    let Some((domain, nodes)) = values.split_first() else {
        return Err(Failure::new(
            "a domain and the IP addresses of its nodes are wanted (see --help)",
        ));
    };
    let nodes: Vec<IpAddr> = nodes
        .iter()
        .map(|node| node.parse().context(format!("{node:?} is not an IP address")))
        .collect::<Result<_>>()?;
    let plan = DnsPlan::new(domain, nodes).context("cannot plan the DNS records")?;
    print(&plan.change_batch().to_json())
}

fn print(text: &str) -> Result<()> {
    output::line(text.trim_end()).context("cannot write")
}

/// What is not an option; `None` when help is wanted.
fn parse(line: impl Iterator<Item = OsString>) -> Result<Option<Vec<String>>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(line);
    let mut values = Vec::new();
    while let Some(option) = parser.next()? {
        match option {
            Short('h') | Long("help") => return Ok(None),
            Value(value) => values.push(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(values))
}
