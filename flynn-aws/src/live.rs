//! Live calls, one module and one feature per service: `s3`, `iam`, `route53`.
//!
//! Each module has `observe`, which fills an [`Observed`](crate::plan::Observed), and `apply`, which does one
//! [`Step`](crate::plan::Step) of a plan. Both take the service's own `Client`, re-exported there. You configure its
//! endpoint, retries, timeouts, proxy, TLS and credentials: these features do not include an HTTP client, TLS or a
//! credential chain. `aws-config` has the usual ones.
//!
//! ```no_run
//! # #[cfg(all(feature = "s3", feature = "iam", feature = "route53"))]
//! # async fn apply(spec: flynn_aws::ClusterSpec, s3: flynn_aws::live::s3::Client,
//! #     iam: flynn_aws::live::iam::Client, route53: flynn_aws::live::route53::Client)
//! #     -> Result<(), flynn_aws::live::Error> {
//! use flynn_aws::live;
//! use flynn_aws::plan::{Observed, Plan, Service};
//!
//! let mut observed = Observed::default();
//! live::s3::observe(&s3, &spec, &mut observed).await?;
//! live::iam::observe(&iam, &spec, &mut observed).await?;
//! live::route53::observe(&route53, &spec, &mut observed).await?;
//! for step in Plan::new(&spec, &observed).steps {
//!     println!("{}", step.sentence());
//!     match step.service() {
//!         Service::S3 => live::s3::apply(&s3, &step).await?,
//!         Service::Iam => {
//!             if let Some(key) = live::iam::apply(&iam, &step).await? {
//!                 println!("new key {}", key.id); // and store key.secret
//!             }
//!         }
//!         Service::Route53 => live::route53::apply(&route53, &step).await?,
//!         _ => println!("{}", step.command()), // EC2: run the command
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The SDK versions in this workspace's lock file build with Rust 1.89. Your own lock file decides which versions you
//! get; the newest ones need a newer Rust.

mod error;
#[cfg(feature = "iam")]
pub mod iam;
#[cfg(feature = "s3")]
mod lifecycle;
#[cfg(feature = "route53")]
pub mod route53;
#[cfg(feature = "s3")]
pub mod s3;

pub use error::{Error, ErrorKind};

use crate::plan::Step;

/// Refuses a step of another service.
fn other_service(call: &'static str, step: &Step) -> Error {
    Error::new(ErrorKind::Other, call, &step.sentence(), "the step belongs to another service")
        .remedy("check Step::service before you apply it")
}
