//! The blobstore's backends.

use flynn_aws::blobstore::Blobstore;
use flynn_tls::Severity;

use super::{Finding, Patient};
use crate::cluster;
use crate::text::shell_quoted;
use anyhow::Result;

pub(super) async fn examine(patient: &Patient) -> Result<Vec<Finding>> {
    let env = cluster::env(&patient.client, "blobstore").await?;
    let blobstore = Blobstore::read(&env);
    let mut findings: Vec<Finding> = blobstore
        .findings()
        .iter()
        .map(|found| {
            let severity = if found.is_error() { Severity::Error } else { Severity::Warning };
            let explanation = format!("{}: {}", found.subject, found.explanation);
            Finding::new(severity, found.code, "blobstore", explanation, &found.remedy)
        })
        .collect();
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
