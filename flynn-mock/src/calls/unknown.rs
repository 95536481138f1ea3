//! Answers to paths without a handler: malformed paths, redirects, the text 404.

use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use super::{Row, exactly, known};
use crate::api::answer::Answer;
use crate::api::call::is_well_escaped;
use crate::dialect::ServerAge;
use crate::wire::Request;

/// Returns the answer to a path that Go's HTTP server refuses to parse, or `None`.
pub(super) fn malformed(content_type: &'static str, request: &Request) -> Option<Answer> {
    (!is_well_escaped(&request.path)).then(|| {
        let mut answer = Answer::full(StatusCode::BAD_REQUEST, content_type, "400 Bad Request");
        answer.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        answer
    })
}

/// Returns the answer to a path without a handler: a redirect to a path with a handler, or the text 404.
pub(super) fn not_found(age: ServerAge, request: &Request) -> Answer {
    let path = percent_decode_str(&request.path).decode_utf8_lossy();
    if let Some(target) = redirect_target(age, &request.method, &path) {
        return redirect(request, &target);
    }
    let mut answer =
        Answer::full(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n");
    answer.headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

/// Returns the redirect target of a path: without its last slash, or in lower case.
fn redirect_target(age: ServerAge, method: &Method, path: &str) -> Option<String> {
    if let Some(shorter) = path.strip_suffix('/').filter(|shorter| !shorter.is_empty()) {
        let direct = known(age, method).find(|(row, _)| row.fits(shorter, exactly));
        if let Some((Row { pattern, .. }, _)) = direct {
            let last = pattern.rsplit('/').next();
            let deeper = format!("{pattern}/");
            let goes_on = known(age, method).any(|(row, _)| row.pattern.starts_with(&deeper));
            // The router's tree has no node for the slash between a parameter and what follows it.
            let is_param = last.is_some_and(|part| part.starts_with(':'));
            return (!(is_param && goes_on)).then(|| shorter.to_owned());
        }
    }
    let clean = clean(path);
    let same: fn(&str, &str) -> bool = |a, b| a.eq_ignore_ascii_case(b);
    let (Row { pattern, .. }, _) = known(age, method).find(|(row, _)| row.fits(&clean, same))?;
    let fixed: Vec<&str> = pattern
        .split('/')
        .zip(clean.split('/'))
        .map(|(wanted, given)| if wanted.starts_with(':') { given } else { wanted })
        .collect();
    Some(fixed.join("/")).filter(|fixed| fixed != path)
}

/// Returns the path without empty parts, `.` and `..`.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn redirect(request: &Request, target: &str) -> Answer {
    let mut location = target.to_owned();
    if !request.query.is_empty() {
        location = format!("{location}?{}", request.query);
    }
    let mut answer = if request.method == Method::GET {
        let escaped = location.replace('&', "&amp;");
        Answer::full(
            StatusCode::MOVED_PERMANENTLY,
            "text/html; charset=utf-8",
            format!("<a href=\"{escaped}\">Moved Permanently</a>.\n\n"),
        )
    } else {
        Answer::empty(StatusCode::TEMPORARY_REDIRECT)
    };
    if let Ok(value) = HeaderValue::from_str(&location) {
        answer.headers.insert(header::LOCATION, value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, path: &str) -> StatusCode {
        not_found(ServerAge::V2016, &Request::new(method, path)).status
    }

    #[test]
    fn slashes_and_case() {
        assert_eq!(status(Method::GET, "/apps/"), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(status(Method::POST, "/apps/"), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(status(Method::GET, "/Apps"), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(status(Method::GET, "/apps/x/"), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::GET, "/deployments/x/"), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(status(Method::GET, "/"), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::GET, "/sinks/"), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::GET, "/./x/../apps"), StatusCode::MOVED_PERMANENTLY);
    }

    #[test]
    fn a_bad_escape_in_the_path() {
        let bad = |path: &str| malformed("text/plain", &Request::new(Method::GET, path));
        assert_eq!(bad("/apps/%zz").map(|answer| answer.status), Some(StatusCode::BAD_REQUEST));
        assert!(bad("/apps/100%").is_some());
        assert!(bad("/apps/%41").is_none());
    }
}
