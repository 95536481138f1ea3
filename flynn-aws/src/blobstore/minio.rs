//! The `minio` backend.

use secrecy::{ExposeSecret, SecretString};

use super::params::{Param, Params, required};
use crate::{BucketName, Error, ErrorKind};

/// Blobs in a bucket of a `MinIO` server (servers from v20170401.0 on). The bucket is made if it is not there.
#[derive(Debug, Clone)]
pub struct MinioBackend {
    endpoint: String,
    bucket: BucketName,
    access_key_id: String,
    secret_access_key: SecretString,
    location: Option<String>,
    insecure: bool,
}

impl MinioBackend {
    /// The parameters that the blobstore knows.
    pub(super) const PARAMS: [&str; 6] =
        ["endpoint", "bucket", "access_key_id", "secret_access_key", "location", "insecure"];

    /// A bucket on the server at `endpoint`, which is `host` or `host:port` without a scheme.
    ///
    /// # Errors
    /// [`ErrorKind::Bucket`] or [`ErrorKind::Parameter`]. The secret never shows in it.
    pub fn new(
        endpoint: &str,
        bucket: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Self, Error> {
        let endpoint = required("endpoint", endpoint)?;
        if endpoint.contains("://") || endpoint.contains('/') {
            return Err(Error::new(
                ErrorKind::Parameter,
                "the parameter endpoint is a URL where host or host:port is wanted",
            ));
        }
        Ok(Self {
            endpoint: endpoint.to_owned(),
            bucket: required("bucket", bucket)?.parse()?,
            access_key_id: required("access_key_id", access_key_id)?.to_owned(),
            secret_access_key: required("secret_access_key", secret_access_key)?.into(),
            location: None,
            insecure: false,
        })
    }

    /// The location in which the bucket is made; the blobstore's default is `us-east-1`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`].
    pub fn location(mut self, location: &str) -> Result<Self, Error> {
        self.location = Some(required("location", location)?.to_owned());
        Ok(self)
    }

    /// Speaks plain HTTP with the server: blobs and signatures travel in the clear.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    pub(super) fn from_params(params: &Params) -> Result<Self, Error> {
        let mut backend = Self::new(
            params.get("endpoint"),
            params.get("bucket"),
            params.get("access_key_id"),
            params.get("secret_access_key"),
        )?;
        let location = params.get("location");
        if !location.is_empty() {
            backend = backend.location(location)?;
        }
        // The blobstore folds the case of this one value, unlike that of `ec2_role`.
        if params.get("insecure").eq_ignore_ascii_case("true") {
            backend = backend.insecure();
        }
        Ok(backend)
    }

    pub(super) fn params(&self) -> Vec<Param> {
        let mut params = vec![
            Param::new("endpoint", &self.endpoint),
            Param::new("bucket", self.bucket.as_str()),
            Param::new("access_key_id", &self.access_key_id),
            Param::new("secret_access_key", self.secret_access_key.expose_secret()),
        ];
        if let Some(location) = &self.location {
            params.push(Param::new("location", location));
        }
        if self.insecure {
            params.push(Param::new("insecure", "true"));
        }
        params
    }

    /// The server, as `host` or `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// Whether plain HTTP is spoken.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }
}
