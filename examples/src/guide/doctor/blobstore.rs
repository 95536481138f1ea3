//! The blobstore's backends.

use flynn_aws::Finding;
use flynn_aws::blobstore::Blobstore;

use crate::cluster;
use crate::connect::Connected;
use crate::text::shell_quoted;
use anyhow::Result;

pub(super) async fn examine(connected: &Connected) -> Result<Vec<Finding>> {
    let env = cluster::env(&connected.client, "blobstore").await?;
    let blobstore = Blobstore::read(&env);
    let mut findings = blobstore.findings().to_vec();
    if blobstore.default_backend() == "postgres" && blobstore.backends().is_empty() {
        let cluster = shell_quoted(connected.cluster.name());
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
