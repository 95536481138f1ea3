//! The one error of this crate.

use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of thing went wrong; new kinds may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file, or the folder it would live in, does not exist.
    NotFound,
    /// The text breaks the rules of its format; [`Error::line`] and [`Error::column`] say where.
    Syntax,
    /// A name or URL of a new cluster is already taken by another one.
    Conflict,
    /// No cluster has the wanted name.
    UnknownCluster,
    /// The file holds no cluster at all.
    NoClusters,
    /// Another program holds the lock, or a killed one left its lock file behind.
    Locked,
    /// The file may not be written.
    ReadOnly,
    /// An argument that can never be right: an empty name, a key without a section, a name that
    /// would leave its folder.
    Invalid,
    /// A key with several values where one is expected.
    SeveralValues,
    /// No usable OAuth token is cached.
    Token,
    /// `git` could not be run, or failed.
    Git,
    /// Anything else that the operating system reported.
    Io,
}

/// Why a file could not be read, changed or written.
///
/// One line, no content of the file: a key or token never shows in `Display` or `Debug`.
/// The cause, where there is one, is in [`source`](std::error::Error::source) and not repeated.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    path: Option<PathBuf>,
    position: Option<Position>,
    message: String,
    source: Option<std::io::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, path: None, position: None, message, source: None }))
    }

    /// A syntax error at byte `offset` of `text`.
    pub(crate) fn syntax(text: &[u8], offset: usize, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Syntax, message);
        error.0.position = Some(Position::of(text, offset));
        error
    }

    /// What the system said while `doing` something with `path`.
    pub(crate) fn io(doing: &str, path: &Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            // A file where a folder should be: nothing is there either.
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ErrorKind::NotFound,
            std::io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            _ => ErrorKind::Io,
        };
        let message = match kind {
            ErrorKind::NotFound if doing == "read" => "does not exist".to_owned(),
            _ => format!("cannot {doing}"),
        };
        let mut error = Self::new(kind, message).at(path);
        error.0.source = Some(source);
        error
    }

    /// The same error, with what to do about it if the file is missing.
    pub(crate) fn if_missing(mut self, remedy: &str) -> Self {
        if self.is_not_found() {
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

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file concerned.
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

    /// The file or its folder is missing.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// The text is broken; see [`line`](Self::line) and [`column`](Self::column).
    pub fn is_syntax(&self) -> bool {
        self.kind() == ErrorKind::Syntax
    }

    /// A name or URL is already taken.
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// No cluster of that name, or none at all.
    pub fn is_unknown_cluster(&self) -> bool {
        matches!(self.kind(), ErrorKind::UnknownCluster | ErrorKind::NoClusters)
    }

    /// Somebody else holds the lock: wait and try again, or remove a stale lock file by hand.
    pub fn is_locked(&self) -> bool {
        self.kind() == ErrorKind::Locked
    }

    /// The file may not be written.
    pub fn is_read_only(&self) -> bool {
        self.kind() == ErrorKind::ReadOnly
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, position, message, .. } = &*self.0;
        if let Some(path) = path {
            write!(f, "{}:", path.display())?;
        }
        match (path, position) {
            (Some(_), Some(p)) => write!(f, "{}:{}: ", p.line, p.column)?,
            (None, Some(p)) => write!(f, "line {}, column {}: ", p.line, p.column)?,
            (Some(_), None) => f.write_str(" ")?,
            (None, None) => {}
        }
        f.write_str(message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, path, position, message, source } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("path", path)
            .field("position", position)
            .field("message", message)
            .field("source", source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
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
    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        let text = "a\nüü x".as_bytes();
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 6), Position { line: 2, column: 3 });
        assert_eq!(Position::of(text, 99), Position { line: 2, column: 5 });
    }

    #[test]
    fn display_is_one_line_and_leaves_the_source_out() {
        let io = std::io::Error::other("boom");
        let error = Error::io("read", Path::new("rc"), io);
        assert_eq!(error.to_string(), "rc: cannot read");
        let error = Error::syntax(b"abc", 1, "no").at(Path::new("rc"));
        assert_eq!(error.to_string(), "rc:1:2: no");
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
