//! Parses environment variables from text.

use super::Env;
use crate::error::Error;

/// Parses files of other tools. Errors name the line, but never quote the text.
impl Env {
    /// Parses a dotenv file (`.env`).
    ///
    /// A line is `NAME=value`, optionally after `export`. A bare value ends at the end of the line, or at a `#` after a
    /// blank. A value in single quotes is literal. A value in double quotes can have the escapes `\n`, `\r`, `\t`,
    /// `\\`, `\"` and `\$`. Quoted values may span several lines, which end with `\n` also in a file with CRLF. Empty
    /// lines and lines that start with `#` are skipped. If a name occurs more than once, the last value is used.
    /// `$NAME` is not expanded.
    ///
    /// ```
    /// use flynn_client::Env;
    ///
    /// let env = Env::from_dotenv("# shop\nexport NAME='the shop'\nKEY=\"line 1\nline 2\"\n")?;
    /// assert_eq!(env["NAME"], "the shop");
    /// assert_eq!(env["KEY"], "line 1\nline 2");
    /// # Ok::<(), flynn_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) if a line cannot be parsed; the message has its
    /// number.
    pub fn from_dotenv(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut env, mut rest, mut line) = (Self::new(), text, 1);
        while !rest.is_empty() {
            let before = rest;
            if let Some((name, value)) = entry(&mut rest).map_err(|fault| at_line(line, fault))? {
                env.insert(name, value);
            }
            line += before
                .len()
                .checked_sub(rest.len())
                .and_then(|read| before.get(..read))
                .map_or(0, |read| read.bytes().filter(|byte| *byte == b'\n').count());
        }
        Ok(env)
    }

    /// Parses lines `NAME=value`, as `env` and `flynn env` print them. The value is the literal rest of the line. Empty
    /// lines are skipped.
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) if a line has no name or no `=`; the message has its
    /// number.
    pub fn from_lines(text: &str) -> Result<Self, Error> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
        lines.map(|(at, line)| pair(line).ok_or_else(|| at_line(at + 1, NOT_A_PAIR))).collect()
    }

    /// Reads words `NAME=value`, such as the arguments of your program. A value may span several lines.
    ///
    /// ```
    /// use flynn_client::Env;
    ///
    /// let env = Env::from_arguments(["A=1", "KEY=line 1\nline 2"])?;
    /// assert_eq!(env["KEY"], "line 1\nline 2");
    /// # Ok::<(), flynn_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// A validation error with the number of the argument that has no name or no `=`.
    pub fn from_arguments(words: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, Error> {
        let words = words.into_iter().enumerate();
        let no_pair = |at| Error::invalid_input(format!("argument {}: {NOT_A_PAIR}", at + 1));
        words.map(|(at, word)| pair(word.as_ref()).ok_or_else(|| no_pair(at))).collect()
    }

    /// Parses a JSON object whose values are strings.
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is something else; the message has the
    /// position.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::invalid_input(format!(
                "line {line}, column {column}: expected a JSON object whose values are strings"
            ))
        })
    }
}

const NOT_A_PAIR: &str = "expected NAME=value";

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
    Some((name.to_owned(), value.to_owned()))
}

fn at_line(line: usize, fault: &str) -> Error {
    Error::invalid_input(format!("line {line}: {fault}"))
}

/// Reads the next line, or the several lines of a quoted value.
fn entry(rest: &mut &str) -> Result<Option<(String, String)>, &'static str> {
    let line = rest.split('\n').next().unwrap_or_default();
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        skip_line(rest);
        return Ok(None);
    }
    let (name, _) = line.split_once('=').ok_or(NOT_A_PAIR)?;
    let value = rest.get(name.len() + 1..).unwrap_or_default();
    let name = name.trim();
    let name = match name.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim_start(),
        _ => name,
    };
    if name.is_empty() || name.contains(|char: char| char.is_whitespace() || "'\"".contains(char)) {
        return Err("the name is empty, or has blanks or quotes");
    }
    let value = value.trim_start_matches([' ', '\t']);
    let quote = value.chars().next().filter(|char| matches!(char, '\'' | '"'));
    let (text, after) = match quote {
        Some(quote) => quoted(value.get(1..).unwrap_or_default(), quote)?,
        None => bare(value),
    };
    *rest = after;
    if quote.is_some() {
        let line = after.split('\n').next().unwrap_or_default().trim();
        if !line.is_empty() && !line.starts_with('#') {
            return Err("text after the closing quote");
        }
        skip_line(rest);
    }
    Ok(Some((name.to_owned(), text)))
}

fn skip_line(rest: &mut &str) {
    *rest = rest.split_once('\n').map_or("", |(_, after)| after);
}

/// Parses a value up to its end of line or its comment. Also returns the text after the line.
fn bare(text: &str) -> (String, &str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let comment = line.char_indices().find(|(at, char)| {
        let before = line.get(..*at).unwrap_or_default();
        *char == '#' && (before.is_empty() || before.ends_with([' ', '\t']))
    });
    let value = comment.map_or(line, |(at, _)| line.get(..at).unwrap_or_default());
    (value.trim().to_owned(), after)
}

/// Parses a value up to its closing quote. Also returns the text after the quote.
fn quoted(text: &str, quote: char) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            // The line end of the file, as in a file from Windows.
            '\r' if text.get(at + 1..).is_some_and(|after| after.starts_with('\n')) => {}
            char if char == quote => {
                return Ok((value, text.get(at + 1..).unwrap_or_default()));
            }
            '\\' if quote == '"' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, char @ ('\\' | '"' | '$'))) => value.push(char),
                Some((_, char)) => value.extend(['\\', char]),
                None => break,
            },
            char => value.push(char),
        }
    }
    Err("a quote is not closed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dotenv_in_all_its_forms() {
        for (text, value) in [
            ("A=1", "1"),
            ("A=", ""),
            ("A = 1 \r\n", "1"),
            ("export A=1", "1"),
            ("\u{feff}A=1", "1"),
            ("A=a#b", "a#b"),
            ("A=a #b", "a"),
            ("A=#b", ""),
            ("A='a #b\\n$B' # c", "a #b\\n$B"),
            ("A=\"a\\n\\\"\\\\\\$\\x\"", "a\n\"\\$\\x"),
            ("A=\"a\r\nb\"\r\n", "a\nb"),
            ("A='a\r\nb\\r'", "a\nb\\r"),
            ("A=\"a\\r\nb\"", "a\r\nb"),
            ("A='a\n\nb'\nB=2\n", "a\n\nb"),
            ("A=postgres://u:p@h/d?x=y", "postgres://u:p@h/d?x=y"),
            ("A=0\nA=1", "1"),
            ("# c\n\n  # c\nA=ä", "ä"),
        ] {
            assert_eq!(Env::from_dotenv(text).unwrap()["A"], value, "{text:?}");
        }
        assert!(Env::from_dotenv("# c").unwrap().is_empty());
    }

    #[test]
    fn errors_name_the_line_and_no_text() {
        for (text, line) in [
            ("s3cret", 1),
            ("A=1\n=s3cret", 2),
            ("A='1\n2'\nB C=s3cret", 3),
            ("A='1'\nB=\"s3cret\n\n", 2),
            ("A='1' s3cret", 1),
            ("'s3cret'=1", 1),
        ] {
            let error = Env::from_dotenv(text).unwrap_err();
            assert!(error.is_validation() && error.message().contains(&format!("line {line}:")));
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        assert!(Env::from_lines("A=1\n\ns3cret").unwrap_err().message().starts_with("line 3:"));
        let error = Env::from_json("{\"A\":\n \"s3cret\", \"B\": 1}").unwrap_err();
        assert!(error.message().starts_with("line 2") && !format!("{error:?}").contains("s3cret"));
    }

    #[test]
    fn lines_and_json() {
        assert_eq!(
            Env::from_lines("A=1=2 \n\nB=\n").unwrap(),
            Env::from_iter([("A", "1=2 "), ("B", "")])
        );
        assert_eq!(Env::from_json(r#"{"A":"1\n"}"#).unwrap(), Env::from_iter([("A", "1\n")]));
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read(value in "[^\\x00]{0,40}") {
            let escaped: String = value.chars().map(|char| match char {
                '\\' | '"' => format!("\\{char}"),
                '\r' => "\\r".to_owned(),
                char => char.to_string(),
            }).collect();
            let env = Env::from_dotenv(&format!("A=\"{escaped}\"\nB=2")).unwrap();
            prop_assert_eq!((env["A"].as_str(), env["B"].as_str()), (value.as_str(), "2"));
        }

        #[test]
        fn nothing_panics(text in "(A|=|'|\"|#|\\\\|\n|\r| |ä|export ){0,30}") {
            let _ = (Env::from_dotenv(&text), Env::from_lines(&text), Env::from_json(&text));
        }
    }
}
