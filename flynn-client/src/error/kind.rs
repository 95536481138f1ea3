//! Kinds of errors.

/// The kind of an [`Error`](super::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
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
    /// The server does not have the call, because it is too old or not the fork.
    #[error("not supported by this server")]
    Unsupported,
    /// The server redirects the call to a target that is not safe to follow; see
    /// [`Error::redirect_target`](super::Error::redirect_target).
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
    /// The connection was lost after something was sent; the server may have acted.
    #[error("the connection was lost")]
    Connection,
    /// The answer does not follow the protocol: it is not JSON, JSON of another shape, or has invalid frames.
    #[error("cannot read the answer")]
    Decode,
    /// The answer is larger than the client's limit.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not from a controller but from another server or a proxy.
    #[error("not an answer of a controller")]
    Unexpected,
    /// Local reading or writing failed, for example of a backup's file or a job's input.
    #[error("local input or output failed")]
    Io,
    /// The client refused the input before anything was sent.
    #[error("invalid input")]
    InvalidInput,
    /// The client cannot be built from the builder's settings.
    #[error("cannot build the client")]
    Config,
    /// Another deployment of the app is running; [`Error::pending`](super::Error::pending) names it if it could be
    /// found.
    #[error("a deployment is in progress")]
    DeploymentInProgress,
    /// The server carried out the operation, such as a deployment, a migration or a job, and it failed.
    #[error("failed")]
    Failed,
    /// A domain migration has finished, but some routes have not moved;
    /// [`Error::missing_routes`](super::Error::missing_routes) lists them.
    #[error("routes are missing")]
    MissingRoutes,
    /// The operation was cancelled by another caller.
    #[error("cancelled")]
    Cancelled,
    /// The server ended an event stream with an error.
    #[error("the server ended the stream")]
    Stream,
}
