//! Asking git for a password as a push would, and making it forget one.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;

use super::{Credential, answer::answered};
use crate::gitconfig::shell_word;
use crate::login::Tokens;
use crate::{Cluster, Error, ErrorKind};

/// How long git and its helpers may take: 30 seconds. A helper that asks a person would take for
/// ever.
const GIT_TIMEOUT: Duration = Duration::from_secs(30);

/// What git would send to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GitAnswer {
    /// The cluster's own key or token.
    Current,
    /// Another password: a helper that is asked before Flynn's, such as `store` or the keychain,
    /// has an old one. The cluster refuses it.
    Stale {
        /// The user name that it is sent with.
        username: Option<String>,
    },
    /// None: no helper answers, and git would ask for a password.
    Missing,
}

impl GitAnswer {
    /// Returns what to do so that pushes to `git_url` work; `None` if they do.
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

/// Asks git which password it would send to a cluster, and compares it with the cluster's own.
///
/// Runs `git credential fill`, so every helper is asked in git's order; none may ask a person. The
/// command is `git` as you want it to run: with your environment and folder. Blocks for 30 seconds
/// at most.
///
/// # Errors
/// Those of [`Tokens::auth`]; [`Invalid`](ErrorKind::Invalid) if the cluster has no git URL;
/// [`Git`](ErrorKind::Git) if git cannot be run or does not finish.
pub fn ask(git: Command, cluster: &Cluster, tokens: &Tokens) -> Result<GitAnswer, Error> {
    let asked = Credential::for_url(cluster.git_url())?;
    let own = answered(&asked, cluster, tokens)?;
    let Some(given) = fill(git, &asked)? else { return Ok(GitAnswer::Missing) };
    let Some(password) = given.password() else { return Ok(GitAnswer::Missing) };
    let is_own = own.password().is_some_and(|own| own.expose_secret() == password.expose_secret());
    // The controller takes a token from the user `Bearer` alone, and a key from any other.
    let is_bearer = |credential: &Credential| credential.username() == Some("Bearer");
    if is_own && is_bearer(&own) == is_bearer(&given) {
        return Ok(GitAnswer::Current);
    }
    Ok(GitAnswer::Stale { username: given.username().map(str::to_owned) })
}

/// Tells every credential helper of git (macOS keychain, `cache`, `store`, ...) to forget what it
/// has for a cluster's git URL.
///
/// Call it after the key or the domain has changed, or git keeps sending the old key. Runs `git
/// credential reject` and blocks for 30 seconds at most.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) for anything but a URL; [`Git`](ErrorKind::Git) if git cannot be
/// run or fails.
pub fn reject(git_url: &str) -> Result<(), Error> {
    reject_with(Command::new("git"), git_url)
}

/// [`reject`] with your own git: another program, environment or folder.
///
/// # Errors
/// Those of [`reject`].
pub fn reject_with(git: Command, git_url: &str) -> Result<(), Error> {
    let (status, _) = run(git, "reject", &Credential::for_url(git_url)?)?;
    if !status.success() {
        let message = format!("`git credential reject` failed ({status})");
        return Err(Error::new(ErrorKind::Git, message));
    }
    Ok(())
}

/// What `git credential fill` answers without asking a person; `None` where it has no answer.
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

/// Runs `git credential OPERATION` with a message, and gives what it writes.
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
    // The message fits into the pipe. A git that does not read it says why by its status.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&message));
    let status = wait(&mut child)?;
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(Credential::LONGEST as u64).read_to_end(&mut output).map_err(failed)?;
    }
    Ok((status, output))
}

/// Waits for the end of git, and ends it after [`GIT_TIMEOUT`].
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
