//! Are these hosts and firewall rules fit for a cluster? Pure checks of what the caller describes.
//!
//! The rules are those of Flynn's documentation, of the guide and of the installer for AWS that Flynn once had.
//!
//! ```
//! use flynn_aws::preflight::{Host, check_hosts};
//!
//! const GIB: u64 = 1 << 30;
//! let hosts = ["eu-west-1a", "eu-west-1b"].map(|zone| {
//!     Host::new(zone, 4 * GIB, 50 * GIB).zone(zone).instance_type("t3.medium").elastic_ip(true)
//! });
//! let findings = check_hosts(&hosts);
//! assert_eq!(findings[0].code, "two-hosts");
//! ```

mod firewall;
mod hosts;

pub use firewall::{Protocol, Rule, Source, check_firewall};
pub use hosts::{Host, REFUSED_INSTANCE_TYPES, check_hosts};
