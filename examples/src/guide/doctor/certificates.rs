//! What each certified host presents.

use std::collections::BTreeMap;

use flynn_config::{FlynnBlocks, GitConfig};
use flynn_tls::{
    Bundle, Certificate, Code, Pin, Requirements, Roots, Severity as TlsSeverity, check,
};

use super::{Finding, Patient};
use crate::blocking::blocking;
use anyhow::{Context as _, Result};

pub(super) async fn examine(patient: &Patient, domain: &str) -> Result<Vec<Finding>> {
    let routes = patient.client.routes().list().under_domain(domain).await;
    let routes = routes.context("cannot list the routes")?;
    let mut findings = Vec::new();
    // Hosts with the same certificate are told together: what is wrong with one is wrong with all.
    let mut seen: BTreeMap<Pin, (Bundle, Vec<String>)> = BTreeMap::new();
    let status = format!("status.{domain}");
    let certified = routes.iter().filter(|route| route.certificate.is_some());
    let certified = certified.map(|route| (&route.domain, route.certificate.as_ref()));
    let hosts = certified.chain([(&status, None)]);
    for (host, certificate) in hosts {
        let presented = match patient.reach.presented(host).await {
            Ok(presented) => presented,
            Err(failure) => {
                let remedy = "see flynn -a router log";
                findings.push(Finding::error(host, failure.to_string(), remedy));
                continue;
            }
        };
        let pin = presented.pin();
        let stored = certificate.and_then(|stored| Pin::from_pem(&stored.cert).ok());
        if stored.is_some_and(|stored| stored != pin) {
            findings.push(Finding::error(
                host,
                "it presents another certificate than its route has",
                "update the route again, with its certificate",
            ));
        }
        if let Ok(bundle) = presented.bundle() {
            seen.entry(pin).or_insert_with(|| (bundle, Vec::new())).1.push(host.clone());
        }
    }
    let own_ca = patient.client.ca_certificate().await.context("cannot get the cluster's CA")?;
    let (locations, url) = (patient.locations.clone(), patient.cluster.git_url().to_owned());
    let load = move || Ok(GitConfig::load(locations.gitconfig()).ok());
    let blocks = blocking(load).await?.map(|config| config.flynn_blocks(&url));
    for (bundle, hosts) in seen.values() {
        findings.extend(judge(patient, bundle, hosts, &own_ca));
        if let Some(blocks) = &blocks {
            findings.extend(git_trust(blocks, domain, bundle, hosts));
        }
    }
    Ok(findings)
}

fn judge(patient: &Patient, bundle: &Bundle, hosts: &[String], own_ca: &str) -> Vec<Finding> {
    let mut requirements = hosts.iter().fold(Requirements::new(), |needed, host| needed.name(host));
    let subject = hosts.join(", ");
    let mut findings = Vec::new();
    let issuer = Certificate::from_pem(own_ca).ok();
    if issuer.is_some_and(|ca| bundle.leaf().names_as_issuer(&ca))
        && let Ok(roots) = Roots::from_pem(own_ca)
    {
        requirements = requirements.from_ca(roots);
        findings.push(Finding::warning(
            &subject,
            "the certificate is of the cluster's own CA: browsers and git refuse it unless told",
            "install a bought one: install-certificate --domain D --cert F --key F",
        ));
    } else if let Some(roots) = &patient.ca {
        requirements = requirements.from_ca(roots.clone());
    }
    let report = check(bundle, None, &requirements);
    let relevant = report.findings().iter().filter(|found| found.severity() != TlsSeverity::Notice);
    findings.extend(relevant.map(|found| {
        let text = format!("{}: {}", found.code(), found.explanation());
        match found.severity() {
            TlsSeverity::Error => Finding::error(&subject, text, found.remedy()),
            _ => Finding::warning(&subject, text, found.remedy()),
        }
    }));
    findings
}

/// Git trusts either the system's roots or the file of `sslCAInfo`, never both.
fn git_trust(
    blocks: &FlynnBlocks,
    domain: &str,
    bundle: &Bundle,
    hosts: &[String],
) -> Option<Finding> {
    let git = format!("git.{domain}");
    hosts.contains(&git).then_some(())?;
    let report = check(bundle, None, &Requirements::new().publicly_trusted());
    let reasons = [Code::NotPubliclyTrusted, Code::ChainIncomplete, Code::ChainRejected];
    let private = reasons.into_iter().any(|code| report.has(code));
    match (blocks.ca_file(), private) {
        (Some(_), false) => Some(Finding::error(
            ".gitconfig",
            format!(
                "sslCAInfo is set for {git}, whose certificate is publicly trusted: git refuses it"
            ),
            "remove sslCAInfo and keep the credential helper",
        )),
        (None, true) if !blocks.is_empty() => Some(Finding::warning(
            ".gitconfig",
            format!(
                "no sslCAInfo for {git}, whose certificate is not publicly trusted: git refuses it \
                     unless this machine trusts its CA"
            ),
            "write its CA to a file and set sslCAInfo",
        )),
        _ => None,
    }
}
