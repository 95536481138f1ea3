//! The recorded exchanges with real controllers: a checked-in choice, and those of a folder that the variable
//! `FLYNN_RECORDINGS` names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::server::Seen;

/// One request to a real controller and its answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exchange {
    /// File and sequence number, for messages.
    #[serde(skip)]
    pub(crate) origin: String,
    /// 2016 (v20161015.2) or 2021 (the last upstream version).
    #[serde(skip)]
    pub(crate) year: u16,
    pub(crate) seq: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) request_body: String,
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) response_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) response_body: String,
}

impl Exchange {
    /// Returns the server of this exchange. Each run has one.
    pub(crate) fn run(&self) -> String {
        self.origin.rsplit_once('/').map_or("", |(run, _)| run).to_owned()
    }

    /// Returns whether a request belongs to the same call, with any ids.
    pub(crate) fn is_same_call(&self, request: &Seen) -> bool {
        let (method, path) = request.call().split_once(' ').unwrap();
        let same = Self { method: method.into(), path: path.into(), ..self.clone() };
        let bare = Self { path: self.bare_path().into(), ..self.clone() };
        same.call() == bare.call()
    }

    /// Returns what makes a request foreign to the client, in the words of the table of such requests.
    pub(crate) fn oddity(&self) -> &'static str {
        let query = self.query();
        let accept = self.header("Accept").unwrap_or("application/json");
        let body = serde_json::from_str::<serde_json::Value>(&self.request_body);
        match () {
            () if self.header("Content-Type").is_none() && !self.request_body.is_empty() => "type",
            () if query.contains_key("key") => "key",
            () if self.method == "GET"
                && !matches!(self.bare_path(), "/ping" | "/ca-cert")
                && !matches!(accept, "application/json" | "text/event-stream") =>
            {
                "accept"
            }
            () if self.bare_path() == "/apps" && query.contains_key("count") => "query",
            () if query.contains_key("past") && !self.is_stream() => "query",
            () if query.get("lines").is_some_and(|lines| lines.starts_with('-')) => "query",
            () if self.is_stream() && self.response_body.starts_with("event: error") => "query",
            () if !self.request_body.is_empty()
                && !body.as_ref().is_ok_and(serde_json::Value::is_object) =>
            {
                "body"
            }
            () if body
                .is_ok_and(|body| body.as_object().is_some_and(serde_json::Map::is_empty)) =>
            {
                "body"
            }
            () => "",
        }
    }

    pub(crate) fn is_odd(&self) -> bool {
        !self.oddity().is_empty()
    }

    /// Returns a log that was sent as text in the form in which the server would have sent it as events.
    pub(crate) fn log_as_events(&self) -> String {
        let mut frames = String::new();
        for line in self.response_body.lines().filter(|line| !line.is_empty()) {
            write!(frames, "data: {{\"event\":\"message\",\"data\":{line}}}\n\n").unwrap();
        }
        if !self.query().contains_key("follow") {
            frames.push_str("data: {\"event\":\"eof\"}\n\n");
        }
        frames
    }

    /// Returns what an earlier read, which was not recorded, may have shown.
    pub(crate) fn stand_in(&self, path: &str) -> Option<String> {
        let is_formation = path.contains("/formations/");
        if path == self.bare_path() && !self.response_body.is_empty() && !is_formation {
            return Some(self.response_body.clone());
        }
        let body: serde_json::Value = serde_json::from_str(&self.request_body).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["apps", "controller", "release"] => {
                let domain = body.get("old_domain")?.as_str()?;
                Some(format!(r#"{{"id":"r","env":{{"DEFAULT_ROUTE_DOMAIN":"{domain}"}}}}"#))
            }
            ["apps" | "releases", id] => Some(format!(r#"{{"id":"{id}","name":"{id}"}}"#)),
            // A path route was created, so there was a route for `/`.
            ["routes"] if self.status == 200 => {
                let domain = body.get("domain")?.as_str()?;
                Some(format!(r#"[{{"type":"http","id":"x","domain":"{domain}","path":"/"}}]"#))
            }
            ["routes" | "apps"] => Some(String::from("[]")),
            _ => None,
        }
    }

    /// The path without its query.
    pub(crate) fn bare_path(&self) -> &str {
        self.path.split_once('?').map_or(self.path.as_str(), |(path, _)| path)
    }

    pub(crate) fn query(&self) -> BTreeMap<String, String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request_headers.get(name).map(String::as_str)
    }

    /// True if the original CLI sent it; otherwise curl did.
    pub(crate) fn is_from_cli(&self) -> bool {
        self.header("User-Agent").is_some_and(|agent| agent.starts_with("Go-http-client"))
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.response_headers
            .get("Content-Type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The call: method and path, with the ids in it blanked and the names of query parameters that
    /// change the kind of answer kept.
    pub(crate) fn call(&self) -> String {
        let mut segments: Vec<&str> = self.bare_path().split('/').collect();
        for at in 1..segments.len() {
            let collection = matches!(
                segments[at - 1],
                "apps"
                    | "providers"
                    | "resources"
                    | "sinks"
                    | "volumes"
                    | "events"
                    | "formations"
                    | "releases"
                    | "artifacts"
                    | "deployments"
                    | "scale"
                    | "http"
                    | "tcp"
                    | "jobs"
            );
            if segments[at - 1] == "routes" && matches!(segments[at], "http" | "tcp") {
                segments[at] = ":type";
                if let Some(id) = segments.get_mut(at + 1) {
                    *id = ":";
                }
            } else if collection && !segments[at].is_empty() {
                segments[at] = ":";
            }
        }
        let mut call = format!("{} {}", self.method, segments.join("/"));
        for name in ["active", "expand"] {
            if self.query().get(name).is_some_and(|value| value == "true") {
                write!(call, "?{name}").unwrap();
            }
        }
        if self.is_stream() {
            call.push_str(" stream");
        }
        call
    }
}

/// A folder with further recordings, when `FLYNN_RECORDINGS` names one.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os("FLYNN_RECORDINGS").map(PathBuf::from)
}

/// Every exchange, file by file.
pub(crate) fn load() -> Vec<Exchange> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings"), &mut files);
    if let Some(folder) = folder() {
        collect(&folder, &mut files);
    }
    files.sort();
    let mut exchanges = Vec::new();
    for file in files {
        let name: Vec<_> =
            file.iter().rev().take(3).map(|part| part.to_string_lossy().into_owned()).collect();
        let name = name.into_iter().rev().collect::<Vec<_>>().join("/");
        let year = if name.contains("2016") { 2016 } else { 2021 };
        for line in fs::read_to_string(&file).unwrap().lines() {
            let mut exchange: Exchange =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}"));
            exchange.origin = format!("{name}:{}", exchange.seq);
            exchange.year = year;
            exchanges.push(exchange);
        }
    }
    assert!(exchanges.len() > 150, "only {} recorded exchanges found", exchanges.len());
    exchanges
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
}
