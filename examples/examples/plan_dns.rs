//! Plans the Route53 records of a cluster: its nodes at the apex, and the wildcard.
//!
//! `cargo run -p flynn-examples --example plan_dns -- example.com 203.0.113.1 203.0.113.2`

use std::net::IpAddr;

use anyhow::Context as _;
use flynn_aws::dns::{DnsPlan, Routing};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let domain = arguments.next().context("usage: plan_dns DOMAIN IP...")?;
    let nodes = arguments.map(|node| node.parse()).collect::<Result<Vec<IpAddr>, _>>()?;

    // Up to eight nodes in each answer. `health_check_id` leaves out a node that is down.
    let plan = DnsPlan::new(&domain, nodes)?.routing(Routing::MultiValue);

    // For `aws route53 change-resource-record-sets --change-batch file://...`.
    println!("{}", plan.change_batch().to_json());
    Ok(())
}
