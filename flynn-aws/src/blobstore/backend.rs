//! A backend with its name: what becomes variables.

use super::name::BackendName;
use super::params::{self, Params};
use super::{AzureBackend, GcsBackend, MinioBackend, S3Backend, Variables};
use crate::Error;

/// A named backend whose parameters were checked.
#[derive(Debug, Clone)]
pub struct Backend {
    name: BackendName,
    kind: BackendKind,
}

/// The kinds of backend that the blobstore knows besides Postgres.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BackendKind {
    /// Amazon S3.
    S3(S3Backend),
    /// A `MinIO` server.
    Minio(MinioBackend),
    /// Google Cloud Storage.
    Gcs(GcsBackend),
    /// Azure Storage.
    Azure(AzureBackend),
}

impl Backend {
    /// Names a backend. The guide's name is `s3main`.
    ///
    /// # Errors
    /// [`ErrorKind::BackendName`](crate::ErrorKind::BackendName).
    pub fn new(name: &str, kind: impl Into<BackendKind>) -> Result<Self, Error> {
        Ok(Self { name: name.parse()?, kind: kind.into() })
    }

    pub(super) fn from_parts(name: BackendName, kind: BackendKind) -> Self {
        Self { name, kind }
    }

    /// The name.
    pub fn name(&self) -> &BackendName {
        &self.name
    }

    /// The kind with its parameters.
    pub fn kind(&self) -> &BackendKind {
        &self.kind
    }

    /// `BACKEND_<NAME>`, and `BACKEND_<NAME>_<PARAM>` for parameters that cannot be tokens.
    pub fn variables(&self) -> Variables {
        params::write(&self.name, self.kind.token(), self.kind.params())
    }

    /// The [variables](Self::variables) and `DEFAULT_BACKEND`: set them in one release, since the migration job
    /// moves everything back into Postgres while `DEFAULT_BACKEND` is missing.
    pub fn as_default(&self) -> Variables {
        let mut variables = self.variables();
        variables.push("DEFAULT_BACKEND".to_owned(), self.name.as_str());
        variables
    }
}

impl BackendKind {
    /// The value of `backend=`.
    pub fn token(&self) -> &'static str {
        match self {
            Self::S3(_) => "s3",
            Self::Minio(_) => "minio",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }

    fn params(&self) -> Vec<params::Param> {
        match self {
            Self::S3(s3) => s3.params(),
            Self::Minio(minio) => minio.params(),
            Self::Gcs(gcs) => gcs.params(),
            Self::Azure(azure) => azure.params(),
        }
    }

    /// Reads a kind by its token; `None` if the blobstore does not know it.
    pub(super) fn read(params: &Params, env_region: Option<&str>) -> Option<Result<Self, Error>> {
        Some(match params.get("backend") {
            "s3" => S3Backend::from_params(params, env_region).map(Self::S3),
            "minio" => MinioBackend::from_params(params).map(Self::Minio),
            "gcs" => GcsBackend::from_params(params).map(Self::Gcs),
            "azure" => AzureBackend::from_params(params).map(Self::Azure),
            _ => return None,
        })
    }

    /// The parameters that the blobstore knows for a token.
    pub(super) fn known_params(token: &str) -> &'static [&'static str] {
        match token {
            "s3" => &S3Backend::PARAMS,
            "minio" => &MinioBackend::PARAMS,
            "gcs" => &GcsBackend::PARAMS,
            "azure" => &AzureBackend::PARAMS,
            _ => &[],
        }
    }
}

impl From<S3Backend> for BackendKind {
    fn from(backend: S3Backend) -> Self {
        Self::S3(backend)
    }
}

impl From<MinioBackend> for BackendKind {
    fn from(backend: MinioBackend) -> Self {
        Self::Minio(backend)
    }
}

impl From<GcsBackend> for BackendKind {
    fn from(backend: GcsBackend) -> Self {
        Self::Gcs(backend)
    }
}

impl From<AzureBackend> for BackendKind {
    fn from(backend: AzureBackend) -> Self {
        Self::Azure(backend)
    }
}
