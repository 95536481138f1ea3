//! The `s3` backend.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::params::{Param, Params, required};
use crate::{BucketName, Error, ErrorKind, Region};

/// Blobs in an S3 bucket.
///
/// The bucket should be used by this cluster alone and be in the hosts' region; the key's user needs the
/// [policy](crate::policy::Policy::for_blobstore) on it.
#[derive(Debug, Clone)]
pub struct S3Backend {
    bucket: BucketName,
    region: Region,
    access: S3Access,
}

/// How the blobstore signs its requests to S3.
#[derive(Clone)]
#[non_exhaustive]
pub enum S3Access {
    /// With the key of an IAM user.
    Key {
        /// `access_key_id`, such as `AKIAIOSFODNN7EXAMPLE`.
        id: String,
        /// `secret_access_key`.
        secret: SecretString,
    },
    /// With the role of the EC2 instance it runs on (`ec2_role=true`).
    Ec2Role,
}

impl S3Backend {
    /// The parameters that the blobstore knows.
    pub(super) const PARAMS: [&str; 5] =
        ["bucket", "region", "access_key_id", "secret_access_key", "ec2_role"];

    /// A bucket, used with an IAM user's access key.
    ///
    /// # Errors
    /// [`ErrorKind::Bucket`], [`ErrorKind::Region`], or [`ErrorKind::Parameter`] for a key that is empty, quoted,
    /// an unexpanded variable, temporary, or has blanks. The secret never shows in it.
    pub fn with_key(
        bucket: &str,
        region: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Self, Error> {
        let id = required("access_key_id", access_key_id)?;
        if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::new(
                ErrorKind::Parameter,
                "the parameter access_key_id holds something else than letters and digits",
            ));
        }
        if id.starts_with("ASIA") {
            return Err(Error::new(
                ErrorKind::Parameter,
                "the parameter access_key_id is that of a temporary key, which needs a session token: \
                 the blobstore has no parameter for one",
            ));
        }
        let secret = required("secret_access_key", secret_access_key)?;
        let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        if !secret.bytes().all(base64) {
            return Err(Error::new(
                ErrorKind::Parameter,
                "the parameter secret_access_key holds a character that no AWS secret has",
            ));
        }
        let access = S3Access::Key { id: id.to_owned(), secret: secret.into() };
        Self::new(bucket, region, access)
    }

    /// A bucket, used with the role of the EC2 instances.
    ///
    /// # Errors
    /// [`ErrorKind::Bucket`] or [`ErrorKind::Region`].
    pub fn with_ec2_role(bucket: &str, region: &str) -> Result<Self, Error> {
        Self::new(bucket, region, S3Access::Ec2Role)
    }

    fn new(bucket: &str, region: &str, access: S3Access) -> Result<Self, Error> {
        Ok(Self {
            bucket: required("bucket", bucket)?.parse()?,
            region: required("region", region)?.parse()?,
            access,
        })
    }

    /// As the blobstore reads it; the region may also come from `AWS_REGION` of the same env, as the AWS library
    /// inside does it.
    pub(super) fn from_params(params: &Params, env_region: Option<&str>) -> Result<Self, Error> {
        let region = match params.get("region") {
            "" => env_region.unwrap_or(""),
            region => region,
        };
        let bucket = params.get("bucket");
        if params.get("ec2_role") == "true" {
            return Self::with_ec2_role(bucket, region);
        }
        Self::with_key(bucket, region, params.get("access_key_id"), params.get("secret_access_key"))
    }

    pub(super) fn params(&self) -> Vec<Param> {
        let mut params = vec![
            Param::new("region", self.region.as_str()),
            Param::new("bucket", self.bucket.as_str()),
        ];
        match &self.access {
            S3Access::Key { id, secret } => {
                params.push(Param::new("access_key_id", id));
                params.push(Param::new("secret_access_key", secret.expose_secret()));
            }
            S3Access::Ec2Role => params.push(Param::new("ec2_role", "true")),
        }
        params
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The bucket's region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// How requests are signed.
    pub fn access(&self) -> &S3Access {
        &self.access
    }
}

impl fmt::Debug for S3Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { id, .. } => {
                f.debug_struct("Key").field("id", id).field("secret", &"[REDACTED]").finish()
            }
            Self::Ec2Role => f.write_str("Ec2Role"),
        }
    }
}
