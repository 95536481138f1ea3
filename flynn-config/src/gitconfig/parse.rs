//! The syntax of git's configuration, as git 2.47 reads it (`config.c`), with spans.

use std::ops::Range;

use crate::Error;
use crate::text::{BOM, bom_len};

/// A section header, as spans of the text.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    /// From `[` to `]`.
    pub(crate) header: Range<usize>,
    /// `core` of `[core]`, `http` of `[http "url"]`, `a.b` of the old form `[a.b]`.
    pub(crate) base: Range<usize>,
    /// The text between the quotes, with escapes.
    pub(crate) subsection: Option<Range<usize>>,
}

/// A variable of the section before it.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    /// The index of its section. git reads variables before the first section, but they have no key.
    pub(crate) section: Option<usize>,
    pub(crate) name: Range<usize>,
    /// The position after `=`, or `None` for a variable without `=`.
    pub(crate) equals: Option<usize>,
    /// The value with its quotes, escapes and continuations, without the space around it.
    pub(crate) value: Range<usize>,
}

/// The sections and variables of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parsed {
    pub(crate) sections: Vec<Section>,
    pub(crate) variables: Vec<Variable>,
}

/// Parses a file. Fails where git fails.
///
/// Also fails at a NUL byte outside a comment, where git truncates a name or value.
pub(crate) fn parse(text: &[u8]) -> Result<Parsed, Error> {
    let start = bom_len(text);
    // git gives up in the middle of a broken byte order mark.
    if start == 0 && text.first() == BOM.first() {
        return Err(Error::syntax(text, 0, "broken byte order mark"));
    }
    let mut parser = Parser { text, at: start, parsed: Parsed::default() };
    parser.file().map_err(|(at, message)| Error::syntax(text, at, message))?;
    Ok(parser.parsed)
}

type Fault = (usize, &'static str);

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    parsed: Parsed,
}

impl Parser<'_> {
    fn file(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.peek() {
            match byte {
                b if is_space(b) => self.at += 1,
                b'#' | b';' => self.comment(),
                b'[' => self.section()?,
                b if b.is_ascii_alphabetic() => self.variable()?,
                _ => return Err((self.at, "expected a section, a variable or a comment")),
            }
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The length of the line end at `at`, if there is one.
    fn newline(&self) -> Option<usize> {
        match self.text.get(self.at..)? {
            [b'\n', ..] => Some(1),
            [b'\r', b'\n', ..] => Some(2),
            _ => None,
        }
    }

    fn comment(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }

    fn section(&mut self) -> Result<(), Fault> {
        let open = self.at;
        self.at += 1;
        let base = self.at;
        while self.peek().is_some_and(|b| is_name(b) || b == b'.') {
            self.at += 1;
        }
        let base = base..self.at;
        let subsection = match self.peek() {
            Some(b']') if base.is_empty() => return Err((open, "section without a name")),
            Some(b']') => None,
            Some(b) if is_space(b) => Some(self.subsection(open)?),
            Some(_) => return Err((self.at, "bad character in a section name")),
            None => return Err((open, "section without an end")),
        };
        if self.peek() != Some(b']') {
            return Err((self.at, "expected `]`"));
        }
        self.at += 1;
        self.parsed.sections.push(Section { header: open..self.at, base, subsection });
        Ok(())
    }

    /// Reads the quoted part of a header up to its closing quote.
    fn subsection(&mut self, open: usize) -> Result<Range<usize>, Fault> {
        while self.peek().is_some_and(is_space) {
            if self.newline().is_some() {
                return Err((open, "section header without an end on its line"));
            }
            self.at += 1;
        }
        if self.peek() != Some(b'"') {
            return Err((self.at, "expected a subsection in double quotes"));
        }
        self.at += 1;
        let start = self.at;
        loop {
            let escaped = self.peek() == Some(b'\\');
            self.at += usize::from(escaped);
            match self.peek() {
                _ if self.newline().is_some() => break,
                None => break,
                Some(0) => return Err((self.at, "NUL byte")),
                Some(b'"') if !escaped => {
                    self.at += 1;
                    return Ok(start..self.at - 1);
                }
                Some(_) => self.at += 1,
            }
        }
        Err((open, "subsection without a closing quote"))
    }

    fn variable(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(is_name) {
            self.at += 1;
        }
        let name = start..self.at;
        let section = self.parsed.sections.len().checked_sub(1);
        while self.peek().is_some_and(|b| b == b' ' || b == b'\t') {
            self.at += 1;
        }
        let (equals, value) = match self.peek() {
            None => (None, name.end..name.end),
            Some(_) if self.newline().is_some() => (None, name.end..name.end),
            Some(b'=') => {
                self.at += 1;
                (Some(self.at), self.value()?)
            }
            Some(_) => return Err((self.at, "expected `=` after the name of a variable")),
        };
        self.parsed.variables.push(Variable { section, name, equals, value });
        Ok(())
    }

    /// Reads a value up to the end of its last line.
    fn value(&mut self) -> Result<Range<usize>, Fault> {
        let empty = self.at;
        let mut span: Option<Range<usize>> = None;
        let mut quote = None;
        while let Some(byte) = self.peek() {
            let at = self.at;
            match byte {
                _ if self.newline().is_some() => break,
                b'#' | b';' if quote.is_none() => {
                    self.comment();
                    // A `\r` before the end is part of the comment.
                    break;
                }
                0 => return Err((at, "NUL byte")),
                b if is_space(b) && quote.is_none() => {
                    self.at += 1;
                    continue;
                }
                b'"' => {
                    quote = if quote.is_some() { None } else { Some(at) };
                    self.at += 1;
                }
                b'\\' => self.escape()?,
                _ => self.at += 1,
            }
            span = Some(span.map_or(at, |span| span.start)..self.at);
        }
        if let Some(open) = quote {
            return Err((open, "quote without an end on its line"));
        }
        Ok(span.unwrap_or(empty..empty))
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let backslash = self.at;
        self.at += 1;
        if let Some(length) = self.newline() {
            self.at += length;
            return Ok(());
        }
        match self.peek() {
            // For git, the end of the file ends a line.
            None => Ok(()),
            Some(b't' | b'b' | b'n' | b'\\' | b'"') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err((backslash, "unknown escape (a single backslash is written `\\\\`)")),
        }
    }
}

/// Returns whether git's `isspace` accepts the byte. It excludes vertical tab and form feed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
