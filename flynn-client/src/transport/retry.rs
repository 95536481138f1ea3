//! Retries.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::{Deadline, Repeat};
use crate::error::Error;

/// Limits for retrying calls.
///
/// Each operation declares whether it may be retried. An idempotent call is retried after a lost connection, a timeout,
/// 429, 502, 503, 504 and `retry: true`. Any other call is retried only if the server cannot have acted: nothing was
/// sent, or the server refused with 429 or 503.
///
/// Reads of routes, and the `PUT` of a whole route, are also retried after a plain 500: see
/// [`router_restart`](Self::router_restart).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    base: Duration,
    max_delay: Duration,
    max_elapsed: Duration,
    router_restart: Duration,
}

/// The failed attempts of one call.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Failures that count against [`RetryPolicy::max_attempts`].
    counted: u32,
    /// Failures that a restarting router caused.
    router: u32,
}

/// The longest delay while a router restarts, which takes about a second.
const ROUTER_DELAY: Duration = Duration::from_secs(1);

impl Default for RetryPolicy {
    /// Returns the default policy: at most 4 attempts within 30 s, with delays that double from 0.1 s up to 5 s; 10 s
    /// for a restarting router.
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            max_elapsed: Duration::from_secs(30),
            router_restart: Duration::from_secs(10),
        }
    }
}

impl RetryPolicy {
    /// Returns a policy that sends every call once.
    pub fn none() -> Self {
        Self { max_attempts: 1, router_restart: Duration::ZERO, ..Self::default() }
    }

    /// Sets the maximum number of attempts, including the first one. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the first and the longest delay. Each delay is twice the previous one, with jitter.
    pub fn delays(mut self, first: Duration, longest: Duration) -> Self {
        self.base = first;
        self.max_delay = longest;
        self
    }

    /// Sets the time after which no further attempt starts.
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = elapsed;
        self
    }

    /// Sets the time for which reads of routes, and the `PUT` of a whole route, are retried after a plain 500; 10 s by
    /// default, zero for no retry.
    ///
    /// While the router app is redeployed, the controller still asks the old router, which has closed its database
    /// and answers 500 with `retry: false` (recorded). Permanent errors look the same, so other calls fail at once.
    /// These attempts do not count against [`max_attempts`](Self::max_attempts).
    pub fn router_restart(mut self, elapsed: Duration) -> Self {
        self.router_restart = elapsed;
        self
    }

    /// Returns the delay before the next attempt, or `None` to give up.
    pub(crate) fn next(
        &self,
        error: &Error,
        repeat: Repeat,
        failures: &mut Failures,
        elapsed: Duration,
    ) -> Option<Duration> {
        let (wait, most) = if repeat == Repeat::Router && is_plain_500(error) {
            failures.router += 1;
            (self.backoff(failures.router).min(ROUTER_DELAY), self.router_restart)
        } else {
            failures.counted += 1;
            if failures.counted >= self.max_attempts || !may_repeat(error, repeat) {
                return None;
            }
            (self.backoff(failures.counted), self.max_elapsed)
        };
        let wait = wait.max(error.retry_after().unwrap_or_default());
        (elapsed.checked_add(wait)? <= most).then_some(wait)
    }

    /// Waits before an operation retries a temporary refusal. Returns false if it should give up: the deadline is
    /// nearer, or the policy allows only one attempt.
    pub(crate) async fn pause(&self, attempts: u32, deadline: Deadline) -> bool {
        let wait = self.backoff(attempts);
        if self.max_attempts == 1 || deadline.remaining().is_some_and(|left| left <= wait) {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }

    /// Returns at least half of the exponential step. The jitter spreads the retries of clients that failed at the same
    /// time.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        let doubling = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let step = self.base.saturating_mul(doubling).min(self.max_delay);
        step.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// Returns whether this is the answer of a router without its database. Permanent errors look the same.
fn is_plain_500(error: &Error) -> bool {
    error.status() == Some(StatusCode::INTERNAL_SERVER_ERROR) && !error.server_says_retry()
}

/// Returns whether the error allows the call to be sent again: it may pass, and where the call must not happen twice,
/// the server has not acted.
fn may_repeat(error: &Error, repeat: Repeat) -> bool {
    error.is_retryable() && (repeat != Repeat::Never || error.is_refusal())
}

/// Parses `Retry-After` in seconds or as an HTTP date, in any of the three forms of RFC 9110.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn server(status: u16, code: &str, retry: bool) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::new(super::super::answer::kind_of(status), "").with_status(status).with_server_words(
            Some(code.to_owned()),
            None,
            retry,
        )
    }

    #[test]
    fn what_may_be_repeated_after_what() {
        let table = [
            (server(500, "unknown_error", false), false, false),
            (server(500, "unknown_error", true), true, false),
            (server(503, "service_unavailable", true), true, true),
            (server(503, "service_unavailable", false), true, false),
            (server(503, "", true), true, false),
            (server(502, "", false), true, false),
            (server(504, "", false), true, false),
            (server(429, "ratelimited", true), true, true),
            (server(429, "", false), true, true),
            (server(400, "validation_error", false), false, false),
            (server(404, "", false), false, false),
            (server(409, "conflict", false), false, false),
            (Error::new(ErrorKind::Connect, ""), true, true),
            (Error::new(ErrorKind::Connection, ""), true, false),
            (Error::new(ErrorKind::Timeout, ""), true, false),
            (Error::new(ErrorKind::Tls, ""), false, false),
            (Error::new(ErrorKind::Decode, ""), false, false),
        ];
        for (error, safe, never) in table {
            assert_eq!(may_repeat(&error, Repeat::Safe), safe, "{error:?}");
            assert_eq!(may_repeat(&error, Repeat::Delete), safe, "{error:?}");
            assert_eq!(may_repeat(&error, Repeat::Router), safe, "{error:?}");
            assert_eq!(may_repeat(&error, Repeat::Never), never, "{error:?}");
        }
    }

    #[test]
    fn bounded_by_count_and_by_time() {
        let error = Error::new(ErrorKind::Connect, "");
        let policy = RetryPolicy::default().max_attempts(3).max_elapsed(Duration::from_secs(1));
        let next = |policy: &RetryPolicy, error: &Error, failed, elapsed| {
            let mut failures = Failures { counted: failed, router: 9 };
            policy.next(error, Repeat::Router, &mut failures, elapsed).is_some()
        };
        assert!(next(&policy, &error, 1, Duration::ZERO));
        assert!(!next(&policy, &error, 2, Duration::ZERO));
        assert!(!next(&policy, &error, 0, Duration::from_secs(1)));
        let late =
            Error::new(ErrorKind::RateLimited, "").with_retry_after(Some(Duration::from_secs(2)));
        assert!(!next(&policy, &late, 0, Duration::ZERO));
        assert!(!next(&RetryPolicy::none(), &error, 0, Duration::ZERO));
        assert_eq!(
            RetryPolicy::default().backoff(60).max(Duration::from_secs(5)),
            Duration::from_secs(5)
        );
    }

    #[test]
    fn a_restarting_router_is_bounded_by_time_alone() {
        let plain = server(500, "unknown_error", false);
        let policy = RetryPolicy::default();
        let mut failures = Failures { counted: 3, router: 1000 };
        let wait = policy.next(&plain, Repeat::Router, &mut failures, Duration::from_secs(9));
        assert!(wait.unwrap() <= Duration::from_secs(1));
        for (policy, repeat, elapsed) in [
            (policy, Repeat::Router, Duration::from_secs(10)),
            (policy, Repeat::Safe, Duration::ZERO),
            (policy.router_restart(Duration::ZERO), Repeat::Router, Duration::ZERO),
            (RetryPolicy::none(), Repeat::Router, Duration::ZERO),
        ] {
            let wait = policy.next(&plain, repeat, &mut Failures::default(), elapsed);
            assert_eq!(wait, None, "{policy:?} {repeat:?}");
        }
    }

    #[test]
    fn retry_after_in_all_forms() {
        let mut headers = HeaderMap::new();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        for (value, wait) in [
            ("7", Some(7)),
            ("Wed, 21 Oct 2015 07:28:05 GMT", Some(5)),
            ("Wednesday, 21-Oct-15 07:28:05 GMT", Some(5)),
            ("Wed Oct 21 07:28:05 2015", Some(5)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("soon", None),
        ] {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            assert_eq!(retry_after(&headers, now), wait.map(Duration::from_secs), "{value}");
        }
    }
}
