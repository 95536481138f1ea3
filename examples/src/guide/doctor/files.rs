//! `.flynnrc`, the CA files and git's configuration.

use flynn_config::{FlynnRc, Includes, Locations};

use super::Finding;

pub(super) fn examine(locations: &Locations, git_url: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = locations.flynnrc();
    if let Ok(rc) = FlynnRc::load(path) {
        if rc.is_readable_by_others() {
            findings.push(Finding::warning(
                path.display().to_string(),
                "others on this machine can read it, and every key in it is as good as root on its cluster",
                format!("chmod 600 {}", path.display()),
            ));
        }
        for stale in locations.ca_files().stale(&rc).unwrap_or_default() {
            findings.push(Finding::warning(
                stale.display().to_string(),
                "no cluster of .flynnrc uses this CA file",
                "delete it",
            ));
        }
    }
    findings.extend(git(locations, git_url));
    findings
}

fn git(locations: &Locations, url: &str) -> Vec<Finding> {
    let path = locations.gitconfig();
    if url.is_empty() {
        return Vec::new();
    }
    let includes = Includes::new(Some(locations.home().to_owned()));
    let config = match includes.load(path) {
        Ok(config) => config,
        Err(error) if error.is_not_found() => return Vec::new(),
        Err(error) => {
            let what = error.to_string();
            return vec![Finding::error(path.display().to_string(), what, "correct the line")];
        }
    };
    let blocks = config.flynn_blocks(url);
    let mut findings = Vec::new();
    if !blocks.has_flynn_helper() {
        findings.push(Finding::warning(
            path.display().to_string(),
            format!(
                "no credential helper of Flynn for {url}, so git asks for a password when pushing"
            ),
            "flynn cluster add, or git-credential-flynn as helper",
        ));
    }
    if let Some(file) = blocks.ca_file().filter(|file| !file.exists()) {
        findings.push(Finding::error(
            path.display().to_string(),
            format!("sslCAInfo for {url} names {}, which does not exist", file.display()),
            "remove the setting if the certificate is publicly trusted, or write the CA file",
        ));
    }
    findings
}
