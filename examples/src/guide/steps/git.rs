//! Git's own configuration: with a certificate that everybody trusts, the cluster's CA has to go, or git refuses it.

use flynn_config::{BlockChange, Error as ConfigError, GitConfig};

use crate::blocking::blocking;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// Looks for `sslCAInfo` of the cluster's git URL.
///
/// # Errors
/// When `.gitconfig` cannot be read, or an included file sets it, which is not ours to edit.
pub async fn look(session: &mut Session) -> Result<Look> {
    let url = session.cluster.git_url();
    if url.is_empty() {
        return Ok(Look::holds("the cluster is used without git"));
    }
    let Some(config) = load(session).await? else {
        return Ok(Look::holds("no .gitconfig"));
    };
    let plan =
        config.plan(url, BlockChange::DropCa).context("cannot plan the change of .gitconfig")?;
    if let Some(included) =
        plan.out_of_reach().first().and_then(|found| found.included_from.as_ref())
    {
        bail!(
            "sslCAInfo for {url} is set in {}, which .gitconfig includes: remove it there",
            included.display()
        );
    }
    let helper = !config.flynn_blocks(url).helpers.is_empty();
    if plan.is_empty() {
        let now = if helper { "no sslCAInfo, helper kept" } else { "no sslCAInfo, no helper" };
        return Ok(Look::holds(now).details(private_ca(session)));
    }
    let lines = plan
        .to_string()
        .lines()
        .map(|line| format!("change .gitconfig: {line}"))
        .collect::<Vec<_>>();
    let now = if helper { "sslCAInfo and helper" } else { "sslCAInfo, no helper" };
    Ok(Look::lacks(now, lines).details(private_ca(session)))
}

/// Without `sslCAInfo` git goes by the roots of the machine.
fn private_ca(session: &Session) -> Option<String> {
    session.certificate().ok()?.ca.as_ref()?;
    Some(
        "the certificate's CA is no public one: git accepts it where the machine trusts that CA"
            .to_owned(),
    )
}

/// Takes the setting out, and nothing else.
///
/// # Errors
/// When the file is locked or cannot be written.
pub async fn act(session: &mut Session) -> Result<()> {
    let url = session.cluster.git_url();
    let Some(config) = load(session).await? else { return Ok(()) };
    let what = "cannot change .gitconfig";
    let plan = config.plan(url, BlockChange::DropCa).context(what)?;
    for line in plan.to_string().lines() {
        session.screen.say(line);
    }
    let path = session.job.locations.gitconfig().to_owned();
    blocking(move || {
        GitConfig::edit(&path, |git| git.apply(&plan))
            .map_err(|error: ConfigError| error)
            .context(what)
    })
    .await
}

/// Reads the file; none is fine.
async fn load(session: &Session) -> Result<Option<GitConfig>> {
    let path = session.job.locations.gitconfig().to_owned();
    blocking(move || match GitConfig::load(&path) {
        Ok(config) => Ok(Some(config)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error).context("cannot use .gitconfig"),
    })
    .await
}
