//! Kinds of errors.

/// The kind of an [`Error`](super::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object does not exist (404 of the controller).
    #[error("not found")]
    NotFound,
    /// An object of that name or kind exists, or the change contradicts another one (409).
    #[error("conflict")]
    Conflict,
    /// The server refused the content of the request (400).
    #[error("refused by the server")]
    Validation,
    /// The key or token is missing or wrong (401).
    #[error("wrong key or token")]
    Unauthorized,
    /// The key or token does not allow the call (403; the fork).
    #[error("not allowed")]
    Forbidden,
    /// A precondition of the request does not hold (412).
    #[error("precondition failed")]
    PreconditionFailed,
    /// Too many requests (429).
    #[error("too many requests")]
    RateLimited,
    /// The server, or a proxy before it, cannot answer now (502, 503, 504).
    #[error("the server is not available")]
    Unavailable,
    /// The server failed (any other 5xx).
    #[error("the server failed")]
    Server,
    /// The server does not have the call: it is too old, or not the fork.
    #[error("not supported by this server")]
    Unsupported,
    /// The server redirects the call, and it is not safe to follow; see [`Error::redirect_target`](super::Error::redirect_target).
    #[error("redirect refused")]
    Redirect,
    /// The deadline of the attempt or of the whole call has passed.
    #[error("timed out")]
    Timeout,
    /// The client could not connect, so nothing of the request was sent.
    #[error("cannot connect")]
    Connect,
    /// TLS failed: the certificate was refused, or the pin did not match. Nothing of the request was sent.
    #[error("TLS failed")]
    Tls,
    /// The connection broke after something was sent; the server may have acted.
    #[error("the connection broke")]
    Connection,
    /// The answer is not what the protocol says: not JSON, JSON of another shape, or frames that make no sense.
    #[error("cannot read the answer")]
    Decode,
    /// The answer is larger than the client's limit.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not one that a controller gives: another server, or a proxy, has answered.
    #[error("not an answer of a controller")]
    Unexpected,
    /// Reading or writing on your own side failed, such as a backup's file or a job's input.
    #[error("local input or output failed")]
    Io,
    /// The caller's input was refused before anything was sent.
    #[error("invalid input")]
    InvalidInput,
    /// The client cannot be built from what the builder was given.
    #[error("cannot build the client")]
    Config,
    /// Another deployment of the app is running; [`Error::pending`](super::Error::pending) names it where it could be found.
    #[error("a deployment is in progress")]
    DeploymentInProgress,
    /// The server did what was asked, and it failed: a deployment, a migration, a job.
    #[error("failed")]
    Failed,
    /// A domain migration is complete, but some routes have not moved; [`Error::missing_routes`](super::Error::missing_routes) names them.
    #[error("routes are missing")]
    MissingRoutes,
    /// Somebody else cancelled what the call waited for.
    #[error("cancelled")]
    Cancelled,
    /// The server ended an event stream with an error.
    #[error("the server ended the stream")]
    Stream,
}
