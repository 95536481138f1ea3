//! Checks whether hosts and firewall rules are fit for a cluster.
//!
//! The rules are those of Flynn's documentation, of the guide, and of the AWS installer that Flynn once had.
//!
//! ```
//! use flynn_aws::preflight::{Host, check_hosts};
//!
//! const GIB: u64 = 1 << 30;
//! let hosts = ["eu-west-1a", "eu-west-1b"].map(|zone| {
//!     Host::new(zone).memory(4 * GIB).disk(50 * GIB).zone(zone).instance_type("t3.medium")
//! });
//! let findings = check_hosts(&hosts);
//! assert_eq!(findings[0].code, "two-hosts");
//! ```

mod cluster;
mod firewall;
mod hosts;
mod inventory;

pub use cluster::preflight;
pub use firewall::{Ingress, IngressSource, Protocol, Rule, Source, check_firewall};
pub(crate) use firewall::{PUBLIC, SSH, TCP_ROUTES};
pub use hosts::{Host, REFUSED_INSTANCE_TYPES, check_hosts};
pub use inventory::Inventory;
