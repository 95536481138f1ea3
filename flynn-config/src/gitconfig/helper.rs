//! What goes after `helper =`.

use std::fmt;
use std::path::Path;

use super::blocks::shown_helper;
use crate::{Error, ErrorKind};

/// How the helper of [`Helper::key_from_variable`] begins.
pub(super) const KEY_FROM_VARIABLE: &str =
    r#"!f() { test "$1" = get && printf 'username=user\npassword=%s\n'"#;

/// A credential helper as git wants it written: a name, or a command for the shell.
///
/// `Debug` shows none but Flynn's: others may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Helper(String);

impl Helper {
    /// A program with its arguments, by its absolute path: `/usr/local/bin/flynn git-credentials`.
    ///
    /// git hands this to a shell, so a path with spaces (or anything else the shell would take
    /// apart) is put in quotes, and `!` in front of it; a Windows path gets forward slashes. What
    /// is not UTF-8 in the path becomes U+FFFD.
    pub fn command(program: &Path, arguments: &[&str]) -> Self {
        let program = with_slashes(&program.to_string_lossy());
        let words: Vec<_> =
            std::iter::once(&*program).chain(arguments.iter().copied()).map(shell_word).collect();
        let command = words.join(" ");
        Self(if command.starts_with('\'') { format!("!{command}") } else { command })
    }

    /// The original CLI at `program`, as `flynn cluster add` writes it.
    pub fn flynn_cli(program: &Path) -> Self {
        Self::command(program, &["git-credentials"])
    }

    /// A program of the search path: `named("flynn")` is `git-credential-flynn`.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The cluster's key from an environment variable, for CI: no file, and no key on any
    /// command line.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a name that the shell cannot read: it takes letters,
    /// digits and `_`, and no digit first.
    pub fn key_from_variable(variable: &str) -> Result<Self, Error> {
        if !is_variable(variable) {
            // What was given may be the key itself.
            let message = "not the name of a shell variable: letters, digits and `_` make one, \
                           no digit first";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self(format!("{KEY_FROM_VARIABLE} \"${{{variable}}}\"; }}; f")))
    }

    /// The value for git.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Helper").field(&shown_helper(&self.0)).finish()
    }
}

/// Whether the shell can read a variable of that name.
pub(super) fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A Windows path with the slashes that git's shell understands; others stay.
fn with_slashes(path: &str) -> String {
    let drive =
        matches!(path.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    if drive || path.starts_with("\\\\") { path.replace('\\', "/") } else { path.to_owned() }
}

/// A word for a POSIX shell, in quotes where it needs them.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:+,=@%".contains(&b) || b >= 0x80;
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quoted_for_the_shell() {
        for (program, helper) in [
            ("/usr/local/bin/flynn", "/usr/local/bin/flynn git-credentials"),
            ("/Apps/My Flynn/flynn", "!'/Apps/My Flynn/flynn' git-credentials"),
            ("/o'neill/flynn", r"!'/o'\''neill/flynn' git-credentials"),
            (r"C:\flynn\flynn.exe", "C:/flynn/flynn.exe git-credentials"),
            (r"C:\Program Files\flynn.exe", "!'C:/Program Files/flynn.exe' git-credentials"),
            (r"/back\slash", r"!'/back\slash' git-credentials"),
        ] {
            assert_eq!(Helper::flynn_cli(Path::new(program)).as_str(), helper);
        }
    }

    #[test]
    fn only_what_the_shell_can_read_is_a_variable() {
        for good in ["FLYNN_KEY", "_", "a1"] {
            let helper = Helper::key_from_variable(good).unwrap();
            assert!(helper.as_str().ends_with(&format!(" \"${{{good}}}\"; }}; f")));
        }
        for bad in ["", "FLYNN-KEY", "1", "A B", "$A", "A}\"; id; \"${A", "\u{c4}", "hunter2:"] {
            let error = Helper::key_from_variable(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}
