//! Where the blobs are.

use flynn_aws::blobstore::Blobstore;

use super::{Finding, Patient};
use crate::cluster;
use anyhow::Result;

pub(super) async fn examine(patient: &Patient) -> Result<Vec<Finding>> {
    let env = cluster::env(&patient.client, "blobstore").await?;
    let blobstore = Blobstore::read(&env);
    let mut findings: Vec<Finding> = blobstore
        .findings()
        .iter()
        .map(|found| {
            let what = format!("{}: {}", found.subject, found.explanation);
            if found.is_error() {
                Finding::error("blobstore", what, &found.remedy)
            } else {
                Finding::warning("blobstore", what, &found.remedy)
            }
        })
        .collect();
    if blobstore.default_backend() == "postgres" && blobstore.backends().is_empty() {
        findings.push(Finding::warning(
            "blobstore",
            "blobs are in Postgres, which grows with every deploy",
            "move them to S3: productionize --bucket B --region R",
        ));
    }
    Ok(findings)
}
