//! The error type.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file or its folder does not exist.
    NotFound,
    /// A file is not valid: see [`Error::line`] and [`Error::column`].
    Syntax,
    /// Another cluster already has the name or a URL of the new cluster.
    Conflict,
    /// There is no cluster with this name.
    UnknownCluster,
    /// The file has no clusters.
    NoClusters,
    /// The entry of the cluster has an old, unsupported format.
    Unsupported,
    /// Another program holds the lock, or a killed program has left its lock file.
    Locked,
    /// You may not write the file.
    ReadOnly,
    /// An argument or a path is not valid, such as an empty name, a git key without a section, or
    /// the path of a device.
    Invalid,
    /// A git variable has several values instead of one.
    SeveralValues,
    /// The cluster has neither a key nor a cached token: run `flynn login`.
    NotLoggedIn,
    /// The cached token of the cluster has expired: renew it
    /// ([`Tokens::refresh`](crate::login::Tokens::refresh)), or run `flynn login`.
    TokenExpired,
    /// `git` could not be run or failed.
    Git,
    /// Another I/O error.
    Io,
}

/// The error of this crate.
///
/// `{}` is one line that says what failed, why, and what to do. `{:#}` adds the [source](std::error::Error::source), if
/// there is one. Neither of them nor `Debug` shows the content of a file, so they never show a key or token.
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("{}", one_line(self.action, self.path.as_deref(), self.position, &self.message))]
struct Inner {
    kind: ErrorKind,
    /// The verb between "cannot" and the path.
    action: &'static str,
    path: Option<PathBuf>,
    position: Option<Position>,
    /// Empty if the source says everything.
    message: String,
    source: Option<io::Error>,
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

    /// An error with a file: "cannot `action` `path`: `message`".
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

    /// An error of the operating system.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            // There is a file instead of a folder.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            _ => ErrorKind::Io,
        };
        let message = if kind == ErrorKind::NotFound { "it does not exist" } else { "" };
        Self::file(kind, action, path, message).caused_by(source)
    }

    /// Sets the source.
    pub(crate) fn caused_by(mut self, source: io::Error) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Adds a remedy if the file does not exist.
    pub(crate) fn if_missing(mut self, remedy: &str) -> Self {
        if self.is_not_found() {
            self.0.message.push_str("; ");
            self.0.message.push_str(remedy);
        }
        self
    }

    /// Sets the kind.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets the path, unless there is one.
    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Sets the action, and the path unless there is one.
    pub(crate) fn of_file(mut self, action: &'static str, path: &Path) -> Self {
        self.0.action = action;
        self.at(path)
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the path of the file.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Returns the line of a syntax error, from 1.
    pub fn line(&self) -> Option<usize> {
        self.0.position.map(|p| p.line)
    }

    /// Returns the column of a syntax error in characters, from 1.
    pub fn column(&self) -> Option<usize> {
        self.0.position.map(|p| p.column)
    }

    /// Returns true if the file or its folder does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns true if a file is not valid: see [`line`](Self::line) and [`column`](Self::column).
    pub fn is_syntax(&self) -> bool {
        self.kind() == ErrorKind::Syntax
    }

    /// Returns true if another cluster has the name or URL.
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// Returns true if there is no cluster with this name, or no cluster at all.
    pub fn is_unknown_cluster(&self) -> bool {
        matches!(self.kind(), ErrorKind::UnknownCluster | ErrorKind::NoClusters)
    }

    /// Returns true if another program holds the lock. Try again later, or remove a stale lock file.
    pub fn is_locked(&self) -> bool {
        self.kind() == ErrorKind::Locked
    }

    /// Returns true if you may not write the file.
    pub fn is_read_only(&self) -> bool {
        self.kind() == ErrorKind::ReadOnly
    }

    /// Returns true if the user must run `flynn login`: there is neither a key nor a token, or the
    /// token has expired.
    pub fn needs_login(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotLoggedIn | ErrorKind::TokenExpired)
    }
}

/// Joins the parts of an error: `cannot read PATH: line 7, column 3: MESSAGE`.
fn one_line(
    action: &str,
    path: Option<&Path>,
    position: Option<Position>,
    message: &str,
) -> String {
    let failed = path.map(|path| format!("cannot {action} {}", escaped(&path.to_string_lossy())));
    let position = position.map(|at| format!("line {}, column {}", at.line, at.column));
    let message = Some(message.to_owned()).filter(|message| !message.is_empty());
    let parts: Vec<_> = [failed, position, message].into_iter().flatten().collect();
    parts.join(": ")
}

/// Escapes terminal control characters in a path, which can come from a file.
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
        write!(f, "{}", self.0)?;
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
