//! The DNS records: a change batch, and a script that creates health checks and records in Route53.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use flynn_aws::ClusterSpec;
use flynn_aws::dns::ChangeBatch;
use flynn_aws::plan::{Observed, Plan, Service, script};

use crate::documents;
use crate::session::Session;
use crate::step::Look;

/// Compares the files with the plan.
///
/// # Errors
/// Fails if a file that was written cannot be read.
pub async fn look(session: &mut Session) -> Result<Look> {
    let Some(spec) = &session.job.dns else {
        return Ok(Look::skipped("no --node-ip was given"));
    };
    let files = files(session, spec);
    let mut missing = Vec::new();
    for (path, text) in &files {
        if !documents::holds(path, text).await {
            missing.push(format!("write {}", path.display()));
        }
    }
    if !missing.is_empty() {
        let now = if missing.len() == files.len() { "no plan" } else { "an incomplete plan" };
        return Ok(Look::lacks(now, missing));
    }
    let batch_file = batch_file(session);
    let text = documents::read(&batch_file).await?;
    let batch: ChangeBatch = serde_json::from_str(&text).context("cannot read the plan back")?;
    let records: Vec<String> = batch
        .changes
        .iter()
        .map(|change| &change.resource_record_set)
        .map(|set| {
            let values: Vec<&str> =
                set.resource_records.iter().map(|record| record.value.as_str()).collect();
            format!("{} {} {}", set.name, set.r#type, values.join(" "))
        })
        .collect();
    let checks = spec.dns_plan().health_checks();
    let now = format!("{} records and {} health checks planned", records.len(), checks.len());
    let checks = checks.into_iter().map(|check| {
        let config = check.health_check_config;
        let (ip, host) = (config.ip_address, config.fully_qualified_domain_name);
        format!(
            "health check of {ip}: {} as {host}, reference {}",
            config.resource_path, check.caller_reference
        )
    });
    let commands = [
        format!(
            "in a zone without records of the domain: ZONE_ID=… sh {}",
            script_file(session).display()
        ),
        format!("records alone, without health checks: {}", batch_file.display()),
        "compare with what is there: aws-plan SPEC.toml --observed FILE…".to_owned(),
    ];
    Ok(Look::holds(now).details(records).details(checks).details(commands))
}

/// Writes the files.
///
/// # Errors
/// Fails if a file cannot be written.
pub async fn act(session: &mut Session) -> Result<()> {
    let Some(spec) = &session.job.dns else { return Ok(()) };
    for (path, text) in files(session, spec) {
        if !documents::holds(&path, &text).await {
            documents::write(&path, &text).await?;
        }
    }
    Ok(())
}

/// Returns the path of the change batch.
pub fn batch_file(session: &Session) -> PathBuf {
    session.job.documents.join(format!("route53-{}.json", session.job.domain))
}

/// Returns the path of the script that creates health checks and records.
fn script_file(session: &Session) -> PathBuf {
    session.job.documents.join(format!("route53-{}.sh", session.job.domain))
}

fn files(session: &Session, spec: &ClusterSpec) -> [(PathBuf, String); 2] {
    let plan = Plan::new(spec, &Observed::default());
    [
        (batch_file(session), spec.dns_plan().change_batch().to_json()),
        (script_file(session), script(&plan.steps, &[Service::Route53])),
    ]
}
