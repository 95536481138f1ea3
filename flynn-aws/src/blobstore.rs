//! The blobstore's backends: env variables that are checked before they are set, and read as the server reads them.
//!
//! The blobstore finds its backends in the env of its release:
//!
//! - `BACKEND_<NAME>` holds tokens `key=value`, separated by spaces only, split at the first `=`, without quotes or
//!   escapes. The last of several equal keys wins. `<NAME>` is `[A-Z0-9]+`; variables of other names are ignored.
//! - `BACKEND_<NAME>_<PARAM>` holds one parameter unchanged, including spaces and newlines. It overrides the token.
//! - `DEFAULT_BACKEND` is the name in lower case, or `postgres`.
//!
//! A value that the blobstore cannot use stops its process: the deployment fails and the old release keeps running.
//! These facts come from the source of v20161015.2 and v20210218.0, which agree (`MinIO` support came with
//! v20170401.0).
//!
//! To move blobs to S3: set [`Backend::as_default`] in one release, run [`migrate_command`], parse its output with
//! [`MigrationLog`], and compare the result with the bucket ([`Migration::verify`]). Keep the old backend set until
//! then: [`Changes::remove`].

mod backend;
mod env;
mod gcs_and_azure;
mod migration;
mod minio;
mod params;
mod s3;

pub use backend::{Backend, BackendKind, BackendName, Variables};
pub use env::{Blobstore, Changes, ReadBackend, Removal};
pub use gcs_and_azure::{AzureBackend, GcsBackend};
pub use migration::{
    BucketCount, Migration, MigrationError, MigrationEvent, MigrationLog, migrate_command,
};
pub use minio::MinioBackend;
pub(crate) use s3::usable;
pub use s3::{AccessKey, S3Access, S3Backend};
