//! Redirects: only GET and HEAD are followed, and only within the origin.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use crate::error::{Error, ErrorKind};

/// The maximum number of redirects that a call follows.
pub(crate) const MAX_HOPS: u32 = 5;

/// Returns whether a status is a redirect.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Returns the target to ask next, or the error that names it.
pub(crate) fn follow(
    method: &Method,
    from: &Url,
    headers: &HeaderMap,
    hops: u32,
) -> Result<Url, Error> {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let Some(location) = location else {
        return Err(Error::new(ErrorKind::Redirect, "there is no Location header"));
    };
    let Ok(target) = from.join(location) else {
        return Err(Error::new(ErrorKind::Redirect, "the Location header is not a URL"));
    };
    let reason = if target.origin() != from.origin() {
        "the target is another origin"
    } else if *method != Method::GET && *method != Method::HEAD {
        "only GET and HEAD are followed"
    } else if hops >= MAX_HOPS {
        "too many redirects"
    } else {
        return Ok(target);
    };
    Err(Error::new(ErrorKind::Redirect, reason).with_redirect_target(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_within_the_origin() {
        let from = Url::parse("https://c.example.com/apps/").unwrap();
        let go = |method: Method, location: &str, hops| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            follow(&method, &from, &headers, hops)
        };
        assert_eq!(go(Method::GET, "/apps", 0).unwrap().path(), "/apps");
        for (method, location, hops) in [
            (Method::POST, "/apps", 0),
            (Method::GET, "http://c.example.com/apps", 0),
            (Method::GET, "https://evil.example.com/", 0),
            (Method::GET, "https://c.example.com:444/", 0),
            (Method::GET, "/apps", MAX_HOPS),
        ] {
            let error = go(method, location, hops).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Redirect);
            assert!(error.redirect_target().is_some());
        }
    }
}
