use std::error::Error as StdError;
use std::fmt;

/// The error of this crate. It is pointer-sized.
///
/// `{}` prints one line without the cause, `{:#}` adds the chain of [sources](StdError::source).
/// Messages never contain key material: a file that cannot be read is described by line and label,
/// not quoted.
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not a pin.
    Pin,
    /// The text is not a time in RFC 3339.
    Time,
    /// The file does not contain certificates, or one is damaged.
    Certificate,
    /// The file does not contain a private key, or it is damaged.
    Key,
    /// The TLS configuration cannot be created from the settings.
    Config,
    /// TLS cannot ask for this host name.
    Name,
    /// The connection to the server failed.
    Connect,
    /// The server did not answer in time.
    Timeout,
    /// The TLS handshake failed.
    Handshake,
    /// A client without a pin would refuse the server.
    Untrusted,
    /// The test certificate cannot be created.
    Generate,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    pub(crate) fn because(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns whether the server did not answer in time.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Returns whether the connection to the server failed.
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.source().filter(|_| f.alternate());
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, source } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("source", source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_pointer_and_says_its_source_apart() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let e = Error::because(ErrorKind::Connect, "cannot connect", std::io::Error::other("gone"));
        assert_eq!(e.to_string(), "cannot connect");
        assert_eq!(format!("{e:#}"), "cannot connect: gone");
        assert_eq!(e.source().map(ToString::to_string).as_deref(), Some("gone"));
        assert!(e.is_connect() && !e.is_timeout());
    }
}
