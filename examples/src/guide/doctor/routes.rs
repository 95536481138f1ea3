//! Routes that are missing or left over.

use std::collections::BTreeSet;

use flynn_aws::Finding;
use flynn_client::routes::RouteType;

use crate::connect::Connected;
use crate::text::shell_quoted;
use anyhow::{Context as _, Result};

pub(super) async fn examine(connected: &Connected, domain: &str) -> Result<Vec<Finding>> {
    let routes = connected.client.routes().list().await.context("cannot list the routes")?;
    let mut findings = Vec::new();
    if !routes.iter().any(|route| route.domain.eq_ignore_ascii_case(domain)) {
        findings.push(Finding::warning(
            "no-apex",
            domain,
            "no app serves the apex of the domain",
            format!(
                "add it to the app of the site: flynn -a APP route add http {}",
                shell_quoted(domain)
            ),
        ));
    }
    let old: BTreeSet<&str> = routes
        .iter()
        .filter(|route| route.kind == RouteType::Http && route.service == "controller")
        .filter_map(|route| route.domain.strip_prefix("controller."))
        .filter(|of| *of != domain)
        .collect();
    findings.extend(old.into_iter().map(|old| {
        Finding::warning(
            "left-over-routes",
            old,
            "routes of an earlier domain are left, with certificates that nobody renews",
            "delete them once nobody uses the domain",
        )
    }));
    Ok(findings)
}
