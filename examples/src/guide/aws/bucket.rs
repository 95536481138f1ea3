//! Checks the blobstore's bucket with the blobstore's own key.

use anyhow::Result;
use flynn_aws::blobstore::{Backend, BackendKind, BucketCount, Migration, S3Access};

/// Counts the objects in the bucket before blobs are moved. The inner error says why the bucket cannot be checked.
///
/// # Errors
/// Fails if the key lacks permissions or the bucket cannot be reached. The blobstore would not start with it.
pub async fn before(backend: &Backend) -> Result<Result<BucketCount, &'static str>> {
    match backend.kind() {
        BackendKind::S3(s3) => match s3.access() {
            S3Access::Key { .. } => imp::before(s3).await,
            _ => Ok(Err("the bucket is not checked: only the hosts have the role")),
        },
        _ => Ok(Err("the bucket is not checked: it is not an S3 bucket")),
    }
}

/// Compares the moved files with the content of the bucket.
///
/// # Errors
/// Fails if files are missing, or if the bucket cannot be reached.
pub async fn after(backend: &Backend, before: BucketCount, moved: &Migration) -> Result<()> {
    match backend.kind() {
        BackendKind::S3(s3) => imp::after(s3, before, moved).await,
        _ => Ok(()),
    }
}

#[cfg(feature = "aws")]
mod imp {
    use std::time::Duration;

    use anyhow::{Context as _, Result, bail};
    use flynn_aws::blobstore::{AccessKey, BucketCount, Migration, S3Access, S3Backend};
    use flynn_aws::live::s3;

    use crate::aws::apply::Clients;

    /// The longest time until AWS knows a new key.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn client(backend: &S3Backend) -> Result<s3::Client> {
        let S3Access::Key { id, secret } = backend.access() else { bail!("the role has no key") };
        let key = AccessKey { id: id.clone(), secret: secret.clone() };
        Ok(Clients::for_bucket(backend.region(), &key).await)
    }

    pub(super) async fn before(backend: &S3Backend) -> Result<Result<BucketCount, &'static str>> {
        let client = client(backend).await?;
        let what = "cannot use the bucket with the blobstore's key";
        let findings = s3::probe(&client, backend.bucket(), PATIENCE).await.context(what)?;
        if !findings.is_empty() {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            bail!("{what}: {}", lines.join("; "));
        }
        Ok(Ok(s3::count(&client, backend.bucket()).await.context(what)?))
    }

    pub(super) async fn after(
        backend: &S3Backend,
        before: BucketCount,
        moved: &Migration,
    ) -> Result<()> {
        let client = client(backend).await?;
        let after =
            s3::count(&client, backend.bucket()).await.context("cannot count the objects")?;
        moved.verify(before, after).context("the files are not all in the bucket")
    }
}

#[cfg(not(feature = "aws"))]
mod imp {
    use anyhow::Result;
    use flynn_aws::blobstore::{BucketCount, Migration, S3Backend};

    #[allow(clippy::unused_async, reason = "the other build asks S3")]
    pub(super) async fn before(_: &S3Backend) -> Result<Result<BucketCount, &'static str>> {
        Ok(Err(
            "the bucket and the key are not checked: this program was built without the feature aws",
        ))
    }

    #[allow(clippy::unused_async, reason = "the other build asks S3")]
    pub(super) async fn after(_: &S3Backend, _: BucketCount, _: &Migration) -> Result<()> {
        Ok(())
    }
}
