//! The blobstore's backends.

use flynn_aws::Finding;
use flynn_aws::blobstore::Blobstore;

use super::Patient;
use crate::cluster;
use crate::text::shell_quoted;
use anyhow::Result;

pub(super) async fn examine(patient: &Patient) -> Result<Vec<Finding>> {
    let env = cluster::env(&patient.client, "blobstore").await?;
    let blobstore = Blobstore::read(&env);
    let mut findings = blobstore.findings().to_vec();
    if blobstore.default_backend() == "postgres" && blobstore.backends().is_empty() {
        let cluster = shell_quoted(patient.cluster.name());
        findings.push(Finding::warning(
            "blobs-in-postgres",
            "blobstore",
            "blobs are in Postgres, which grows with every deploy",
            format!(
                "move them to S3: move-blobs --cluster {cluster} --bucket NAME --region REGION"
            ),
        ));
    }
    Ok(findings)
}
