//! git's password and CA file for the cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use flynn_aws::Finding;
use flynn_config::credential::{self, GitAnswer};
use flynn_config::{Cluster, Includes, Locations};
use flynn_tls::{Bundle, Code, Requirements, check};

use crate::steps::git::leads_to;
use crate::text::shell_quoted;

/// Examines git's configuration without asking the cluster.
pub(super) fn examine(locations: &Locations, cluster: &Cluster) -> Vec<Finding> {
    let (path, url) = (locations.gitconfig(), cluster.git_url());
    if url.is_empty() {
        return Vec::new();
    }
    let name = path.display().to_string();
    let includes = Includes::new(Some(locations.home().to_owned()));
    let blocks = match includes.load(path) {
        Ok(config) => config.flynn_blocks(url),
        Err(error) if error.is_not_found() => return Vec::new(),
        Err(error) => {
            let what = error.to_string();
            return vec![Finding::error("gitconfig-unreadable", name, what, "correct the line")];
        }
    };
    let mut findings = Vec::new();
    match credential::ask(git(locations), cluster, &locations.tokens()) {
        Ok(answer) => findings.extend(password(&name, url, &answer)),
        // git is not installed.
        Err(error) if error.kind() == flynn_config::ErrorKind::Git => {
            let answer = GitAnswer::Missing;
            if !blocks.has_flynn_helper() {
                findings.extend(password(&name, url, &answer));
            }
        }
        // The cluster has neither a key nor a token: connecting says so.
        Err(_) => {}
    }
    if let Some(file) = ca_file(locations, url).filter(|file| !file.exists()) {
        findings.push(Finding::error(
            "ca-file-missing",
            name,
            format!("sslCAInfo for {url} names {}, which does not exist", file.display()),
            "remove the setting if the certificate is publicly trusted, or write the CA file",
        ));
    }
    findings
}

fn password(name: &str, url: &str, answer: &GitAnswer) -> Option<Finding> {
    let remedy = answer.remedy(url)?;
    let stale =
        "git sends a password that is not the cluster's: another credential helper answers first";
    if let GitAnswer::Stale { .. } = answer {
        return Some(Finding::error("stale-git-password", name, stale, remedy));
    }
    let missing = format!("no credential helper answers for {url}, so git asks for a password");
    Some(Finding::warning("no-git-password", name, missing, remedy))
}

/// Returns a command that runs git as the user does.
fn git(locations: &Locations) -> Command {
    let mut git = Command::new("git");
    git.env("HOME", locations.home()).current_dir(locations.home());
    if locations.gitconfig() != locations.home().join(".gitconfig") {
        git.env("GIT_CONFIG_GLOBAL", locations.gitconfig());
    }
    git
}

/// Returns the CA file that git uses for the URL. Asks git, or reads the configuration if git is not installed.
pub(super) fn ca_file(locations: &Locations, url: &str) -> Option<PathBuf> {
    let asked = git(locations)
        .args(["config", "--type=path", "--get-urlmatch", "http.sslCAInfo", url])
        .output();
    if let Ok(output) = asked {
        let path = String::from_utf8(output.stdout).ok()?;
        let path = path.trim_end_matches('\n');
        return (output.status.success() && !path.is_empty()).then(|| path.into());
    }
    let includes = Includes::new(Some(locations.home().to_owned()));
    let blocks = includes.load(locations.gitconfig()).ok()?.flynn_blocks(url);
    blocks.ca_file().map(Path::to_owned)
}

/// Checks whether git trusts the chain that the git server presents. It trusts either the system's roots or the CA
/// file, never both.
pub(super) fn trust(url: &str, file: Option<&Path>, bundle: &Bundle) -> Option<Finding> {
    let report = check(bundle, None, &Requirements::new().publicly_trusted());
    let reasons = [Code::NotPubliclyTrusted, Code::ChainIncomplete, Code::ChainRejected];
    let public = !reasons.into_iter().any(|code| report.has(code));
    let setting = shell_quoted(&format!("http.{url}.sslCAInfo"));
    match file {
        None if public => None,
        None => Some(Finding::warning(
            "no-ca-file",
            ".gitconfig",
            format!(
                "no sslCAInfo for {url}, whose certificate is not publicly trusted: git refuses it unless this machine \
                 trusts its CA"
            ),
            format!("git config --global {setting} FILE, with the certificate of its CA in FILE"),
        )),
        // A missing file is a separate finding.
        Some(file) if !file.exists() || leads_to(bundle, file) => None,
        Some(file) => Some(Finding::error(
            "ca-file-does-not-fit",
            ".gitconfig",
            format!(
                "sslCAInfo for {url} is {}, and the certificate does not lead to a CA in it: git refuses the server",
                file.display()
            ),
            if public {
                format!("git config --global --unset-all {setting}")
            } else {
                format!(
                    "write the certificate of its CA to {}",
                    shell_quoted(&file.to_string_lossy())
                )
            },
        )),
    }
}
