//! The DNS records of a cluster's domain and the health checks behind them, as Route53 takes them.
//!
//! The guide asks for an apex `A` record with every node's IP, a wildcard that follows the apex, and health checks
//! which drop a node that does not answer. Flynn's own AWS installer (removed since) made weighted `A` records with
//! a TTL of 60 seconds, one a node, each with an HTTP check of `/ping` named `controller.<domain>`, and a wildcard
//! `CNAME` with a TTL of 3600 seconds: so does this module.
//!
//! ```
//! use flynn_aws::dns::DnsPlan;
//!
//! let plan = DnsPlan::new("example.com", ["203.0.113.10".parse()?, "203.0.113.11".parse()?])?;
//! for check in plan.health_checks() {
//!     println!("aws route53 create-health-check --caller-reference {}", check.caller_reference);
//!     println!("{}", check.to_json());
//! }
//! println!("{}", plan.change_batch().to_json()); // change-resource-record-sets --change-batch file://...
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change_batch;
mod domain;
mod health_check;
mod plan;

pub use change_batch::{Change, ChangeBatch, ResourceRecord, ResourceRecordSet};
pub use domain::Domain;
pub use health_check::{HealthCheck, HealthCheckConfig};
pub use plan::{DnsPlan, Routing};
