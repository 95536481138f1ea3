//! From a path to its handler, as the real server's router finds it.

use std::borrow::Cow;

use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use crate::engine::{Answer, Engine, Request, ServerAge};
use crate::wire::Reply;

/// One call: the request and the parameters of its path.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    params: Vec<String>,
}

impl Call<'_> {
    /// The n-th parameter of the path, decoded.
    pub(crate) fn param(&self, n: usize) -> &str {
        self.params.get(n).map_or("", String::as_str)
    }

    /// The first value of a query parameter, decoded; empty when it is missing.
    pub(crate) fn query(&self, name: &str) -> String {
        self.query_all(name).into_iter().next().unwrap_or_default()
    }

    /// All values of a query parameter.
    pub(crate) fn query_all(&self, name: &str) -> Vec<String> {
        query_pairs(&self.request.query)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }
}

/// Whether each `%` begins an escape.
fn is_well_escaped(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())))
}

/// The decoded pairs of a query, as Go reads them: separated by `&` or `;`, those with a bad escape
/// left out.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    fn decode(text: &str) -> Option<Cow<'_, str>> {
        if !is_well_escaped(text) {
            return None;
        }
        let spaced =
            if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { text.into() };
        Some(match percent_decode_str(&spaced).decode_utf8_lossy() {
            Cow::Borrowed(same) if same == text => Cow::Borrowed(text),
            other => Cow::Owned(other.into_owned()),
        })
    }
    query.split(['&', ';']).filter(|pair| !pair.is_empty()).filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    })
}

/// The ages that know a path.
#[derive(Clone, Copy, PartialEq)]
enum Since {
    Always,
    /// Not in 2016 yet.
    Later,
}

type Handler = fn(&mut Engine, &Call<'_>) -> Reply;

use Since::{Always, Later};

/// Every call that the controller knows.
const CALLS: &[(&str, &str, Since, Handler)] = &[
    ("GET", "/apps", Always, Engine::list_apps),
    ("POST", "/apps", Always, Engine::create_app),
    ("GET", "/apps/:a", Always, Engine::get_app),
    ("POST", "/apps/:a", Always, Engine::update_app),
    ("DELETE", "/apps/:a", Always, Engine::delete_app),
    ("POST", "/apps/:a/meta", Always, Engine::update_app_meta),
    ("POST", "/apps/:a/gc", Always, Engine::collect_garbage),
    ("GET", "/apps/:a/log", Always, Engine::app_log),
    ("GET", "/releases", Always, Engine::list_releases),
    ("POST", "/releases", Always, Engine::create_release),
    ("GET", "/releases/:r", Always, Engine::get_release),
    ("GET", "/apps/:a/releases", Always, Engine::list_app_releases),
    ("DELETE", "/apps/:a/releases/:r", Always, Engine::delete_release),
    ("GET", "/apps/:a/release", Always, Engine::get_app_release),
    ("PUT", "/apps/:a/release", Always, Engine::set_app_release),
    ("GET", "/artifacts", Always, Engine::list_artifacts),
    ("POST", "/artifacts", Always, Engine::create_artifact),
    ("GET", "/artifacts/:id", Always, Engine::get_artifact),
    ("POST", "/apps/:a/deploy", Always, Engine::create_deployment),
    ("GET", "/apps/:a/deployments", Always, Engine::list_deployments),
    ("GET", "/deployments/:d", Always, Engine::get_deployment),
    ("GET", "/formations", Always, Engine::list_or_stream_formations),
    ("GET", "/apps/:a/formations", Always, Engine::list_app_formations),
    ("GET", "/apps/:a/formations/:r", Always, Engine::get_formation),
    ("PUT", "/apps/:a/formations/:r", Always, Engine::put_formation),
    ("DELETE", "/apps/:a/formations/:r", Always, Engine::delete_formation),
    ("PUT", "/apps/:a/scale/:r", Later, Engine::put_scale_request),
    ("GET", "/active-jobs", Always, Engine::list_active_jobs),
    ("GET", "/apps/:a/jobs", Always, Engine::list_jobs),
    ("POST", "/apps/:a/jobs", Always, Engine::run_job),
    ("GET", "/apps/:a/jobs/:j", Always, Engine::get_job),
    ("PUT", "/apps/:a/jobs/:j", Always, Engine::put_job),
    ("DELETE", "/apps/:a/jobs/:j", Always, Engine::kill_job),
    ("GET", "/routes", Later, Engine::list_routes),
    ("GET", "/apps/:a/routes", Always, Engine::list_app_routes),
    ("POST", "/apps/:a/routes", Always, Engine::create_route),
    ("GET", "/apps/:a/routes/:t/:id", Always, Engine::get_route),
    ("PUT", "/apps/:a/routes/:t/:id", Always, Engine::update_route),
    ("DELETE", "/apps/:a/routes/:t/:id", Always, Engine::delete_route),
    ("GET", "/providers", Always, Engine::list_providers),
    ("POST", "/providers", Always, Engine::create_provider),
    ("GET", "/providers/:p", Always, Engine::get_provider),
    ("GET", "/resources", Always, Engine::list_resources),
    ("GET", "/providers/:p/resources", Always, Engine::list_provider_resources),
    ("POST", "/providers/:p/resources", Always, Engine::provision_resource),
    ("GET", "/providers/:p/resources/:r", Always, Engine::get_resource),
    ("PUT", "/providers/:p/resources/:r", Always, Engine::put_resource),
    ("DELETE", "/providers/:p/resources/:r", Always, Engine::delete_resource),
    ("PUT", "/providers/:p/resources/:r/apps/:a", Always, Engine::add_resource_app),
    ("DELETE", "/providers/:p/resources/:r/apps/:a", Always, Engine::remove_resource_app),
    ("GET", "/apps/:a/resources", Always, Engine::list_app_resources),
    ("GET", "/events", Always, Engine::list_or_stream_events),
    ("GET", "/events/:id", Always, Engine::get_event),
    ("GET", "/volumes", Later, Engine::list_or_stream_volumes),
    ("PUT", "/volumes/:v", Later, Engine::put_volume),
    ("GET", "/apps/:a/volumes", Later, Engine::list_app_volumes),
    ("GET", "/apps/:a/volumes/:v", Later, Engine::get_volume),
    ("PUT", "/apps/:a/volumes/:v/decommission", Later, Engine::decommission_volume),
    ("GET", "/sinks", Later, Engine::list_or_stream_sinks),
    ("POST", "/sinks", Later, Engine::create_sink),
    ("GET", "/sinks/:s", Later, Engine::get_sink),
    ("DELETE", "/sinks/:s", Later, Engine::delete_sink),
    ("PUT", "/domain", Always, Engine::migrate_domain),
    ("GET", "/backup", Always, Engine::backup),
    ("GET", "/ca-cert", Always, Engine::ca_certificate),
    ("GET", "/.well-known/status", Always, Engine::controller_status),
];

/// The parameters, when the path fits the pattern. `same` compares fixed parts.
fn fit(pattern: &str, path: &str, same: fn(&str, &str) -> bool) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/').peekable());
    let mut params = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(params),
            // A parameter may be empty, except at the end.
            (Some(name), Some(value)) if name.starts_with(':') => {
                if value.is_empty() && given.peek().is_none() {
                    return None;
                }
                params.push(value.to_owned());
            }
            (Some(a), Some(b)) if same(a, b) => {}
            _ => return None,
        }
    }
}

fn exactly(a: &str, b: &str) -> bool {
    a == b
}

fn ignoring_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn known(
    age: ServerAge,
    method: &Method,
) -> impl Iterator<Item = &'static (&'static str, &'static str, Since, Handler)> {
    let method = method.clone();
    CALLS.iter().filter(move |(verb, _, since, _)| {
        method == *verb && (age == ServerAge::V2021 || *since == Always)
    })
}

/// What the database takes for no text: it stands for invalid UTF-8 too.
pub(crate) const NO_TEXT: &str = "\0";

/// Finds the handler of a request and its parameters.
pub(crate) fn find(age: ServerAge, request: &Request) -> Option<(Handler, Call<'_>)> {
    let mut path = percent_decode_str(&request.path).decode_utf8_lossy();
    if path.contains('\u{fffd}') {
        path = path.replace('\u{fffd}', NO_TEXT).into();
    }
    known(age, &request.method).find_map(|(_, pattern, _, handler)| {
        let params = fit(pattern, &path, exactly)?;
        Some((*handler, Call { request, params }))
    })
}

/// The answer to a path that Go's HTTP server does not even read, if it is one.
pub(crate) fn malformed(age: ServerAge, request: &Request) -> Option<Answer> {
    (!is_well_escaped(&request.path)).then(|| {
        let content_type = match age {
            ServerAge::V2016 => "text/plain",
            ServerAge::V2021 => "text/plain; charset=utf-8",
        };
        let mut answer = Answer::full(StatusCode::BAD_REQUEST, content_type, "400 Bad Request");
        answer.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        answer
    })
}

/// The answer to a path that has no handler: a redirect to one that has, or the text 404.
pub(crate) fn not_found(age: ServerAge, request: &Request) -> Answer {
    let path = percent_decode_str(&request.path).decode_utf8_lossy();
    if let Some(target) = redirect_target(age, &request.method, &path) {
        return redirect(request, &target);
    }
    let mut answer =
        Answer::full(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n");
    answer.headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

/// Where the path without its last slash, or in lower case, leads.
fn redirect_target(age: ServerAge, method: &Method, path: &str) -> Option<String> {
    if let Some(shorter) = path.strip_suffix('/').filter(|shorter| !shorter.is_empty()) {
        let direct =
            known(age, method).find(|(_, pattern, ..)| fit(pattern, shorter, exactly).is_some());
        if let Some((_, pattern, ..)) = direct {
            let last = pattern.rsplit('/').next();
            let deeper = format!("{pattern}/");
            let goes_on = known(age, method).any(|(_, other, ..)| other.starts_with(&deeper));
            // The router's tree has no node for the slash between a parameter and what follows it.
            let is_param = last.is_some_and(|part| part.starts_with(':'));
            return (!(is_param && goes_on)).then(|| shorter.to_owned());
        }
    }
    let clean = clean(path);
    let (_, pattern, ..) = known(age, method)
        .find(|(_, pattern, ..)| fit(pattern, &clean, ignoring_case).is_some())?;
    let fixed: Vec<&str> = pattern
        .split('/')
        .zip(clean.split('/'))
        .map(|(wanted, given)| if wanted.starts_with(':') { given } else { wanted })
        .collect();
    Some(fixed.join("/")).filter(|fixed| fixed != path)
}

/// The path without empty parts, `.` and `..`.
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
    fn queries_are_read_as_go_reads_them() {
        let pairs = |query: &str| -> Vec<(String, String)> {
            query_pairs(query).map(|(a, b)| (a.into_owned(), b.into_owned())).collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs("a=1&b;c=x+y%20z&&d=%2"),
            [pair("a", "1"), pair("b", ""), pair("c", "x y z")]
        );
        assert_eq!(pairs("a=1=2&%61=3"), [pair("a", "1=2"), pair("a", "3")]);
    }

    #[test]
    fn a_bad_escape_in_the_path() {
        let bad = |path: &str| malformed(ServerAge::V2021, &Request::new(Method::GET, path));
        assert_eq!(bad("/apps/%zz").map(|answer| answer.status), Some(StatusCode::BAD_REQUEST));
        assert!(bad("/apps/100%").is_some());
        assert!(bad("/apps/%41").is_none());
    }

    #[test]
    fn an_empty_parameter_in_the_middle_is_one() {
        let request = Request::new(Method::GET, "/apps//release");
        let (_, call) = find(ServerAge::V2016, &request).unwrap();
        assert_eq!(call.param(0), "");
        assert!(find(ServerAge::V2016, &Request::new(Method::GET, "/apps/")).is_none());
    }
}
