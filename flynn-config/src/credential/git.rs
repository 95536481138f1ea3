//! Asks git for a cluster's password, and makes it forget one.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;

use super::{Credential, answer::answered};
use crate::gitconfig::shell_word;
use crate::login::Tokens;
use crate::{Cluster, Error, ErrorKind};

/// The time limit for git and its helpers. A helper that asks the user would wait forever.
const GIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The password that git sends to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GitAnswer {
    /// The cluster's own key or token.
    Current,
    /// Another password, which the cluster refuses. A helper that git asks before Flynn's, such as
    /// `store` or the keychain, has an old one.
    Stale {
        /// The user name for the password.
        username: Option<String>,
    },
    /// No password: no helper answers, so git asks the user.
    Missing,
}

impl GitAnswer {
    /// Returns how the user can make pushes to `git_url` work, or `None` if they already work.
    pub fn remedy(&self, git_url: &str) -> Option<String> {
        match self {
            Self::Current => None,
            Self::Stale { .. } => Some(format!(
                "make git forget the old password with `echo url={} | git credential reject`; if \
                 it comes back, put an empty `helper =` line before Flynn's under \
                 [credential {git_url:?}] in the git configuration",
                shell_word(git_url),
            )),
            Self::Missing => Some(format!(
                "put git-credential-flynn on the search path and run `git config --global {} flynn`",
                shell_word(&format!("credential.{git_url}.helper")),
            )),
        }
    }
}

/// Asks git for a cluster's password and compares it with the cluster's own key or token.
///
/// Runs `git credential fill`, which asks all helpers in git's order. No helper may ask the user.
/// Blocks for at most 30 seconds. `git` is the command to run, with your environment and folder.
///
/// # Errors
/// Returns the errors of [`Tokens::auth`], [`Invalid`](ErrorKind::Invalid) if the cluster has no git URL, and
/// [`Git`](ErrorKind::Git) if git cannot be run or takes too long.
pub fn ask(git: Command, cluster: &Cluster, tokens: &Tokens) -> Result<GitAnswer, Error> {
    let asked = Credential::for_url(cluster.git_url())?;
    let own = answered(&asked, cluster, tokens)?;
    let Some(given) = fill(git, &asked)? else { return Ok(GitAnswer::Missing) };
    let Some(password) = given.password() else { return Ok(GitAnswer::Missing) };
    let is_own = own.password().is_some_and(|own| own.expose_secret() == password.expose_secret());
    // The controller accepts a token only from the user `Bearer`, and a key from any other user.
    let is_bearer = |credential: &Credential| credential.username() == Some("Bearer");
    if is_own && is_bearer(&own) == is_bearer(&given) {
        return Ok(GitAnswer::Current);
    }
    Ok(GitAnswer::Stale { username: given.username().map(str::to_owned) })
}

/// Makes all credential helpers of git (macOS keychain, `cache`, `store`, ...) forget the password
/// for a cluster's git URL.
///
/// Call it after the key or the domain has changed, because git keeps sending the old key. Runs
/// `git credential reject` and blocks for at most 30 seconds.
///
/// # Errors
/// Fails with [`Invalid`](ErrorKind::Invalid) if `git_url` is not a URL, and with [`Git`](ErrorKind::Git) if git cannot
/// be run or fails.
pub fn reject(git_url: &str) -> Result<(), Error> {
    reject_with(Command::new("git"), git_url)
}

/// Like [`reject`], with another git program, environment or folder.
///
/// # Errors
/// Returns the errors of [`reject`].
pub fn reject_with(git: Command, git_url: &str) -> Result<(), Error> {
    let (status, _) = run(git, "reject", &Credential::for_url(git_url)?)?;
    if !status.success() {
        let message = format!("`git credential reject` failed ({status})");
        return Err(Error::new(ErrorKind::Git, message));
    }
    Ok(())
}

/// Returns the answer of `git credential fill`, without asking the user.
fn fill(mut git: Command, asked: &Credential) -> Result<Option<Credential>, Error> {
    git.args(["-c", "core.askPass="]);
    for (name, value) in [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", ""),
        ("SSH_ASKPASS", ""),
        ("GCM_INTERACTIVE", "never"),
    ] {
        git.env(name, value);
    }
    let (status, output) = run(git, "fill", asked)?;
    if !status.success() {
        return Ok(None);
    }
    Credential::parse(&output).map(Some)
}

/// Runs `git credential OPERATION` with a message, and returns its output.
fn run(
    mut git: Command,
    operation: &str,
    credential: &Credential,
) -> Result<(ExitStatus, Vec<u8>), Error> {
    let failed = |e| Error::io("run", Path::new("git"), e).of_kind(ErrorKind::Git);
    let mut message = Vec::new();
    credential.write(&mut message).map_err(failed)?;
    message.push(b'\n');
    let mut child = git
        .args(["credential", operation])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // The message fits into the pipe. If git does not read it, its status says why.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&message));
    let status = wait(&mut child)?;
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(Credential::LONGEST as u64).read_to_end(&mut output).map_err(failed)?;
    }
    Ok((status, output))
}

/// Waits until git exits, and kills it after [`GIT_TIMEOUT`].
fn wait(child: &mut Child) -> Result<ExitStatus, Error> {
    let failed = |e| Error::io("run", Path::new("git"), e).of_kind(ErrorKind::Git);
    let until = Instant::now() + GIT_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if Instant::now() >= until {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
            let message = "a credential helper of git did not answer within 30 seconds";
            return Err(Error::new(ErrorKind::Git, message));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
