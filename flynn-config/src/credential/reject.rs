//! Making git forget passwords that no longer work.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Credential;
use crate::{Error, ErrorKind};

/// Tells every credential helper of git (macOS Keychain, cache, store, ...) to forget what it
/// has for a cluster's git URL: to be called after the key or the domain changed, or git would
/// go on sending the old key. Runs `git credential reject`; blocks while it runs.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) for what is no URL; [`Git`](ErrorKind::Git) when git cannot be
/// run or fails.
pub fn reject(git_url: &str) -> Result<(), Error> {
    reject_with(Command::new("git"), git_url)
}

/// [`reject`] with a git of one's own: another program, environment or folder.
///
/// # Errors
/// Those of [`reject`].
pub fn reject_with(mut git: Command, git_url: &str) -> Result<(), Error> {
    let mut message = Vec::new();
    let credential = Credential::for_url(git_url)?;
    let failed = |e| Error::io("run", Path::new("git"), e).of_kind(ErrorKind::Git);
    credential.write(&mut message).map_err(failed)?;
    message.push(b'\n');
    let mut child = git
        .args(["credential", "reject"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&message));
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(Error::new(ErrorKind::Git, format!("git credential reject failed ({status})")));
    }
    written.map_err(failed)
}
