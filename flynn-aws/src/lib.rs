//! Plans and checks what a [Flynn](https://github.com/flynn/flynn) cluster needs on AWS: the blobstore's bucket, key and
//! env variables, the IAM policy, the DNS records and health checks, the security groups, and checks of its hosts.
//!
//! Describe the cluster in a [`ClusterSpec`], read the current state into an [`Observed`](plan::Observed), and compare
//! both in a [`Plan`](plan::Plan). The plan's steps are sentences, commands of the AWS CLI, and their inverses. By
//! default this crate opens no socket.
//!
//! | module | purpose |
//! |---|---|
//! | [`spec`] | the specification of a cluster, for TOML or JSON |
//! | [`plan`] | computes the steps from the current state to the wanted one |
//! | [`blobstore`] | writes and checks the blobstore's env variables, and judges its migration job |
//! | [`policy`] | creates and checks the IAM policy |
//! | [`dns`] | creates records and health checks, and compares them with a zone |
//! | [`preflight`] | checks hosts and firewall rules |
//! | `live` | calls AWS (features `s3`, `iam`, `route53`) |
//!
//! ```
//! use flynn_aws::blobstore::{Backend, Blobstore, S3Backend};
//! use flynn_aws::policy::Policy;
//!
//! let s3 = S3Backend::with_ec2_role("acme-flynn-blobs", "eu-west-1")?;
//! let policy = Policy::for_blobstore(s3.bucket(), s3.region());
//! println!("{}", policy.to_json());
//!
//! let env = Backend::new("s3main", s3)?.as_default();
//! assert_eq!(
//!     env.get("BACKEND_S3MAIN"),
//!     Some("backend=s3 region=eu-west-1 bucket=acme-flynn-blobs ec2_role=true"),
//! );
//! assert_eq!(env.get("DEFAULT_BACKEND"), Some("s3main"));
//!
//! // And back: reads a release's env as the blobstore does.
//! let blobstore = Blobstore::read(env.iter());
//! assert_eq!(blobstore.default_backend(), "s3main");
//! assert!(blobstore.starts());
//! # Ok::<(), flynn_aws::Error>(())
//! ```
//!
//! # Features
//! - `s3`, `iam`, `route53`: live calls of one service each, with the AWS SDK's own client. Off by default.
//!
//! Secrets (access keys, account keys, service-account JSON) never appear in `Debug`, `Display`, plans, findings or
//! errors.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blobstore;
mod cli_json;
pub mod dns;
mod error;
mod finding;
#[cfg(any(feature = "s3", feature = "iam", feature = "route53"))]
pub mod live;
mod names;
pub mod plan;
pub mod policy;
pub mod preflight;
pub mod spec;

pub use error::{Error, ErrorKind};
pub use finding::{Finding, Severity};
pub use names::{BucketName, FlynnVersion, Region};
pub use spec::ClusterSpec;

/// The snippets of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
