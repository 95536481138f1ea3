//! What a [Flynn](https://flynn.io) cluster on AWS needs besides the cluster itself:
//! the blobstore's backend variables, the IAM policy of its user, the DNS records and health checks,
//! and the rules a set of hosts must meet. Everything here is a pure value: this crate opens no socket.
//!
//! | module | question it answers |
//! |---|---|
//! | [`blobstore`] | Which env variables select S3 (or `MinIO`, GCS, Azure), and what is wrong with those that are set? Did the migration job really move the files? |
//! | [`policy`] | What may the blobstore's IAM user do? |
//! | [`dns`] | Which Route53 records and health checks does a cluster's domain need? |
//! | [`preflight`] | Are these hosts and firewall rules fit for a cluster? |
//!
//! ```
//! use flynn_aws::blobstore::{Backend, Blobstore, S3Backend};
//! use flynn_aws::policy::Policy;
//!
//! let s3 = S3Backend::with_ec2_role("acme-flynn-blobs", "eu-west-1")?;
//! let policy = Policy::for_blobstore(s3.bucket(), s3.region());
//! println!("{}", policy.to_json());
//!
//! let backend = Backend::new("s3main", s3)?;
//! let env = backend.as_default();
//! assert_eq!(
//!     env.get("BACKEND_S3MAIN"),
//!     Some("backend=s3 region=eu-west-1 bucket=acme-flynn-blobs ec2_role=true"),
//! );
//! assert_eq!(env.get("DEFAULT_BACKEND"), Some("s3main"));
//!
//! // And back: what the blobstore will make of a release's env.
//! let blobstore = Blobstore::read(env.iter());
//! assert_eq!(blobstore.default_backend(), "s3main");
//! assert!(blobstore.findings().is_empty());
//! # Ok::<(), flynn_aws::Error>(())
//! ```
//!
//! Secrets (access keys, account keys, service-account JSON) never show in `Debug`, `Display`,
//! findings or errors.

pub mod blobstore;
mod cli_json;
pub mod dns;
mod error;
mod finding;
mod names;
pub mod plan;
pub mod policy;
pub mod preflight;
pub mod spec;

pub use error::{Error, ErrorKind};
pub use finding::{Finding, Severity};
pub use names::{BucketName, FlynnVersion, Region};
pub use spec::ClusterSpec;
