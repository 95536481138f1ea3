//! The DNS records of a cluster's domain and the health checks behind them, as Route53 takes them.
//!
//! The guide asks for an apex `A` record with every node's IP, a wildcard that follows the apex, and health checks
//! which remove a node that does not answer. Flynn's own AWS installer (removed since) created one weighted `A` record
//! per node with a TTL of 60 seconds, a health check of `/ping` on `controller.<domain>` for each, and a wildcard
//! `CNAME` with a TTL of 3600 seconds. This module does the same by default; [`Routing`] has the alternatives.
//!
//! ```
//! use std::net::IpAddr;
//!
//! use flynn_aws::dns::{DnsPlan, Zone};
//!
//! let nodes: [IpAddr; 2] = ["203.0.113.10".parse()?, "203.0.113.11".parse()?];
//! let plan = DnsPlan::new("example.com", nodes)?;
//! println!("{}", plan.change_batch().to_json()); // change-resource-record-sets --change-batch file://…
//! println!("{}", plan.zone_lines().join("\n")); // for other providers
//!
//! // Compare the plan with a zone (`aws route53 list-resource-record-sets --hosted-zone-id …`):
//! let zone = Zone::read(r#"{"ResourceRecordSets": [
//!     {"Name": "example.com.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "198.51.100.1"}]}
//! ]}"#)?;
//! assert_eq!(zone.diff(&plan, false).findings[0].code, "conflicting-record");
//! assert_eq!(zone.diff(&plan, true).batch.changes.len(), 4); // one DELETE, three CREATE
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod documents;
mod names;
mod plan;
mod zone;

pub use documents::{
    Change, ChangeAction, ChangeBatch, HealthCheck, HealthCheckConfig, ResourceRecord,
    ResourceRecordSet,
};
pub(crate) use names::is_public;
pub use names::{Domain, NodeAddress};
pub use plan::{DnsPlan, Routing};
pub(crate) use zone::describe;
pub use zone::{Zone, ZoneDiff};
