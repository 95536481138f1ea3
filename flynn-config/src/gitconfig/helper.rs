//! Credential helpers.

use std::fmt;
use std::path::Path;

use super::blocks::shown_helper;
use crate::{Error, ErrorKind};

/// The start of the helper of [`Helper::key_from_variable`].
pub(super) const KEY_FROM_VARIABLE: &str =
    r#"!f() { test "$1" = get && printf 'username=user\npassword=%s\n'"#;

/// The value of a credential helper for git: a name, or a command for the shell.
///
/// `Debug` shows only Flynn's helpers, because others can contain a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Helper(String);

impl Helper {
    /// Returns a helper that runs a program by its absolute path with arguments, such as
    /// `/usr/local/bin/flynn git-credentials`.
    ///
    /// git passes it to a shell, so a path with spaces or other special characters is quoted and
    /// starts with `!`. A Windows path gets forward slashes. Bytes that are not UTF-8 become U+FFFD.
    pub fn command(program: &Path, arguments: &[&str]) -> Self {
        let program = with_slashes(&program.to_string_lossy());
        let words: Vec<_> =
            std::iter::once(&*program).chain(arguments.iter().copied()).map(shell_word).collect();
        let command = words.join(" ");
        Self(if command.starts_with('\'') { format!("!{command}") } else { command })
    }

    /// Returns the helper of the original CLI at `program`, as `flynn cluster add` writes it.
    pub fn flynn_cli(program: &Path) -> Self {
        Self::command(program, &["git-credentials"])
    }

    /// Returns a helper on the search path: `named("flynn")` runs `git-credential-flynn`.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Returns a helper that reads the cluster's key from an environment variable, for CI. The key is then neither in a
    /// file nor on a command line.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) if it is not the name of a shell variable: letters, digits and `_`,
    /// not starting with a digit.
    pub fn key_from_variable(variable: &str) -> Result<Self, Error> {
        if !is_variable(variable) {
            // The name can be the key itself, so do not show it.
            let message = "not the name of a shell variable; use letters, digits and `_`, and no \
                           digit first";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self(format!("{KEY_FROM_VARIABLE} \"${{{variable}}}\"; }}; f")))
    }

    /// Returns the value for git.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Helper").field(&shown_helper(&self.0)).finish()
    }
}

/// Returns whether the shell can read a variable with this name.
pub(super) fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Replaces the backslashes of a Windows path, for git's shell.
fn with_slashes(path: &str) -> String {
    let drive =
        matches!(path.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    if drive || path.starts_with("\\\\") { path.replace('\\', "/") } else { path.to_owned() }
}

/// Returns a word for a POSIX shell, in quotes if it needs them.
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
