//! The `minio` backend: `MinIO` and other S3-compatible servers.

use secrecy::{ExposeSecret, SecretString};

use super::params::{Issues, Param, Params, required};
use crate::{BucketName, Error, ErrorKind};

/// Blobs in a bucket of a `MinIO` server or an S3-compatible service (servers from v20170401.0 on).
///
/// The blobstore tries to create the bucket when it starts. If that fails, it starts anyway and fails at the first
/// upload, so check that the bucket exists.
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

    /// Describes a bucket on the server at `endpoint`, which is `host` or `host:port` without a scheme.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Bucket`] or [`ErrorKind::Parameter`] if a value is not valid. The error never contains
    /// the secret.
    pub fn new(
        endpoint: &str,
        bucket: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Self, Error> {
        required("bucket", bucket)?.parse::<BucketName>()?;
        let mut issues = Issues::default();
        let params = Params::of(&[
            ("endpoint", endpoint),
            ("bucket", bucket),
            ("access_key_id", access_key_id),
            ("secret_access_key", secret_access_key),
        ]);
        let backend = Self::read(&params, &mut issues);
        issues.or_error(backend)
    }

    /// Sets the location, that is the region in which requests are signed and the bucket is created. The blobstore's
    /// default is `us-east-1`. Use `auto` for R2, and the region in the endpoint for other services.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Parameter`] if the location is not valid.
    pub fn location(mut self, location: &str) -> Result<Self, Error> {
        self.location = Some(required("location", location)?.to_owned());
        Ok(self)
    }

    /// Uses plain HTTP. Blobs and signatures are sent unencrypted.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    pub(super) fn read(params: &Params, issues: &mut Issues) -> Option<Self> {
        let endpoint = issues.take(params.required("endpoint"));
        if let Some(endpoint) = endpoint {
            check_endpoint(endpoint, params.get("bucket"), issues);
            check_location(endpoint, params.get("location"), issues);
        }
        let bucket = issues.take(params.required("bucket").and_then(BucketName::existing));
        let id = issues.take(params.required("access_key_id"));
        let secret = issues.take(params.required("secret_access_key"));
        let location = match params.get("location") {
            "" => None,
            _ => issues.take(params.required("location")),
        };
        Some(Self {
            endpoint: endpoint?.to_owned(),
            bucket: bucket?,
            access_key_id: id?.to_owned(),
            secret_access_key: secret?.into(),
            location: location.map(str::to_owned),
            // The blobstore ignores the case of this one value, unlike that of `ec2_role`.
            insecure: params.get("insecure").eq_ignore_ascii_case("true"),
        })
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

    /// Returns the endpoint as `host` or `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// Returns whether plain HTTP is used.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }
}

/// Reports the usual mistakes: a URL, a path, the bucket as the first label of the host.
fn check_endpoint(endpoint: &str, bucket: &str, issues: &mut Issues) {
    let mut refuse = |why: &str| {
        issues.refuse(Error::new(ErrorKind::Parameter, format!("the parameter endpoint {why}")));
    };
    let (scheme, rest) = match endpoint.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, endpoint),
    };
    if scheme.is_some() {
        refuse("has a scheme: leave it out, and set insecure=true for plain HTTP");
    }
    if rest.contains(['/', '?', '#', '@']) {
        refuse("is a URL: write host or host:port, and the bucket into the parameter bucket");
    }
    let host = rest.split('/').next().unwrap_or(rest);
    let begins = host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.'));
    if !bucket.is_empty() && begins {
        refuse("begins with the bucket: write the host alone, the blobstore adds the bucket");
    }
}

/// Checks the location for services whose host name contains the region.
fn check_location(endpoint: &str, location: &str, issues: &mut Issues) {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    let labels: Vec<&str> = host.split('.').collect();
    let wanted = match labels.as_slice() {
        [.., "r2", "cloudflarestorage", "com"] => "auto",
        ["s3", region, "wasabisys" | "amazonaws", "com"] => region,
        [s3, "amazonaws", "com"] => match s3.strip_prefix("s3-") {
            Some(region) => region,
            None => return,
        },
        _ => return,
    };
    let location = if location.is_empty() { "us-east-1" } else { location };
    if location != wanted {
        issues.warn(
            "location",
            "the location is not the region in the endpoint's host name, so signatures may be refused",
            format!("set location={wanted}"),
        );
    }
}
