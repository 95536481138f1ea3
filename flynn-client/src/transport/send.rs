//! The retry loop of a call, and one attempt of it.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE, USER_AGENT,
};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::Instant;
use tracing::Instrument;
use url::Url;

use super::answer::{error_of, has_data, refuse_coding};
use super::redirect::{follow, is_redirect};
use super::retry::Failures;
use super::wire::CLOSE;
use super::{Body, Deadline, Layers, Repeat, RetryPolicy, Spec, Wire};
use crate::capabilities::Capabilities;
use crate::error::{Error, ErrorKind};

/// Sizes at which reading stops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of an answer that is read as a whole.
    pub(crate) answer: usize,
    /// Bytes of one event or line of a stream.
    pub(crate) event: usize,
    /// Objects of a list.
    pub(crate) list: usize,
}

/// The least time of one attempt of a call that is known to be slow.
const SLOW: Duration = Duration::from_secs(600);

/// Bytes of an error's body that are looked at.
const ERROR_BODY: usize = 1 << 20;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What all calls of a client share.
#[derive(Debug)]
pub(crate) struct Transport {
    /// Scheme, host, port and path prefix.
    pub(crate) base: Url,
    pub(crate) wire: Wire,
    pub(crate) layers: Option<Layers>,
    pub(crate) retry: RetryPolicy,
    pub(crate) attempt_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) user_agent: HeaderValue,
    /// What the server can do, once it is known.
    pub(crate) capabilities: OnceLock<Capabilities>,
}

/// A success that was read as a whole.
pub(crate) struct Answer {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) call: Call,
}

/// A call under way.
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

    /// Says in an error which call it was.
    pub(crate) fn name(&self, error: Error, spec: &Spec) -> Error {
        error.with_call(&spec.method, &spec.path, self.attempts, self.request_id.to_str().ok())
    }
}

enum Content {
    Whole(Bytes),
    Open(Body),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The body belongs to the attempt: when it breaks off, the attempt has failed.
    Whole,
    /// The body is the caller's.
    Open,
}

impl Transport {
    /// Sends until an answer is there as a whole.
    pub(crate) async fn whole(&self, spec: &Spec, deadline: Deadline) -> Result<Answer, Error> {
        let (parts, content, call) = self.run(spec, deadline, Reading::Whole).await?;
        let body = match content {
            Content::Whole(body) => body,
            Content::Open(_) => Bytes::new(),
        };
        Ok(Answer { parts, body, call })
    }

    /// Sends until the headers of a success are there.
    pub(crate) async fn open(
        &self,
        spec: &Spec,
        deadline: Deadline,
    ) -> Result<(http::Response<Body>, Call), Error> {
        let (parts, content, call) = self.run(spec, deadline, Reading::Open).await?;
        let body = match content {
            Content::Whole(body) => Body::from(body),
            Content::Open(body) => body,
        };
        Ok((http::Response::from_parts(parts, body), call))
    }

    async fn run(
        &self,
        spec: &Spec,
        deadline: Deadline,
        reading: Reading,
    ) -> Result<(Parts, Content, Call), Error> {
        let mut call = Call::new();
        let span = tracing::debug_span!(
            "flynn_call",
            method = %spec.method,
            path = spec.template,
            request_id = call.request_id.to_str().unwrap_or_default(),
            status = tracing::field::Empty,
            attempts = tracing::field::Empty,
        );
        let result = self.repeat(spec, deadline, reading, &mut call).instrument(span.clone()).await;
        if !span.is_disabled() {
            let status = match &result {
                Ok((parts, _)) => Some(parts.status),
                Err(error) => error.status(),
            };
            span.record("status", status.map(|status| status.as_u16()));
            span.record("attempts", call.attempts);
        }
        match result {
            Ok((parts, content)) => Ok((parts, content, call)),
            Err(error) => Err(call.name(error, spec)),
        }
    }

    async fn repeat(
        &self,
        spec: &Spec,
        deadline: Deadline,
        reading: Reading,
        call: &mut Call,
    ) -> Result<(Parts, Content), Error> {
        if let Some(fault) = &spec.fault {
            return Err(Error::invalid_input(fault.message()));
        }
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
            let error = match self.timed(spec, url.clone(), deadline, reading, call).await {
                Ok((parts, _)) if is_redirect(parts.status) => {
                    url = follow(&spec.method, &url, &parts.headers, hops)
                        .map_err(|error| error.with_status(parts.status))?;
                    hops += 1;
                    call.attempts -= 1;
                    continue;
                }
                Ok(answer) => return Ok(answer),
                Err(error) => error.after_one_that_may_have_acted(may_have_acted),
            };
            may_have_acted |= error.may_have_acted();
            if spec.repeat == Repeat::Delete && call.attempts > 1 && error.is_not_found() {
                // An earlier attempt has deleted it, although its answer was lost.
                return Ok((http::Response::new(()).into_parts().0, Content::Whole(Bytes::new())));
            }
            let wait = self.retry.next(&error, spec.repeat, &mut failures, begun.elapsed());
            match wait {
                Some(wait) if deadline.remaining().is_none_or(|left| wait < left) => {
                    tracing::debug!(kind = ?error.kind(), attempt = call.attempts, wait_ms = wait.as_millis(), "will be sent again");
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// One attempt, bounded by its own time and by that of the whole call.
    async fn timed(
        &self,
        spec: &Spec,
        url: Url,
        deadline: Deadline,
        reading: Reading,
        call: &Call,
    ) -> Result<(Parts, Content), Error> {
        let own = if spec.slow { self.attempt_timeout.max(SLOW) } else { self.attempt_timeout };
        let limit = deadline.remaining().map_or(own, |left| left.min(own));
        match tokio::time::timeout(limit, self.attempt(spec, url, reading, call)).await {
            Ok(result) => result,
            Err(_) if deadline.is_over() => Err(Deadline::error()),
            Err(_) => Err(Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))),
        }
    }

    async fn attempt(
        &self,
        spec: &Spec,
        url: Url,
        reading: Reading,
        call: &Call,
    ) -> Result<(Parts, Content), Error> {
        let (parts, body) = self.exchange(spec, url, reading, call).await?.into_parts();
        let status = parts.status;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            check_switch(&spec.headers, &parts.headers)
                .map_err(|error| error.with_status(status))?;
        }
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            if !spec.headers.contains_key(ACCEPT_ENCODING) {
                refuse_coding(&parts.headers).map_err(|error| error.with_status(status))?;
            }
            let content = match reading {
                Reading::Whole => Content::Whole(collect(body, self.limits.answer).await?),
                Reading::Open => Content::Open(body),
            };
            return Ok((parts, content));
        }
        if is_redirect(status) {
            return Ok((parts, Content::Open(body)));
        }
        // Cut short, a body would pass for an empty one, and a 404 for a missing object.
        let body = collect(body, ERROR_BODY).await.map_err(|error| error.with_status(status))?;
        if spec.also == Some(status) && has_data(&body) {
            return Ok((parts, Content::Whole(body)));
        }
        let error = error_of(&parts, &body);
        // Go's router takes an escaped slash for one, and so does not find the path. No object has one.
        let has_slash = error.is_unsupported() && spec.path.contains("%2F");
        Err(if has_slash { error.with_kind(ErrorKind::NotFound) } else { error })
    }

    async fn exchange(
        &self,
        spec: &Spec,
        url: Url,
        reading: Reading,
        call: &Call,
    ) -> Result<http::Response<Body>, Error> {
        let headers = self.headers(spec, reading, call);
        let Some(layers) = &self.layers else {
            return self.wire.send(spec.method.clone(), url, headers, spec.body.clone()).await;
        };
        let mut request = http::Request::new(spec.body.clone());
        *request.method_mut() = spec.method.clone();
        *request.uri_mut() = http::Uri::try_from(url.as_str())
            .map_err(|_| Error::invalid_input("the URL of the call cannot be written as a URI"))?;
        *request.headers_mut() = headers;
        layers.call(request).await
    }

    fn headers(&self, spec: &Spec, reading: Reading, call: &Call) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(7 + spec.headers.len());
        headers.insert(ACCEPT, spec.accept.header());
        // Wanted on every call with a decoder behind it from v20171129.0 on, even without a body.
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

    /// Only path and query are parsed anew: host names cost more than all the rest.
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

/// Whether a server switches to the protocol that was asked for.
fn check_switch(asked: &HeaderMap, given: &HeaderMap) -> Result<(), Error> {
    let message = match (asked.get(UPGRADE), given.get(UPGRADE)) {
        (None, _) => "the server switches protocols, which was not asked for",
        (Some(asked), Some(given)) if asked.as_bytes().eq_ignore_ascii_case(given.as_bytes()) => {
            return Ok(());
        }
        _ => "the server switches to another protocol than was asked for",
    };
    Err(Error::new(ErrorKind::Unexpected, message))
}

/// Reads a body to its end, or to the limit.
pub(crate) async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Error> {
    let too_large = || Error::new(ErrorKind::TooLarge, format!("more than {limit} bytes"));
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && all.is_empty() {
            // Most answers are one piece, which needs no copy.
            first = data;
            continue;
        }
        if all.is_empty() {
            let known = usize::try_from(hint.lower()).unwrap_or(limit);
            all.reserve_exact(known.max(first.len() + data.len()));
            all.extend_from_slice(&first);
        }
        if all.len() + data.len() > limit {
            return Err(too_large());
        }
        all.extend_from_slice(&data);
    }
    if !all.is_empty() {
        return Ok(all.into());
    }
    if first.len() > limit { Err(too_large()) } else { Ok(first) }
}
