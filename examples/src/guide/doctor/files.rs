//! `.flynnrc` and the CA files.

use flynn_aws::Finding;
use flynn_config::{FlynnRc, Locations};

use crate::text::shell_quoted;

pub(super) fn examine(locations: &Locations) -> Vec<Finding> {
    let path = locations.flynnrc();
    let Ok(rc) = FlynnRc::load(path) else { return Vec::new() };
    let mut findings = Vec::new();
    let name = path.display().to_string();
    if rc.is_readable_by_others() {
        findings.push(Finding::warning(
            "readable-by-others",
            &name,
            "others on this machine can read it, and every key in it is as good as root on its cluster",
            format!("chmod 600 {}", shell_quoted(&name)),
        ));
    }
    for stale in locations.ca_files().stale(&rc).unwrap_or_default() {
        findings.push(Finding::warning(
            "stale-ca-file",
            stale.display().to_string(),
            "no cluster of .flynnrc uses this CA file",
            "delete it",
        ));
    }
    findings
}
