//! The CA file that git uses for the cluster.
//!
//! git trusts either the system's roots or the file of `sslCAInfo`, never both. So the cluster's own CA file has to go
//! when the new certificate is publicly trusted, and has to be replaced by the file of its CA when it is not.

use std::path::Path;

use flynn_config::{BlockChange, Error as ConfigError, GitConfig, Plan};
use flynn_tls::{Bundle, Code, Requirements, Roots, check};

use crate::blocking::blocking;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// Compares `sslCAInfo` of the cluster's git URL with the CA of the new certificate.
///
/// # Errors
/// Fails if `.gitconfig` cannot be read, or if an included file sets `sslCAInfo`, which is not edited.
pub async fn look(session: &mut Session) -> Result<Look> {
    let url = session.cluster.git_url().to_owned();
    if url.is_empty() {
        return Ok(Look::holds("the cluster is used without git"));
    }
    let Some(config) = load(session).await? else {
        return Ok(Look::holds("no .gitconfig"));
    };
    let blocks = config.flynn_blocks(&url);
    let helper = if blocks.helpers.is_empty() { "no helper" } else { "helper kept" };
    let set = match blocks.ca_file() {
        Some(file) => format!("sslCAInfo {}", file.display()),
        None => "no sslCAInfo".to_owned(),
    };
    let now = format!("{set}, {helper}");
    let Some(plan) = plan(session, &config).await? else { return Ok(Look::holds(now)) };
    if let Some(included) =
        plan.out_of_reach().first().and_then(|found| found.included_from.as_ref())
    {
        bail!(
            "sslCAInfo for {url} is set in {}, which .gitconfig includes: change it there",
            included.display()
        );
    }
    if plan.is_empty() {
        return Ok(Look::holds(now));
    }
    let lines = plan.to_string();
    Ok(Look::lacks(now, lines.lines().map(|line| format!("change .gitconfig: {line}"))))
}

/// Changes that setting and nothing else.
///
/// # Errors
/// Fails if the file is locked or cannot be written.
pub async fn act(session: &mut Session) -> Result<()> {
    let Some(config) = load(session).await? else { return Ok(()) };
    let Some(plan) = plan(session, &config).await? else { return Ok(()) };
    for line in plan.to_string().lines() {
        session.screen.say(line);
    }
    let path = session.job.locations.gitconfig().to_owned();
    blocking(move || {
        GitConfig::edit(&path, |git| git.apply(&plan))
            .map_err(|error: ConfigError| error)
            .context("cannot change .gitconfig")
    })
    .await
}

/// Returns the change that makes git accept the new certificate; `None` if it already does.
async fn plan(session: &Session, config: &GitConfig) -> Result<Option<Plan>> {
    let url = session.cluster.git_url();
    let new = session.certificate().ok();
    let change = match new.and_then(|new| Some((new, new.ca.as_ref()?))) {
        None => BlockChange::DropCa,
        Some((new, ca)) => {
            if let Some(file) = config.flynn_blocks(url).ca_file() {
                let (file, bundle) = (file.to_owned(), new.bundle.clone());
                if blocking(move || Ok(leads_to(&bundle, &file))).await? {
                    return Ok(None);
                }
            }
            BlockChange::SetCa(ca.path.clone())
        }
    };
    config.plan(url, change).map(Some).context("cannot plan the change of .gitconfig")
}

/// Returns whether git accepts the chain when it trusts only the CAs in `file`.
pub fn leads_to(bundle: &Bundle, file: &Path) -> bool {
    let roots = flynn_config::read_file(file).ok().and_then(|pem| Roots::from_pem(pem).ok());
    roots.is_some_and(|roots| {
        let report = check(bundle, None, &Requirements::new().from_ca(roots));
        let about_trust =
            [Code::NotFromCa, Code::ChainIncomplete, Code::ChainRejected, Code::BadSignature];
        !about_trust.into_iter().any(|code| report.has(code))
    })
}

/// Reads the file, if there is one.
async fn load(session: &Session) -> Result<Option<GitConfig>> {
    let path = session.job.locations.gitconfig().to_owned();
    blocking(move || match GitConfig::load(&path) {
        Ok(config) => Ok(Some(config)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error).context("cannot use .gitconfig"),
    })
    .await
}
