//! The `s3` backend.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::params::{Issues, Param, Params, required};
use crate::{BucketName, Error, ErrorKind, Region};

/// Blobs in an S3 bucket.
///
/// Use the bucket for this cluster alone, and create it in the hosts' region. The key's user needs the
/// [policy](crate::policy::Policy::for_blobstore) on it.
///
/// The blobstore does not delete the old object when a file is overwritten, so old objects stay in the bucket. Blobs in
/// S3 are not part of a cluster backup: consider enabling versioning on the bucket.
#[derive(Debug, Clone)]
pub struct S3Backend {
    bucket: BucketName,
    region: Region,
    access: S3Access,
}

/// An access key of an IAM user. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The id, such as `AKIAIOSFODNN7EXAMPLE`.
    pub id: String,
    /// The secret.
    pub secret: SecretString,
}

/// The credentials that the blobstore uses for S3.
#[derive(Clone)]
#[non_exhaustive]
pub enum S3Access {
    /// The access key of an IAM user.
    Key {
        /// `access_key_id`, such as `AKIAIOSFODNN7EXAMPLE`.
        id: String,
        /// `secret_access_key`.
        secret: SecretString,
    },
    /// The role of the EC2 instance that the blobstore runs on (`ec2_role=true`).
    ///
    /// Flynn's S3 client (aws-sdk-go up to 1.10.27) gets the role's credentials through `IMDSv1` only; `IMDSv2` came
    /// with aws-sdk-go 1.25.38. Instances with `HttpTokens=required` refuse it.
    Ec2Role,
}

impl S3Backend {
    /// The parameters that the blobstore knows.
    pub(super) const PARAMS: [&str; 5] =
        ["bucket", "region", "access_key_id", "secret_access_key", "ec2_role"];

    /// Describes a bucket that is used with an IAM user's access key.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Bucket`]; [`ErrorKind::Region`], also for a region whose endpoint Flynn cannot build;
    /// [`ErrorKind::Parameter`] for a key that is empty, quoted, temporary, an unexpanded variable, or contains spaces.
    /// The error never contains the secret.
    pub fn with_key(
        bucket: &str,
        region: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Self, Error> {
        let key = [("access_key_id", access_key_id), ("secret_access_key", secret_access_key)];
        Self::new(bucket, region, &key)
    }

    /// Describes a bucket that is used with the role of the EC2 instances.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Bucket`] or [`ErrorKind::Region`] if a name is not valid.
    pub fn with_ec2_role(bucket: &str, region: &str) -> Result<Self, Error> {
        Self::new(bucket, region, &[("ec2_role", "true")])
    }

    /// Describes a bucket with values that are already checked, or with placeholders.
    pub(crate) fn unchecked(bucket: BucketName, region: Region, key: AccessKey) -> Self {
        Self { bucket, region, access: S3Access::Key { id: key.id, secret: key.secret } }
    }

    fn new(bucket: &str, region: &str, access: &[(&str, &str)]) -> Result<Self, Error> {
        required("bucket", bucket)?.parse::<BucketName>()?;
        let mut issues = Issues::default();
        let params = Params::of(&[access, &[("bucket", bucket), ("region", region)]].concat());
        let backend = Self::read(&params, &mut issues);
        issues.or_error(backend)
    }

    /// Reads the parameters as the blobstore does.
    pub(super) fn read(params: &Params, issues: &mut Issues) -> Option<Self> {
        let bucket = issues.take(params.required("bucket").and_then(BucketName::existing));
        if bucket.as_ref().is_some_and(BucketName::is_legacy) {
            issues.warn(
                "bucket-name",
                "the bucket's name breaks the rules for new S3 buckets",
                "correct the parameter bucket, unless the bucket was created in us-east-1 before March 2018",
            );
        }
        let region = issues.take(params.required("region").and_then(str::parse::<Region>));
        let region = region.and_then(|region| issues.take(usable(region)));
        let access = if params.get("ec2_role") == "true" {
            issues.warn(
                "ec2-role-imdsv1",
                "Flynn's S3 client gets the role's credentials through IMDSv1 only",
                "set HttpTokens=optional on every host, or use an access key",
            );
            Some(S3Access::Ec2Role)
        } else {
            let id = issues.take(params.required("access_key_id").and_then(key_id));
            let secret = issues.take(params.required("secret_access_key").and_then(key_secret));
            id.zip(secret).map(|(id, secret)| S3Access::Key { id, secret })
        };
        Some(Self { bucket: bucket?, region: region?, access: access? })
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

    /// Returns the bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// Returns the bucket's region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns the credentials that sign requests.
    pub fn access(&self) -> &S3Access {
        &self.access
    }
}

/// Refuses a region whose endpoint Flynn's S3 client cannot build.
pub(crate) fn usable(region: Region) -> Result<Region, Error> {
    if region.has_flynn_endpoint() {
        return Ok(region);
    }
    Err(Error::new(
        ErrorKind::Region,
        format!(
            "Flynn cannot use the region {region}: its S3 client knows the endpoints of amazonaws.com and \
             amazonaws.com.cn only"
        ),
    ))
}

fn key_id(id: &str) -> Result<String, Error> {
    let refuse = |why: &str| {
        Err(Error::new(ErrorKind::Parameter, format!("the parameter access_key_id {why}")))
    };
    if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return refuse("contains something other than letters and digits");
    }
    if id.starts_with("ASIA") {
        return refuse(
            "belongs to a temporary key, which needs a session token: the blobstore has no parameter for one",
        );
    }
    Ok(id.to_owned())
}

fn key_secret(secret: &str) -> Result<SecretString, Error> {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if secret.bytes().all(base64) {
        return Ok(secret.into());
    }
    Err(Error::new(
        ErrorKind::Parameter,
        "the parameter secret_access_key contains a character that no AWS secret has",
    ))
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
