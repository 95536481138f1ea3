//! Sends calls: the span, the attempts, and the result of each attempt.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE, USER_AGENT,
};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, Uri};
use tokio::time::Instant;
use tower_service::Service as _;
use tracing::Instrument;
use url::Url;

use super::answer::{error_of, has_data, refuse_coding, with_missing_grant};
use super::redirect::{follow, is_redirect};
use super::retry::Failures;
use super::wire::CLOSE;
use super::{Body, Deadline, Repeat, Service, Settings, Spec};
use crate::error::{Error, ErrorKind};

/// The minimum timeout of one attempt of a slow call.
const SLOW: Duration = Duration::from_secs(600);

/// The maximum number of bytes of an error's body that are read.
const ERROR_BODY: usize = 1 << 20;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The state that all calls of a client share.
#[derive(Debug)]
pub(crate) struct Transport {
    /// Scheme, host, port and path prefix.
    pub(crate) base: Url,
    pub(crate) settings: Settings,
    pub(crate) user_agent: HeaderValue,
    /// The layers and, innermost, the wire.
    pub(crate) service: Mutex<Service>,
    /// The capabilities of the server, once known, in the order of `Capability::ALL`.
    pub(crate) capabilities: OnceLock<Box<[bool]>>,
}

/// A success.
pub(crate) struct Answer<B> {
    pub(crate) parts: Parts,
    pub(crate) body: B,
    pub(crate) call: Call,
}

/// A running call.
#[derive(Debug)]
pub(crate) struct Call {
    request_id: HeaderValue,
    attempts: u32,
}

impl Call {
    fn new() -> Self {
        let id = format!("{:032x}", fastrand::u128(..));
        Self {
            request_id: HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-")),
            attempts: 0,
        }
    }

    /// Adds the call to an error.
    pub(crate) fn name(&self, error: Error, spec: &Spec) -> Error {
        let error =
            error.with_call(&spec.method, &spec.path, self.attempts, self.request_id.to_str().ok());
        if spec.repeat == Repeat::Never { error.of_one_time_call() } else { error }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The body is part of the attempt: if it is incomplete, the attempt has failed.
    Whole,
    /// The caller reads the body.
    Open,
}

impl Transport {
    /// Sends until a complete answer has arrived.
    pub(crate) async fn whole(
        &self,
        spec: &Spec,
        deadline: Deadline,
    ) -> Result<Answer<Bytes>, Error> {
        let Answer { parts, body, call } = self.send(spec, deadline, Reading::Whole).await?;
        // It has already arrived.
        let body = body.collect(usize::MAX).await?;
        Ok(Answer { parts, body, call })
    }

    /// Sends until the headers of a success have arrived.
    pub(crate) async fn open(
        &self,
        spec: &Spec,
        deadline: Deadline,
    ) -> Result<Answer<Body>, Error> {
        self.send(spec, deadline, Reading::Open).await
    }

    /// Creates the call's span, and adds the call to errors.
    async fn send(
        &self,
        spec: &Spec,
        deadline: Deadline,
        reading: Reading,
    ) -> Result<Answer<Body>, Error> {
        let mut call = Call::new();
        let span = tracing::debug_span!(
            "flynn_call",
            method = %spec.method,
            path = spec.template,
            request_id = call.request_id.to_str().unwrap_or_default(),
            status = tracing::field::Empty,
            attempts = tracing::field::Empty,
        );
        let result =
            self.attempts(spec, deadline, reading, &mut call).instrument(span.clone()).await;
        if !span.is_disabled() {
            let status = match &result {
                Ok(answer) => Some(answer.status()),
                Err(error) => error.status(),
            };
            span.record("status", status.map(|status| status.as_u16()));
            span.record("attempts", call.attempts);
        }
        match result {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                Ok(Answer { parts, body, call })
            }
            Err(error) => Err(call.name(error, spec)),
        }
    }

    /// Sends attempts, as the retry policy allows, and follows redirects.
    async fn attempts(
        &self,
        spec: &Spec,
        deadline: Deadline,
        reading: Reading,
        call: &mut Call,
    ) -> Result<Response<Body>, Error> {
        if let Some(fault) = &spec.fault {
            return Err(fault.clone());
        }
        let policy = deadline.retry_or(self.settings.retry);
        let begun = Instant::now();
        let mut url = self.url(spec);
        let mut hops = 0;
        let mut failures = Failures::default();
        let mut may_have_acted = false;
        loop {
            if deadline.is_over() {
                return Err(Deadline::error().after_one_that_may_have_acted(may_have_acted));
            }
            call.attempts += 1;
            let limit = self.time_of_attempt(spec, deadline);
            let attempt = self.attempt(spec, &url, reading, call);
            let error = match tokio::time::timeout(limit, attempt).await {
                Ok(Ok(answer)) if is_redirect(answer.status()) => {
                    url = follow(&spec.method, &url, answer.headers(), hops)
                        .map_err(|error| error.with_status(answer.status()))?;
                    hops += 1;
                    call.attempts -= 1;
                    continue;
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) if deadline.is_over() => Deadline::error(),
                Err(_) => Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}")),
            };
            // The call in the error distinguishes an attempt that was sent from one that was not.
            let error = call.name(error, spec).after_one_that_may_have_acted(may_have_acted);
            if spec.repeat == Repeat::Delete && may_have_acted && error.is_not_found() {
                // An earlier attempt, whose answer was lost, has deleted it.
                return Ok(Response::new(Body::empty()));
            }
            may_have_acted = error.may_have_acted();
            match policy.next(&error, spec.repeat, &mut failures, begun.elapsed()) {
                Some(wait) if deadline.remaining().is_none_or(|left| wait < left) => {
                    tracing::debug!(kind = ?error.kind(), attempt = call.attempts, wait_ms = wait.as_millis(), "will be sent again");
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(error),
            }
        }
    }

    fn time_of_attempt(&self, spec: &Spec, deadline: Deadline) -> Duration {
        let own = self.settings.attempt_timeout;
        let own = if spec.slow { own.max(SLOW) } else { own };
        deadline.remaining().map_or(own, |left| left.min(own))
    }

    /// Makes one attempt: the request passes through the layers and the wire. An answer that is neither a success nor a
    /// redirect becomes an error.
    async fn attempt(
        &self,
        spec: &Spec,
        url: &Url,
        reading: Reading,
        call: &Call,
    ) -> Result<Response<Body>, Error> {
        let mut request = http::Request::new(Body::from(spec.body.clone()));
        *request.method_mut() = spec.method.clone();
        *request.uri_mut() = Uri::try_from(url.as_str())
            .map_err(|_| Error::invalid_input("the URL of the call cannot be written as a URI"))?;
        *request.headers_mut() = self.headers(spec, reading, call);

        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        let (parts, body) = service.call(request).await?.into_parts();

        let status = parts.status;
        if is_redirect(status) {
            return Ok(Response::from_parts(parts, body));
        }
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            check_head(spec, &parts).map_err(|error| error.with_status(status))?;
            let body = match reading {
                Reading::Whole => body.collect(self.settings.limits.answer).await?.into(),
                Reading::Open => body,
            };
            return Ok(Response::from_parts(parts, body));
        }
        // A truncated body could be taken for an empty one, and a 404 for a missing object.
        let body = body.collect(ERROR_BODY).await.map_err(|error| error.with_status(status))?;
        if spec.also == Some(status) && has_data(&body) {
            return Ok(Response::from_parts(parts, body.into()));
        }
        let error = error_of(&parts, &body);
        if error.is_forbidden() {
            return Err(with_missing_grant(error, spec));
        }
        // Go's router treats an escaped slash as a plain one, so it does not find the path. No object has a slash in
        // its name.
        let has_slash = error.is_unsupported() && spec.path.contains("%2F");
        Err(if has_slash { error.with_kind(ErrorKind::NotFound) } else { error })
    }

    fn headers(&self, spec: &Spec, reading: Reading, call: &Call) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(7 + spec.headers.len());
        headers.insert(ACCEPT, spec.accept.header());
        // From v20171129.0 on, required on every call that the server decodes, even without a body.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(X_REQUEST_ID, call.request_id.clone());
        if reading == Reading::Open {
            headers.insert(CONNECTION, CLOSE);
        }
        for (name, value) in &spec.headers {
            headers.insert(name, value.clone());
        }
        headers
    }

    /// Parses only the path and query again, because parsing host names is slow.
    fn url(&self, spec: &Spec) -> Url {
        let mut url = self.base.clone();
        match self.base.path().trim_end_matches('/') {
            "" => url.set_path(&spec.path),
            prefix => url.set_path(&format!("{prefix}{}", spec.path)),
        }
        if !spec.query.is_empty() {
            url.set_query(Some(&spec.query));
        }
        url
    }
}

/// Checks that the head of a success is as requested.
fn check_head(spec: &Spec, parts: &Parts) -> Result<(), Error> {
    if !spec.headers.contains_key(ACCEPT_ENCODING) {
        refuse_coding(&parts.headers)?;
    }
    if parts.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let message = match (spec.headers.get(UPGRADE), parts.headers.get(UPGRADE)) {
        (None, _) => "the server switches protocols, which was not requested",
        (Some(asked), Some(given)) if asked.as_bytes().eq_ignore_ascii_case(given.as_bytes()) => {
            return Ok(());
        }
        _ => "the server switches to another protocol than requested",
    };
    Err(Error::new(ErrorKind::Unexpected, message))
}
