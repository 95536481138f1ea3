//! `Display` and `Debug` of errors.

use std::error::Error as StdError;
use std::fmt;

use super::line::{Line, MESSAGE, NAME};
use super::{Error, Inner};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.line();
        if f.alternate() {
            for cause in causes(self).skip(1).take(MOST_CAUSES) {
                let cause = Line(&cause.to_string(), MESSAGE).to_string();
                if !line.contains(&cause) {
                    line.push_str(": ");
                    line.push_str(&cause);
                }
            }
        }
        f.write_str(&line)
    }
}

/// The maximum number of causes that `{:#}` adds.
const MOST_CAUSES: usize = 8;
/// The maximum number of pending operations that an error shows.
const MOST_PENDING: usize = 8;

impl Error {
    fn line(&self) -> String {
        let Inner { message, status, method, path, attempts, pending, failed_job, .. } = &*self.0;
        let mut line = self.kind().to_string();
        let mut add = |text: fmt::Arguments<'_>| line.push_str(&text.to_string());
        if !message.is_empty() {
            add(format_args!(": {}", Line(message, MESSAGE)));
        }
        if let Some(job) = failed_job {
            add(format_args!("; job {} failed", Line(job.as_str(), NAME)));
        }
        for pending in pending.iter().take(MOST_PENDING) {
            add(format_args!("; {pending}"));
        }
        if self.0.once && self.may_have_acted() && pending.is_empty() {
            add(format_args!("; the call may have taken effect, so check before you repeat it"));
        }
        if let (Some(method), Some(path)) = (method, path) {
            add(format_args!(" ({} {}", Line(method.as_str(), NAME), Line(path, 2 * NAME)));
            if let Some(status) = status {
                add(format_args!(", status {}", status.as_u16()));
            }
            if *attempts > 1 {
                add(format_args!(", {attempts} attempts"));
            }
            add(format_args!(")"));
        }
        line
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind()).field("message", &Line(&inner.message, MESSAGE));
        if let Some(status) = inner.status {
            out.field("status", &status.as_u16());
        }
        if let Some(code) = &inner.code {
            out.field("code", &Line(code, NAME));
        }
        if let (Some(method), Some(path)) = (&inner.method, &inner.path) {
            let (method, path) = (Line(method.as_str(), NAME), Line(path, 2 * NAME));
            out.field("call", &format_args!("{method} {path}"));
        }
        out.field("attempts", &inner.attempts);
        if let Some(id) = &inner.request_id {
            out.field("request_id", id);
        }
        for pending in inner.pending.iter().take(MOST_PENDING) {
            out.field("pending", &format_args!("{pending}"));
        }
        if let Some(job) = &inner.failed_job {
            out.field("failed_job", &Line(job.as_str(), NAME));
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish_non_exhaustive()
    }
}

/// Returns an error and all its causes. `source()` of `io::Error` skips the error that it wraps.
pub(crate) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use http::StatusCode;

    use super::Error;
    use crate::error::ErrorKind;

    #[test]
    fn display_is_one_line_without_the_source() {
        let error = Error::new(ErrorKind::Server, "first\nsecond").caused_by("the cause");
        assert_eq!(error.to_string(), "the server failed: first second");
        assert_eq!(format!("{error:#}"), "the server failed: first second: the cause");
        assert_eq!(error.source().unwrap().to_string(), "the cause");
        let again = error.clone().with_status(StatusCode::BAD_GATEWAY);
        assert_eq!((error.status(), again.status().is_some()), (None, true));
    }
}
