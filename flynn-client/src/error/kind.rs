//! Sorts of errors.

use std::fmt;

/// The sort of an [`Error`](super::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object does not exist (404 of the controller).
    NotFound,
    /// An object of that name or kind exists, or the change contradicts another one (409).
    Conflict,
    /// The server refused the content of the request (400).
    Validation,
    /// The key or token is missing or wrong (401).
    Unauthorized,
    /// The key or token is good, but not for this (403; the fork).
    Forbidden,
    /// A precondition of the request does not hold (412).
    PreconditionFailed,
    /// Too many requests (429).
    RateLimited,
    /// The server, or one before it, cannot answer now (502, 503, 504).
    Unavailable,
    /// The server failed (any other 5xx).
    Server,
    /// This server does not have the call: it is too old, or not the fork.
    Unsupported,
    /// The server points to somewhere else, and following would be wrong; see [`Error::redirect_target`](super::Error::redirect_target).
    Redirect,
    /// The deadline of the attempt or of the whole call has passed.
    Timeout,
    /// No connection was made, so nothing of the request has left.
    Connect,
    /// TLS failed: the certificate was refused, or the pin did not match. Nothing of the request has left.
    Tls,
    /// The connection broke after something was sent; the server may have acted.
    Connection,
    /// The answer is not what the protocol says: not JSON, another shape, frames that make no sense.
    Decode,
    /// The answer is larger than the client's limit.
    TooLarge,
    /// An answer that no controller gives: some other server, or a proxy, has answered.
    Unexpected,
    /// The caller's input was refused before anything was sent.
    InvalidInput,
    /// The client cannot be built from what the builder was given.
    Config,
    /// A deployment of the app is running already; [`Error::pending`](super::Error::pending) names it where it could be found.
    DeploymentInProgress,
    /// The server did what was asked, and it ended in failure: a deployment, a migration, a job.
    Failed,
    /// A domain migration is done, and not all routes have moved; [`Error::missing_routes`](super::Error::missing_routes) names them.
    MissingRoutes,
    /// The thing waited for was called off by somebody else.
    Cancelled,
    /// The server ended an event stream with an error.
    Stream,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Validation => "refused by the server",
            Self::Unauthorized => "wrong key or token",
            Self::Forbidden => "not allowed",
            Self::PreconditionFailed => "a precondition does not hold",
            Self::RateLimited => "too many requests",
            Self::Unavailable => "the server is not available",
            Self::Server => "the server failed",
            Self::Unsupported => "this server does not have the call",
            Self::Redirect => "redirected",
            Self::Timeout => "time is over",
            Self::Connect => "no connection",
            Self::Tls => "TLS failed",
            Self::Connection => "the connection broke",
            Self::Decode => "cannot read the answer",
            Self::TooLarge => "the answer is too large",
            Self::Unexpected => "not the answer of a controller",
            Self::InvalidInput => "invalid input",
            Self::Config => "the client cannot be built",
            Self::DeploymentInProgress => "a deployment is in progress",
            Self::Failed => "failed",
            Self::MissingRoutes => "routes are missing",
            Self::Cancelled => "cancelled",
            Self::Stream => "the server ended the stream",
        })
    }
}
