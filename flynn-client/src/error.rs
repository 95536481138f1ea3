//! The error of this crate.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use crate::ids::JobId;
use crate::json::Json;
use crate::release_diff::ReleaseDiff;

mod kind;
mod line;
mod missing_route;
mod pending;
mod print;

pub use kind::ErrorKind;
pub(crate) use line::{Line, MESSAGE, NAME, kept};
pub use missing_route::MissingRoute;
pub use pending::Pending;
pub(crate) use print::causes;

/// The error of this crate: what failed, why, and in which call.
///
/// `{}` prints one line of bounded length, in which a server's text is escaped. `{:#}` adds the causes, which
/// [`source`](StdError::source) returns one by one. Neither they nor `Debug` show keys, env values or bodies.
///
/// Clones are cheap: they share the content.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

#[derive(Clone, Default)]
struct Inner {
    kind: Option<ErrorKind>,
    message: String,
    status: Option<StatusCode>,
    code: Option<String>,
    detail: Option<Json>,
    retry: bool,
    may_have_acted: bool,
    /// The call is not idempotent.
    once: bool,
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
    conflicting_changes: Option<(ReleaseDiff, ReleaseDiff)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Returns the kind of the error. To test for one kind, use the predicates below.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::Unexpected)
    }

    /// Returns whether the object of the call does not exist.
    ///
    /// Names and ids are case-sensitive; UUIDs are lower case. If the *server* does not have the call,
    /// [`is_unsupported`](Self::is_unsupported) is true instead.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns whether an object of that name exists, or another change conflicts (409, or a running deployment).
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind(), ErrorKind::Conflict | ErrorKind::DeploymentInProgress)
    }

    /// Returns whether the content of the request was refused, by the server (400) or by the client before sending it.
    ///
    /// [`message`](Self::message) says why, and [`detail`](Self::detail) often names the field.
    pub fn is_validation(&self) -> bool {
        matches!(self.kind(), ErrorKind::Validation | ErrorKind::InvalidInput)
    }

    /// Returns whether the server refused the key or token (401).
    ///
    /// The key is `Key` of the cluster in `~/.flynnrc`. After a key rotation, use the new key.
    pub fn is_unauthorized(&self) -> bool {
        self.kind() == ErrorKind::Unauthorized
    }

    /// Returns whether the key or token does not allow the call (403).
    pub fn is_forbidden(&self) -> bool {
        self.kind() == ErrorKind::Forbidden
    }

    /// Returns whether a precondition failed (412).
    pub fn is_precondition_failed(&self) -> bool {
        self.kind() == ErrorKind::PreconditionFailed
    }

    /// Returns whether the server asks the client to slow down (429).
    pub fn is_rate_limited(&self) -> bool {
        self.kind() == ErrorKind::RateLimited
    }

    /// Returns whether an attempt or the whole call timed out.
    ///
    /// The server may still be processing it; [`pending`](Self::pending) names the operation.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Returns whether the server does not have this call.
    ///
    /// Check [`Client::capabilities`](crate::Client::capabilities) first to avoid it.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }

    /// Returns whether the client could not connect: check name, network, port and proxy.
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }

    /// Returns whether TLS failed before anything was sent.
    ///
    /// Pass the error to `flynn_tls::pin_mismatch` to get the expected and the presented pin.
    pub fn is_tls(&self) -> bool {
        self.kind() == ErrorKind::Tls
    }

    /// Returns whether another deployment of the app is running; [`pending`](Self::pending) names it.
    pub fn is_deployment_in_progress(&self) -> bool {
        self.kind() == ErrorKind::DeploymentInProgress
    }

    /// Returns whether the server carried out the operation and it failed.
    pub fn is_failed(&self) -> bool {
        self.kind() == ErrorKind::Failed
    }

    /// Returns whether the same call may succeed later, since the network, the load or a restart was the cause.
    ///
    /// This is a hint. Flynn marks every database error as retryable, even permanent ones, so limit your retries as the
    /// client does.
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

    /// Returns whether the server may have carried out the call although no answer confirms it: the connection was
    /// lost, the call timed out, a proxy answered, or the answer could not be read.
    ///
    /// Check whether the call took effect before you send it again. It is also true if an earlier attempt of the call
    /// ended that way.
    pub fn may_have_acted(&self) -> bool {
        if self.0.may_have_acted {
            return true;
        }
        let was_sent = self.0.method.is_none() || self.0.attempts > 0;
        was_sent
            && match self.kind() {
                ErrorKind::Connection
                | ErrorKind::Timeout
                | ErrorKind::Decode
                | ErrorKind::TooLarge
                | ErrorKind::Unexpected => true,
                ErrorKind::Unavailable => !self.is_refusal_while_down(),
                _ => false,
            }
    }

    /// Returns whether reconnecting a stream may help: for the errors of [`is_retryable`](Self::is_retryable), and if
    /// the server ended the stream with an error, as a restarting controller does.
    pub fn is_transient(&self) -> bool {
        self.is_retryable() || self.kind() == ErrorKind::Stream
    }

    /// Returns the status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Returns the controller's own code, such as `validation_error` or `object_exists`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the message of the controller, or of this crate. It can contain line breaks; `{}` escapes them.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the controller's detail: `{"field": ..}` for validation errors; for route errors the whole route **with
    /// its private key**.
    pub fn detail(&self) -> Option<&Json> {
        self.0.detail.as_ref()
    }

    /// Returns the method of the call.
    pub fn method(&self) -> Option<&Method> {
        self.0.method.as_ref()
    }

    /// Returns the path of the call, without query.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Returns how often the request was sent; 0 if the client refused to send it.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns the `X-Request-Id` of the call, which the controller writes into its own log.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the time that the server asked to wait (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the target of a refused redirect.
    pub fn redirect_target(&self) -> Option<&str> {
        self.0.redirect_target.as_deref()
    }

    /// Returns the operation that continues on the server, with the id to resume it.
    pub fn pending(&self) -> Option<&Pending> {
        self.0.pending.first()
    }

    /// Returns all operations that continue on the server or are unfinished, most important first: for example a
    /// created release, and the other deployment that blocked it.
    pub fn all_pending(&self) -> &[Pending] {
        &self.0.pending
    }

    /// Returns the job that made a deployment fail, if it is known.
    pub fn failed_job(&self) -> Option<&JobId> {
        self.0.failed_job.as_ref()
    }

    /// Returns the last log lines of the failed job, oldest first. `Display` leaves them out, since an app may log
    /// secrets.
    pub fn log_tail(&self) -> &[String] {
        &self.0.log_tail
    }

    /// Returns the conflicting changes of two writers of a release: first those of this call, then those of the other
    /// writer.
    pub fn conflicting_changes(&self) -> Option<(&ReleaseDiff, &ReleaseDiff)> {
        self.0.conflicting_changes.as_ref().map(|(ours, theirs)| (ours, theirs))
    }

    /// Returns the routes that a domain migration has not created, or that could not be created afterwards.
    pub fn missing_routes(&self) -> &[MissingRoute] {
        &self.0.missing_routes
    }
}

/// Constructors, for layers and tests.
impl Error {
    /// Creates an error, for a [`layer`](crate::ClientBuilder::layer) or a test. Its kind decides about retries.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind: Some(kind), message: message.into(), ..Inner::default() }))
    }

    /// Adds the cause, for [`source`](StdError::source).
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner().source = Some(Arc::from(source.into()));
        self
    }
}

impl Error {
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.inner().status = Some(status);
        self
    }

    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.inner().message = message;
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.inner().kind = Some(kind);
        self
    }

    pub(crate) fn with_server_words(
        mut self,
        code: Option<String>,
        detail: Option<Json>,
        retry: bool,
    ) -> Self {
        self.inner().code = code;
        self.inner().detail = detail;
        self.inner().retry = retry;
        self
    }

    /// Marks the error of a call that is not idempotent.
    pub(crate) fn of_one_time_call(mut self) -> Self {
        self.inner().once = true;
        self
    }

    /// Records whether an earlier attempt of the same call may have acted.
    pub(crate) fn after_one_that_may_have_acted(mut self, earlier: bool) -> Self {
        self.inner().may_have_acted |= earlier;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.inner().retry_after = wait;
        self
    }

    pub(crate) fn with_redirect_target(mut self, target: impl Into<String>) -> Self {
        self.inner().redirect_target = Some(target.into());
        self
    }

    pub(crate) fn with_call(
        mut self,
        method: &Method,
        path: &str,
        attempts: u32,
        request_id: Option<&str>,
    ) -> Self {
        self.inner().method = Some(method.clone());
        self.inner().path = Some(path.to_owned());
        self.inner().attempts = attempts;
        self.inner().request_id = request_id.map(str::to_owned);
        self
    }

    pub(crate) fn with_pending(mut self, pending: Pending) -> Self {
        // A call that was refused before it was sent has no effect.
        if self.kind() != ErrorKind::InvalidInput {
            self.inner().pending.push(pending);
        }
        self
    }

    /// Replaces the pending operations of a single step by those of an operation of several steps.
    pub(crate) fn with_only_pending(mut self, pending: impl IntoIterator<Item = Pending>) -> Self {
        self.inner().pending = pending.into_iter().collect();
        self
    }

    pub(crate) fn with_failed_job(mut self, job: JobId, log_tail: Vec<String>) -> Self {
        self.inner().failed_job = Some(job);
        self.inner().log_tail = log_tail;
        self
    }

    pub(crate) fn with_conflicting_changes(
        mut self,
        ours: ReleaseDiff,
        theirs: ReleaseDiff,
    ) -> Self {
        self.inner().conflicting_changes = Some((ours, theirs));
        self
    }

    pub(crate) fn with_missing_routes(mut self, missing: Vec<MissingRoute>) -> Self {
        self.inner().missing_routes = missing;
        self
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Returns whether the server has certainly not acted: nothing was sent, or it refused the call before looking at it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.kind(), ErrorKind::Connect | ErrorKind::RateLimited)
            || self.is_refusal_while_down()
    }

    /// Returns whether a controller that starts or stops has refused the call.
    fn is_refusal_while_down(&self) -> bool {
        self.0.status == Some(StatusCode::SERVICE_UNAVAILABLE)
            && self.code() == Some("service_unavailable")
            && self.0.retry
    }

    /// Returns whether the server itself said `retry: true`.
    pub(crate) fn server_says_retry(&self) -> bool {
        self.0.retry
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
    fn the_server_may_have_acted_unless_it_said_no() {
        let of = |kind| Error::new(kind, "");
        let down = of(ErrorKind::Unavailable)
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .with_server_words(Some("service_unavailable".to_owned()), None, true);
        let unsent = of(ErrorKind::Timeout).with_call(&Method::PUT, "/x", 0, None);
        let later = of(ErrorKind::Connect).after_one_that_may_have_acted(true);
        for (error, may) in [
            (of(ErrorKind::Connection), true),
            (of(ErrorKind::Timeout), true),
            (of(ErrorKind::Unavailable), true),
            (of(ErrorKind::Unexpected), true),
            (of(ErrorKind::Decode), true),
            (down, false),
            (unsent, false),
            (later, true),
            (of(ErrorKind::Connect), false),
            (of(ErrorKind::Tls), false),
            (of(ErrorKind::Server), false),
            (of(ErrorKind::RateLimited), false),
            (of(ErrorKind::Validation), false),
            (of(ErrorKind::Redirect), false),
        ] {
            assert_eq!(error.may_have_acted(), may, "{error:?}");
        }
    }
}
