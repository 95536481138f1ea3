//! The blobstore's backends: env variables that are checked before they are set, and read as the server reads them.
//!
//! The blobstore finds its backends in the env of its release:
//!
//! - `BACKEND_<NAME>` holds tokens `key=value`, separated by spaces only, split at the first `=`,
//!   without quotes or escapes; the last of several equal keys wins. `<NAME>` is `[A-Z0-9]+`, any other is ignored.
//! - `BACKEND_<NAME>_<PARAM>` holds one parameter as it is, blanks and newlines included, and wins over the token.
//! - `DEFAULT_BACKEND` is the name in lower case, or `postgres`.
//!
//! What it cannot use stops the process, so the deploy fails and the old release stays. These facts were read
//! in the source of v20161015.2 and v20210218.0, which agree (`MinIO` came with v20170401.0).

mod azure;
mod backend;
mod changes;
mod gcs;
mod migration;
mod minio;
mod name;
mod params;
mod read;
mod s3;
mod variables;

pub use azure::AzureBackend;
pub use backend::{Backend, BackendKind};
pub use changes::Changes;
pub use gcs::GcsBackend;
pub use migration::{MIGRATE, MIGRATE_BEFORE_20160924, Migration, MigrationError};
pub use minio::MinioBackend;
pub use name::BackendName;
pub use read::{Blobstore, ReadBackend};
pub use s3::{S3Access, S3Backend};
pub use variables::Variables;
