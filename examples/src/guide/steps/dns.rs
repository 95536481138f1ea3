//! The DNS plan: a change batch for Route53, and a script that makes a health check a node.

use std::path::PathBuf;

use flynn_aws::dns::{ChangeBatch, DnsPlan};

use crate::documents;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result};

/// Compares the files with the plan.
///
/// # Errors
/// When a file that was written cannot be read back.
pub async fn look(session: &mut Session) -> Result<Look> {
    let Some(plan) = &session.job.dns else {
        return Ok(Look::skipped("no --node-ip was given"));
    };
    let files = files(session, plan);
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
    let checks = plan.health_checks();
    let now = format!("{} records and {} health checks planned", records.len(), checks.len());
    let checks = checks.into_iter().map(|check| {
        let config = check.health_check_config;
        let (ip, host) = (config.ip_address, config.fully_qualified_domain_name);
        format!(
            "health check of {ip}: {} as {host}, reference {}",
            config.resource_path, check.caller_reference
        )
    });
    let nodes: Vec<String> = plan.nodes().iter().map(ToString::to_string).collect();
    let commands = [
        format!("in {}, without health checks; with them:", batch_file.display()),
        format!(
            "sh {} # makes them, prints a --health-check=IP=ID each",
            script_file(session).display()
        ),
        format!("dns-plan {} {} --health-check=IP=ID… > batch.json", plan.domain(), nodes.join(" ")),
        "aws route53 change-resource-record-sets --hosted-zone-id ZONE --change-batch file://batch.json"
            .to_owned(),
    ];
    Ok(Look::holds(now).details(records).details(checks).details(commands))
}

/// Writes the files.
///
/// # Errors
/// When one cannot be written.
pub async fn act(session: &mut Session) -> Result<()> {
    let Some(plan) = &session.job.dns else { return Ok(()) };
    for (path, text) in files(session, plan) {
        if !documents::holds(&path, &text).await {
            documents::write(&path, &text).await?;
        }
    }
    Ok(())
}

/// Where the change batch is.
pub fn batch_file(session: &Session) -> PathBuf {
    session.job.documents.join(format!("route53-{}.json", session.job.domain))
}

/// Where the script is that makes the health checks.
fn script_file(session: &Session) -> PathBuf {
    session.job.documents.join(format!("health-checks-{}.sh", session.job.domain))
}

fn files(session: &Session, plan: &DnsPlan) -> [(PathBuf, String); 2] {
    [
        (batch_file(session), plan.change_batch().to_json()),
        (script_file(session), health_check_script(plan)),
    ]
}

/// A script for sh that makes the plan's health checks and prints each as `dns-plan` takes it: `--health-check=IP=ID`.
/// It ends at the first that Route53 refuses; run again, it prints those that are there and makes the others.
pub fn health_check_script(plan: &DnsPlan) -> String {
    let mut lines = vec![
        format!("# The health checks of the Flynn cluster {}.", plan.domain()),
        "set -e".to_owned(),
    ];
    for check in plan.health_checks() {
        let (command, ip) = (check.to_command(), check.health_check_config.ip_address);
        lines.push(format!("id=$({command} --query HealthCheck.Id --output text)"));
        lines.push(format!("echo \"--health-check={ip}=$id\""));
    }
    lines.join("\n") + "\n"
}
