//! The error of this crate.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file or its folder does not exist.
    NotFound,
    /// The text breaks the rules of its format; [`Error::line`] and [`Error::column`] say where.
    Syntax,
    /// Another cluster already has the name or a URL of a new one.
    Conflict,
    /// No cluster has the name that was asked for.
    UnknownCluster,
    /// The file has no cluster at all.
    NoClusters,
    /// The entry of the cluster is of a format that is no longer supported.
    Unsupported,
    /// Another program holds the lock, or a killed one left its lock file behind.
    Locked,
    /// You may not write the file.
    ReadOnly,
    /// An argument or a file that can never be right: an empty name, a key without a section, a
    /// device in the place of a file.
    Invalid,
    /// A git variable has several values where one is expected.
    SeveralValues,
    /// The cluster has no key and no cached token: run `flynn login`.
    NotLoggedIn,
    /// The cached token of the cluster has expired: renew it
    /// ([`Tokens::refresh`](crate::credential::Tokens::refresh)), or run `flynn login`.
    TokenExpired,
    /// `git` could not be run, or it failed.
    Git,
    /// Anything else that the operating system reported.
    Io,
}

/// The error of all operations of this crate.
///
/// `{}` is one line: what failed, why, and what to do. `{:#}` adds the
/// [source](std::error::Error::source), where there is one. Neither they nor `Debug` show the
/// content of a file, so no key or token.
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("{}{message}", Context { action, path: path.as_deref(), position: *position })]
struct Inner {
    kind: ErrorKind,
    /// What was tried with the file, after "cannot".
    action: &'static str,
    path: Option<PathBuf>,
    position: Option<Position>,
    message: String,
    source: Option<io::Error>,
}

/// Where an error happened: what stands before its message.
struct Context<'a> {
    action: &'a str,
    path: Option<&'a Path>,
    position: Option<Position>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            action: "read",
            path: None,
            position: None,
            message,
            source: None,
        }))
    }

    /// An error of a file: "cannot `action` `path`: `message`".
    pub(crate) fn file(
        kind: ErrorKind,
        action: &'static str,
        path: &Path,
        message: impl Into<String>,
    ) -> Self {
        Self::new(kind, message).of_file(action, path)
    }

    /// A syntax error at byte `offset` of `text`.
    pub(crate) fn syntax(text: &[u8], offset: usize, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Syntax, message).with_position(Position::of(text, offset))
    }

    /// A syntax error at a line and column, both counted from 1.
    pub(crate) fn syntax_at(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Syntax, message).with_position(Position { line, column })
    }

    fn with_position(mut self, position: Position) -> Self {
        self.0.position = Some(position);
        self
    }

    /// An error that the system reported.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            // A file where a folder should be: nothing is there either.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            _ => ErrorKind::Io,
        };
        let message = if kind == ErrorKind::NotFound { "it does not exist" } else { "" };
        Self::file(kind, action, path, message).caused_by(source)
    }

    /// The same error with its source.
    pub(crate) fn caused_by(mut self, source: io::Error) -> Self {
        self.0.source = Some(source);
        self
    }

    /// The same error with a remedy for the case that the file is missing.
    pub(crate) fn if_missing(mut self, remedy: &str) -> Self {
        if self.is_not_found() {
            self.0.message.push_str("; ");
            self.0.message.push_str(remedy);
        }
        self
    }

    /// The same error, counted as one of `kind`.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same error, said of `path`, unless it already names one.
    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// The same error, said of an attempt to do `action` with `path`.
    pub(crate) fn of_file(mut self, action: &'static str, path: &Path) -> Self {
        self.0.action = action;
        self.at(path)
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file that the error is about.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The line of a syntax error, counted from 1.
    pub fn line(&self) -> Option<usize> {
        self.0.position.map(|p| p.line)
    }

    /// The column of a syntax error in characters, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.0.position.map(|p| p.column)
    }

    /// Returns true if the file or its folder does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns true if the text is broken; see [`line`](Self::line) and [`column`](Self::column).
    pub fn is_syntax(&self) -> bool {
        self.kind() == ErrorKind::Syntax
    }

    /// Returns true if a name or URL is already taken.
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// Returns true if there is no cluster of that name, or none at all.
    pub fn is_unknown_cluster(&self) -> bool {
        matches!(self.kind(), ErrorKind::UnknownCluster | ErrorKind::NoClusters)
    }

    /// Returns true if another program holds the lock: wait and try again, or remove a stale lock
    /// file by hand.
    pub fn is_locked(&self) -> bool {
        self.kind() == ErrorKind::Locked
    }

    /// Returns true if you may not write the file.
    pub fn is_read_only(&self) -> bool {
        self.kind() == ErrorKind::ReadOnly
    }

    /// Returns true if `flynn login` would help: there is no key and no token, or the token has
    /// expired.
    pub fn needs_login(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotLoggedIn | ErrorKind::TokenExpired)
    }
}

impl fmt::Display for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path {
            write!(f, "cannot {} {}: ", self.action, escaped(&path.to_string_lossy()))?;
        }
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        Ok(())
    }
}

/// A path for a terminal: a file may name another one, and its text must not move the cursor.
fn escaped(text: &str) -> String {
    let is_hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.to_string();
        f.write_str(line.strip_suffix(": ").unwrap_or(&line))?;
        match &self.0.source {
            Some(source) if f.alternate() => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, action, path, position, message, source } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("action", action)
            .field("path", path)
            .field("position", position)
            .field("message", message)
            .field("source", source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

impl Position {
    fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|&b| b == b'\n').count();
        let last = before.get(line_start..).unwrap_or_default();
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        Self { line, column }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        let text = "a\nüü x".as_bytes();
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 6), Position { line: 2, column: 3 });
        assert_eq!(Position::of(text, 99), Position { line: 2, column: 5 });
    }

    #[test]
    fn an_error_is_one_line_and_its_alternate_form_adds_the_source() {
        let error = Error::io("read", Path::new("rc"), io::Error::other("boom"));
        assert_eq!(error.to_string(), "cannot read rc");
        assert_eq!(format!("{error:#}"), "cannot read rc: boom");
        assert_eq!(error.source().unwrap().to_string(), "boom");
        let error = Error::syntax(b"abc", 1, "no").at(Path::new("rc"));
        assert_eq!(error.to_string(), "cannot read rc: line 1, column 2: no");
        let error = Error::syntax(b"abc", 1, "no").at(Path::new("a\n\u{1b}[2J\u{202e}ü"));
        let expected = "cannot read a\\n\\u{1b}[2J\\u{202e}ü: line 1, column 2: no";
        assert_eq!(error.to_string(), expected);
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
