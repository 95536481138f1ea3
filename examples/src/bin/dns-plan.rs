//! The Route53 change batch of a cluster's domain, on the standard output.
//!
//! ```text
//! cargo run -p flynn-examples --bin dns-plan -- example.com 203.0.113.10 203.0.113.11 > batch.json
//! aws route53 change-resource-record-sets --hosted-zone-id Z… --change-batch file://batch.json
//! ```

use std::net::IpAddr;
use std::process::ExitCode;

use flynn_aws::dns::DnsPlan;
use flynn_examples::failure::{Context, Failure, Result};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match plan(arguments.next(), arguments) {
        Ok(plan) => {
            print!("{}", plan.change_batch().to_json());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("dns-plan: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn plan(domain: Option<String>, nodes: impl Iterator<Item = String>) -> Result<DnsPlan> {
    let domain = domain.ok_or_else(|| Failure::new("usage: dns-plan DOMAIN IP..."))?;
    let nodes: Vec<IpAddr> = nodes
        .map(|node| node.parse().context(format!("{node:?} is not an IP address")))
        .collect::<Result<_>>()?;
    DnsPlan::new(&domain, nodes).context("cannot plan the DNS records")
}
