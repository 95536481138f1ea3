//! The one error of this crate.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};

use crate::domain::MissingRoute;
use crate::ids::JobId;
use crate::json::Json;

mod kind;
mod pending;

pub use kind::ErrorKind;
pub use pending::Pending;

/// What went wrong, why, and in which call.
///
/// `Display` is one line. The cause, where there is one, is in [`source`](StdError::source) and not
/// repeated. Neither `Display` nor `Debug` shows keys, env values or bodies.
pub struct Error(Box<Inner>);

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

#[derive(Default)]
struct Inner {
    kind: Option<ErrorKind>,
    message: String,
    status: Option<StatusCode>,
    code: Option<String>,
    detail: Option<Json>,
    retry: bool,
    retry_after: Option<Duration>,
    method: Option<Method>,
    path: Option<String>,
    attempts: u32,
    request_id: Option<String>,
    redirect_target: Option<String>,
    pending: Vec<Pending>,
    failed_job: Option<JobId>,
    log_tail: Vec<String>,
    missing_routes: Vec<MissingRoute>,
    source: Option<BoxError>,
}

impl Error {
    /// The sort of the error, for `match`; the predicates below read better where one kind matters.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::Unexpected)
    }

    /// The object named in the call does not exist.
    ///
    /// Troubleshooting: names and ids are exact; UUIDs are lower case. A call that the *server* does
    /// not know is [`is_unsupported`](Self::is_unsupported) instead.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Something of that name, or a rival change, is there already (409, or a running deployment).
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind(), ErrorKind::Conflict | ErrorKind::DeploymentInProgress)
    }

    /// The content of the request was refused, by the server (400) or before it was sent.
    ///
    /// Troubleshooting: [`message`](Self::message) says what, [`detail`](Self::detail) often names the field.
    pub fn is_validation(&self) -> bool {
        matches!(self.kind(), ErrorKind::Validation | ErrorKind::InvalidInput)
    }

    /// The key or token was refused (401).
    ///
    /// Troubleshooting: the key is the cluster's `Key` in `~/.flynnrc`; after a key rotation it is the new one.
    pub fn is_unauthorized(&self) -> bool {
        self.kind() == ErrorKind::Unauthorized
    }

    /// The key or token does not allow this (403).
    pub fn is_forbidden(&self) -> bool {
        self.kind() == ErrorKind::Forbidden
    }

    /// A precondition does not hold (412).
    pub fn is_precondition_failed(&self) -> bool {
        self.kind() == ErrorKind::PreconditionFailed
    }

    /// The server asks to slow down (429).
    pub fn is_rate_limited(&self) -> bool {
        self.kind() == ErrorKind::RateLimited
    }

    /// Time ran out, of one attempt or of the whole call.
    ///
    /// Troubleshooting: what was begun may go on at the server; [`pending`](Self::pending) names it.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// The server lacks this call.
    ///
    /// Troubleshooting: [`Client::capabilities`](crate::Client::capabilities) tells beforehand.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }

    /// No connection could be made: name, network, port or proxy.
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }

    /// TLS failed before anything was sent.
    ///
    /// Troubleshooting: walk [`source`](StdError::source), or hand the error to `flynn_tls::pin_mismatch`,
    /// which tells the expected pin from the presented one.
    pub fn is_tls(&self) -> bool {
        self.kind() == ErrorKind::Tls
    }

    /// Another deployment of the app is running; [`pending`](Self::pending) names it.
    pub fn is_deployment_in_progress(&self) -> bool {
        self.kind() == ErrorKind::DeploymentInProgress
    }

    /// The server carried the operation out, and the operation failed.
    pub fn is_failed(&self) -> bool {
        self.kind() == ErrorKind::Failed
    }

    /// The same call may succeed later without any change: the network, the load or a restart was at fault.
    ///
    /// Flynn marks every database error as retryable, permanent ones too; so this is a hint, and the
    /// client's own retries are bounded.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::RateLimited
                | ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::Connect
                | ErrorKind::Connection
        ) || self.0.retry
    }

    /// Status of the answer, when there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The controller's own code, such as `validation_error` or `object_exists`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What the controller, or this crate, has to say about it.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The controller's detail: `{"field": ..}` of validation errors, the whole route, *with its private
    /// key*, of route errors.
    pub fn detail(&self) -> Option<&Json> {
        self.0.detail.as_ref()
    }

    /// Method of the call.
    pub fn method(&self) -> Option<&Method> {
        self.0.method.as_ref()
    }

    /// Path of the call, without query.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// How often the request was sent; 0 when it was refused before.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The `X-Request-Id` of the call, which the controller writes into its own log.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the server asked to wait (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Where a redirect that was not followed leads.
    pub fn redirect_target(&self) -> Option<&str> {
        self.0.redirect_target.as_deref()
    }

    /// What goes on at the server, with the id to go on from.
    pub fn pending(&self) -> Option<&Pending> {
        self.0.pending.first()
    }

    /// Everything that goes on or was left half done, the most important first: a release that was made
    /// may have found another deployment in its way.
    pub fn all_pending(&self) -> &[Pending] {
        &self.0.pending
    }

    /// The job that made a deployment fail, where it could be told.
    pub fn failed_job(&self) -> Option<&JobId> {
        self.0.failed_job.as_ref()
    }

    /// The last lines that the failed job wrote, oldest first. Not part of `Display`: an app may log secrets.
    pub fn log_tail(&self) -> &[String] {
        &self.0.log_tail
    }

    /// The routes that a domain migration has not made, or that could not be made in its stead.
    pub fn missing_routes(&self) -> &[MissingRoute] {
        &self.0.missing_routes
    }
}

/// Making errors.
impl Error {
    /// An error of your own, for services put in with [`ClientBuilder::layer`](crate::ClientBuilder::layer)
    /// and for tests. The client's retries go by its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind: Some(kind), message: message.into(), ..Inner::default() }))
    }

    /// With the cause, for [`source`](StdError::source).
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl Error {
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = Some(kind);
        self
    }

    pub(crate) fn with_server_words(
        mut self,
        code: Option<String>,
        detail: Option<Json>,
        retry: bool,
    ) -> Self {
        self.0.code = code;
        self.0.detail = detail;
        self.0.retry = retry;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(crate) fn with_redirect_target(mut self, target: impl Into<String>) -> Self {
        self.0.redirect_target = Some(target.into());
        self
    }

    pub(crate) fn with_call(
        mut self,
        method: &Method,
        path: &str,
        attempts: u32,
        request_id: Option<&str>,
    ) -> Self {
        self.0.method = Some(method.clone());
        self.0.path = Some(path.to_owned());
        self.0.attempts = attempts;
        self.0.request_id = request_id.map(str::to_owned);
        self
    }

    pub(crate) fn with_pending(mut self, pending: Pending) -> Self {
        // What was refused before it was sent has nothing going on.
        if self.kind() != ErrorKind::InvalidInput {
            self.0.pending.push(pending);
        }
        self
    }

    pub(crate) fn with_failed_job(mut self, job: JobId, log_tail: Vec<String>) -> Self {
        self.0.failed_job = Some(job);
        self.0.log_tail = log_tail;
        self
    }

    pub(crate) fn with_missing_routes(mut self, missing: Vec<MissingRoute>) -> Self {
        self.0.missing_routes = missing;
        self
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Whether a controller that starts or stops has refused the call, so that it has not acted.
    pub(crate) fn is_refusal_while_down(&self) -> bool {
        self.0.status == Some(StatusCode::SERVICE_UNAVAILABLE)
            && self.code() == Some("service_unavailable")
            && self.0.retry
    }

    /// Whether the server itself said `retry: true`.
    pub(crate) fn server_says_retry(&self) -> bool {
        self.0.retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, status, method, path, attempts, pending, failed_job, .. } = &*self.0;
        write!(f, "{}", self.kind())?;
        if !message.is_empty() {
            f.write_str(": ")?;
            write_line(f, message)?;
        }
        if let Some(job) = failed_job {
            write!(f, "; job {job} failed")?;
        }
        for pending in pending {
            write!(f, "; {pending}")?;
        }
        if let (Some(method), Some(path)) = (method, path) {
            write!(f, " ({method} {path}")?;
            if let Some(status) = status {
                write!(f, ", status {}", status.as_u16())?;
            }
            if *attempts > 1 {
                write!(f, ", {attempts} attempts")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// Server texts can hold line ends; an error is one line.
fn write_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut pieces = text.split(char::is_control).map(str::trim).filter(|piece| !piece.is_empty());
    if let Some(first) = pieces.next() {
        f.write_str(first)?;
    }
    pieces.try_for_each(|piece| write!(f, " {piece}"))
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind()).field("message", &inner.message);
        if let Some(status) = inner.status {
            out.field("status", &status.as_u16());
        }
        if let Some(code) = &inner.code {
            out.field("code", code);
        }
        if let (Some(method), Some(path)) = (&inner.method, &inner.path) {
            out.field("call", &format_args!("{method} {path}"));
        }
        out.field("attempts", &inner.attempts);
        if let Some(id) = &inner.request_id {
            out.field("request_id", id);
        }
        if !inner.pending.is_empty() {
            out.field("pending", &inner.pending);
        }
        if let Some(job) = &inner.failed_job {
            out.field("failed_job", job);
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_pointer_sized_and_shareable() {
        fn shareable<T: Send + Sync + 'static>() {}
        shareable::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn display_is_one_line_without_the_source() {
        let error = Error::new(ErrorKind::Server, "first\nsecond").caused_by("the cause");
        assert_eq!(error.to_string(), "the server failed: first second");
        assert_eq!(error.source().unwrap().to_string(), "the cause");
    }
}
