//! Values, and their quoting in git.

use std::borrow::Cow;
use std::fmt;

use crate::{Error, ErrorKind};

/// The value of a git variable.
///
/// Values are bytes, usually UTF-8. `Debug` does not show them: a value can be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<'a>(Option<Cow<'a, [u8]>>);

impl<'a> Value<'a> {
    /// Reads the value from its text, or `None` for a variable without `=`.
    pub(crate) fn read(raw: Option<&'a [u8]>) -> Self {
        Self(raw.map(unquoted))
    }

    /// Returns the bytes. A variable without `=` has none.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns the text, or `None` if it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// Returns the text. Bytes that are not UTF-8 become U+FFFD.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Returns true for a variable without `=`, which git treats as "true".
    pub fn is_implicit(&self) -> bool {
        self.0.is_none()
    }
}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_bytes().len();
        f.write_fmt(format_args!("Value({bytes} bytes)"))
    }
}

/// Removes quotes and resolves escapes and continuations.
fn unquoted(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.iter().any(|b| matches!(b, b'"' | b'\\')) {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut quoted = false;
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b't') => out.push(b'\t'),
                Some(b'b') => out.push(8),
                // A continuation. Its line end can have two bytes.
                Some(b'\r') => _ = bytes.next(),
                Some(b'\n') | None => {}
                Some(other) => out.push(other),
            },
            // git skips white space while the value is empty.
            b' ' | b'\t' | b'\r' if !quoted && out.is_empty() => {}
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Writes a value as git does.
pub(crate) fn quoted(value: &str) -> Result<String, Error> {
    if value.contains('\0') {
        return Err(Error::new(ErrorKind::Invalid, "a git value cannot hold a NUL byte"));
    }
    let quote = value.starts_with(' ') || value.ends_with(' ') || value.contains([';', '#', '\r']);
    let quote = if quote { "\"" } else { "" };
    let mut out = String::with_capacity(value.len() + 2);
    out.push_str(quote);
    for c in value.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out.push_str(quote);
    Ok(out)
}

/// The header of a section.
pub(crate) fn header(base: &str, subsection: Option<&str>) -> String {
    match subsection {
        None => format!("[{base}]"),
        Some(sub) => format!("[{base} \"{}\"]", sub.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Removes the escapes of a subsection. A backslash keeps the next byte unchanged.
pub(crate) fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut escaped = false;
    for &byte in raw {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> String {
        String::from_utf8(unquoted(raw.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn values_are_read_as_git_reads_them() {
        for (raw, value) in [
            ("plain  text", "plain  text"),
            (r#""a  "b"#, "a  b"),
            (r#"a "b;c" d"#, "a b;c d"),
            (r#""" x"#, "x"),
            ("\\\n  x", "x"),
            ("x \\\r\n  y", "x   y"),
            (r"C:\\Program Files\\x", r"C:\Program Files\x"),
            (r#"\"q\""#, "\"q\""),
            (r"a\tb\nc\b", "a\tb\nc\u{8}"),
            ("end\\", "end"),
        ] {
            assert_eq!(read(raw), value, "{raw}");
        }
    }

    #[test]
    fn quoting_reads_back() {
        for value in
            ["", "x", " x", "x ", "a;b", "a#b", "a\"b", "a\\b", "a\nb\tc", "\r", "!f() { x; }; f"]
        {
            assert_eq!(read(&quoted(value).unwrap()), value, "{value:?}");
        }
        assert!(quoted("a\0b").is_err());
    }
}
