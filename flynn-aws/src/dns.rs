//! The DNS records of a cluster's domain and the health checks behind them, as Route53 takes them.
//!
//! The guide asks for an apex `A` record with every node's IP, a wildcard that follows the apex, and health checks
//! which drop a node that does not answer. Flynn's own AWS installer (removed since) made weighted `A` records with
//! a TTL of 60 seconds, one a node, each with an HTTP check of `/ping` named `controller.<domain>`, and a wildcard
//! `CNAME` with a TTL of 3600 seconds: so does this module.
//!
//! ```
//! use std::net::IpAddr;
//!
//! use flynn_aws::dns::DnsPlan;
//!
//! let nodes: [IpAddr; 2] = ["203.0.113.10".parse()?, "203.0.113.11".parse()?];
//! let mut plan = DnsPlan::new("example.com", nodes)?;
//! for check in plan.health_checks() {
//!     println!("{}", check.to_command()); // aws route53 create-health-check …
//! }
//! // Route53 answers with an id a check. A record without one is never taken out of the answers.
//! let ids = ["5d4c8f7e-5a9c-4d43-8dd4-3f1f0e8c5b0a", "8b7a9e0c-2f63-4f1e-9a57-6d2c1b0f4e3d"];
//! for (node, id) in nodes.into_iter().zip(ids) {
//!     plan = plan.health_check_id(node, id)?;
//! }
//! println!("{}", plan.change_batch().to_json()); // change-resource-record-sets --change-batch file://…
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A domain that has an apex record already
//!
//! Route53 keeps only one kind of record set for a name and type. When the apex has an ordinary `A` record (or one
//! of the other [`Routing`]), or the wildcard is no `CNAME`, it refuses the whole batch (`InvalidChangeBatch`) and
//! changes nothing. Put the old set in front of the batch's changes as a `DELETE`, exactly as
//! `aws route53 list-resource-record-sets` prints it; the two are then exchanged at once, without a moment in which
//! the name has no record:
//!
//! ```json
//! {"Action": "DELETE", "ResourceRecordSet": {
//!     "Name": "example.com.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "198.51.100.1"}]}}
//! ```
//!
//! The same goes for the set of a node that left the cluster: a batch adds and changes, it never finds out what
//! else the zone holds.

mod address;
mod change_batch;
mod domain;
mod health_check;
mod plan;

pub use change_batch::{Change, ChangeBatch, ResourceRecord, ResourceRecordSet};
pub use domain::Domain;
pub use health_check::{HealthCheck, HealthCheckConfig};
pub use plan::{DnsPlan, Routing};
