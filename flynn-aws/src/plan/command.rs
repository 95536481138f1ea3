//! Commands for a POSIX shell.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Service, Step};

/// Quotes a word for a POSIX shell if it needs quotes.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes a document as JSON in one quoted line.
pub(super) fn json(document: &impl Serialize) -> String {
    quote(&serde_json::to_string(document).unwrap_or_default())
}

/// Quotes and joins words.
pub(super) fn aws<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut command = "aws".to_owned();
    for word in words {
        let _ = write!(command, " {}", quote(word));
    }
    command
}

/// Returns the steps as a script for `sh` that stops at the first failure. `only` selects the services; if it is empty,
/// the script contains all steps.
pub fn script<'a>(steps: impl IntoIterator<Item = &'a Step>, only: &[Service]) -> String {
    let mut script = "#!/bin/sh\nset -eu\n".to_owned();
    for step in steps {
        if only.is_empty() || only.contains(&step.service()) {
            let _ = write!(script, "\n# {}\n{}\n", step.sentence(), step.command());
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for word in ["plain-1.2", "", "two words", "it's", "$(x)`y`\"z\"", "a\nb", "*"] {
            let script = format!("printf %s {}", quote(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
        assert_eq!(quote("plain-1.2"), "plain-1.2");
    }
}
