//! The certificates that the hosts present.

use std::collections::BTreeMap;
use std::time::Duration;

use flynn_aws::Finding;
use flynn_client::managed_certificates::ManagedCertificateStatus;
use flynn_client::routes::Route;
use flynn_tls::{Bundle, Certificate, Code, Pin, Requirements, Roots, Severity, check};

use super::finding::{about, of_certificate};
use super::{git, install_certificate, not_examined};
use crate::blocking::blocking;
use crate::connect::Connected;
use crate::text::{one_line, shell_quoted};
use anyhow::{Context as _, Result};

/// The longest time to find out why a managed certificate failed.
const REASON_TIMEOUT: Duration = Duration::from_secs(10);

/// The hosts that present the same certificate, and so have the same problems.
struct Group {
    bundle: Bundle,
    hosts: Vec<String>,
}

pub(super) async fn examine(
    connected: &Connected,
    domain: &str,
    ca: Option<&Roots>,
) -> Result<Vec<Finding>> {
    let routes = connected.client.routes().list().under_domain(domain).await;
    let routes = routes.context("cannot list the routes")?;
    let status = format!("status.{domain}");
    let mut findings = managed(connected, &routes).await;
    let certified = routes.iter().filter(|route| route.certificate.is_some());
    let stored = certified.map(|route| {
        // A managed certificate changes when the cluster renews it.
        let is_own = route.managed_certificate_domain.is_empty();
        let certificate = route.certificate.as_ref().filter(|_| is_own);
        (&route.domain, certificate.and_then(|stored| Pin::from_pem(&stored.cert).ok()))
    });
    // The status app has no certificate, so it presents the router's.
    let hosts: Vec<_> = stored.chain([(&status, None)]).collect();
    let presented = connected.reach.presented_by(hosts.iter().map(|(host, _)| host.as_str())).await;

    let mut groups: BTreeMap<Pin, Group> = BTreeMap::new();
    for ((host, stored), presented) in hosts.into_iter().zip(presented) {
        let presented = match presented {
            Ok(presented) => presented,
            Err(failure) => {
                let what = one_line(&failure).replace(host.as_str(), "the host");
                findings.push(Finding::error("no-tls", host, what, "see flynn -a router log"));
                continue;
            }
        };
        let pin = presented.pin();
        if stored.is_some_and(|stored| stored != pin) {
            findings.push(Finding::error(
                "not-live",
                host,
                "it presents another certificate than its route has",
                format!("install the certificate again: {}", install_certificate(connected)),
            ));
        }
        if let Ok(bundle) = presented.bundle() {
            let group = groups.entry(pin).or_insert_with(|| Group { bundle, hosts: Vec::new() });
            group.hosts.push(host.clone());
        }
    }
    let own_ca = connected.client.ca_certificate().await.context("cannot get the cluster's CA");
    let own_ca = own_ca.unwrap_or_else(|failure| {
        findings.push(not_examined("certificates of the cluster's own CA", &failure));
        String::new()
    });
    let url = connected.cluster.git_url().to_owned();
    let (locations, git_url) = (connected.locations.clone(), url.clone());
    let is_used = !url.is_empty() && locations.gitconfig().exists();
    let ca_file = blocking(move || Ok(git::ca_file(&locations, &git_url))).await?;
    for group in groups.values() {
        findings.extend(judge(group, &own_ca, ca, &install_certificate(connected)));
        if is_used && group.hosts.contains(&format!("git.{domain}")) {
            findings.extend(git::trust(&url, ca_file.as_deref(), &group.bundle));
        }
    }
    Ok(findings)
}

/// Finds problems of managed certificates, which the fork obtains and renews by ACME.
async fn managed(connected: &Connected, routes: &[Route]) -> Vec<Finding> {
    let mut managed = routes.iter().filter(|r| !r.managed_certificate_domain.is_empty()).peekable();
    let mut findings = Vec::new();
    if managed.peek().is_none() {
        return findings;
    }
    let certificates = connected.client.managed_certificates();
    let listed = certificates.list().await.context("cannot list the managed certificates");
    let mut failed = listed.unwrap_or_else(|failure| {
        findings.push(not_examined("managed certificates", &failure));
        Vec::new()
    });
    failed.retain(|certificate| certificate.status == ManagedCertificateStatus::Failed);
    for route in managed {
        let name = &route.managed_certificate_domain;
        if failed.iter().any(|certificate| certificate.domain == *name) {
            // It has failed already, so this only reads the reason.
            let why = certificates.wait(name).timeout(REASON_TIMEOUT).await.err();
            let why = why
                .map_or_else(|| "it was issued meanwhile".to_owned(), |e| e.message().to_owned());
            let remedy = "mend the cause; the fork of September 2026 tries again within a day, otherwise set the managed certificate to pending";
            findings.push(Finding::warning("acme-failed", &route.domain, why, remedy));
        } else if route.certificate.is_none() {
            findings.push(Finding::warning(
                "not-issued",
                &route.domain,
                "its managed certificate is not issued yet, so the router's default certificate is presented",
                "wait a minute; if it stays so, see flynn -a acme log",
            ));
        }
        if route.domain == connected.reach.controller_host() && connected.cluster.pin().is_some() {
            findings.push(Finding::warning(
                "pinned-and-renewed",
                &route.domain,
                "the cluster renews its certificate, and the TLSPin in .flynnrc refuses the next one",
                format!("remove the pin: remove-pin --cluster {}", shell_quoted(connected.cluster.name())),
            ));
        }
    }
    findings
}

fn judge(group: &Group, own_ca: &str, ca: Option<&Roots>, install: &str) -> Vec<Finding> {
    let bundle = &group.bundle;
    let names = bundle.leaf().names();
    let (covered, uncovered): (Vec<String>, Vec<String>) =
        group.hosts.iter().cloned().partition(|host| names.covers(host));
    let mut findings = Vec::new();
    if !uncovered.is_empty() {
        let first: Vec<String> = names.iter().take(3).collect();
        let what = format!("the certificate is for other names ({})", first.join(", "));
        let remedy = format!("install one that covers the domain and its wildcard: {install}");
        findings.extend(about(&uncovered, &Finding::error("wrong-certificate", "", what, remedy)));
        if covered.is_empty() {
            return findings;
        }
    }
    let mut requirements = Requirements::new();
    let issuer = Certificate::from_pem(own_ca).ok();
    let is_own = issuer.is_some_and(|ca| bundle.leaf().names_as_issuer(&ca));
    if let Some(roots) = Roots::from_pem(own_ca).ok().filter(|_| is_own) {
        requirements = requirements.from_ca(roots);
        let finding = Finding::warning(
            "cluster-ca",
            "",
            "the certificate is signed by the cluster's own CA, so browsers and git refuse it by default",
            format!("install a publicly trusted one: {install}"),
        );
        findings.extend(about(&covered, &finding));
    } else if let Some(roots) = ca {
        requirements = requirements.from_ca(roots.clone());
    }
    let report = check(bundle, None, &requirements);
    let relevant = report.findings().iter().filter(|found| found.severity != Severity::Notice);
    findings.extend(relevant.flat_map(|found| {
        let is_about_ca = matches!(found.code, Code::NotPubliclyTrusted | Code::ChainIncomplete);
        let remedy = if is_about_ca && !is_own && ca.is_none() {
            format!(
                "{}; if its CA is a private one, run doctor --ca FILE with the CA's certificate",
                found.remedy
            )
        } else {
            format!("{}, then run {install}", found.remedy)
        };
        about(&covered, &of_certificate(found, remedy))
    }));
    findings
}
