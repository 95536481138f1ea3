//! Escapes text from servers and files before a terminal or a shell sees it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;

/// Escapes what a terminal would act on instead of showing: control characters (line ends too), C1 controls,
/// and the characters that change the direction of text.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(acts_on_terminals) {
        return text.into();
    }
    let mut printable = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts_on_terminals(c) {
            printable.extend(c.escape_default());
        } else {
            printable.push(c);
        }
    }
    printable.into()
}

fn acts_on_terminals(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Quotes an argument of a command for copying, if the shell would change it.
pub fn shell_quoted(argument: &str) -> String {
    let argument = printable(argument);
    match shlex::try_quote(&argument) {
        Ok(quoted) => quoted.into_owned(),
        // Only a NUL cannot be quoted, and it was escaped.
        Err(_) => "''".to_owned(),
    }
}

/// Formats an error with its causes on one line, escaped. Leaves out causes that their error has already told.
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut said = trimmed(error);
    let mut line = said.clone();
    let mut cause = cause_of(error);
    while let Some(error) = cause {
        let text = trimmed(error);
        if !said.ends_with(&text) {
            // Writing to a `String` cannot fail.
            let _ = write!(line, ": {text}");
        }
        (said, cause) = (text, cause_of(error));
    }
    printable(&line).into_owned()
}

/// Returns the cause of an error, unless the error's message has the reason. The causes of a connection that failed are
/// words of the libraries below.
fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    use flynn_client::ErrorKind::{Connect, Connection, Timeout, Tls};
    if let Some(error) = error.downcast_ref::<flynn_client::Error>()
        && matches!(error.kind(), Connect | Connection | Timeout | Tls)
    {
        return None;
    }
    if let Some(error) = error.downcast_ref::<flynn_tls::Error>()
        && error.kind() == flynn_tls::ErrorKind::Untrusted
    {
        return None;
    }
    let config = error.downcast_ref::<flynn_config::Error>();
    let is_missing = config.is_some_and(flynn_config::Error::is_not_found);
    error.source().filter(|_| !is_missing)
}

/// Joins the lines of a message. Some libraries end messages with a newline or break them.
fn trimmed(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn causes_follow_on_the_same_line() {
        let cause = std::io::Error::other("no\nluck\n");
        let error = Err::<(), _>(cause).context("cannot read x").context("step 1").unwrap_err();
        assert_eq!(one_line(error.as_ref()), "step 1: cannot read x: no luck");
    }

    #[test]
    fn a_cause_is_said_once() {
        let cause = std::io::Error::other("no luck");
        let error = Err::<(), _>(cause).context("it failed: no luck").unwrap_err();
        assert_eq!(one_line(error.as_ref()), "it failed: no luck");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_acts_on() {
        let hostile = "a\x1b[31m\r\nb\u{9b}2J\u{202e}c\u{2066}\u{7}d";
        let shown = printable(hostile);
        assert_eq!(shown, "a\\u{1b}[31m\\r\\nb\\u{9b}2J\\u{202e}c\\u{2066}\\u{7}d");
        assert_eq!(printable("Zürich – ✓ 日本"), "Zürich – ✓ 日本");
    }

    #[cfg(unix)]
    #[test]
    fn the_shell_takes_an_argument_as_one_word() {
        assert_eq!(shell_quoted("h.test"), "h.test");
        for argument in ["h.test; touch x #", "$(x)\n'\"`", "", "~", "a*b !!", "-x=\\"] {
            let script = format!("printf %s {}", shell_quoted(argument));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), printable(argument), "{script}");
        }
    }
}
