//! The recordings: files `YEAR/RUN/NN-SCENARIO.jsonl`, one exchange per line.
//!
//! `YEAR` is `2016`, `2021` or `fork`. A run is one freshly bootstrapped server; its files follow each other in time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flynn_mock::ServerAge;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::wire::Headers;

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exchange {
    /// The path of its file, relative to the directory of all recordings.
    #[serde(skip)]
    pub(crate) file: String,
    /// The place of the request in the run. Numbers are missing where requests were left out.
    pub(crate) seq: u64,
    /// When the request arrived.
    pub(crate) time: Timestamp,
    pub(crate) host: String,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// `authorization` shows only the scheme and the password's length.
    #[serde(deserialize_with = "headers")]
    pub(crate) request_headers: Headers,
    pub(crate) request_body: String,
    pub(crate) status: u16,
    #[serde(deserialize_with = "headers")]
    pub(crate) response_headers: Headers,
    /// `content-length: N` or `transfer-encoding: chunked`.
    pub(crate) response_framing: String,
    /// The body; of a stream, everything that came.
    pub(crate) response_body: String,
    pub(crate) closed: Closed,
    pub(crate) duration_ms: i64,
    /// The bytes on the connection after an upgrade.
    #[serde(default)]
    pub(crate) attach: Vec<Sent>,
}

/// Bytes that one side sent on an upgraded connection.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sent {
    pub(crate) dir: Side,
    /// The time since the start of the exchange, in milliseconds.
    pub(crate) ms: i64,
    #[serde(rename = "data", deserialize_with = "from_base64")]
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// The client.
    Request,
    /// The server.
    Response,
}

/// The side that ended an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Closed {
    /// The server, after a complete answer.
    Eof,
    /// The client, of a stream.
    Client,
    /// Neither: the connection was upgraded.
    Upgrade,
}

/// Reads headers: names with a value each, or with a list of values.
fn headers<'de, D: Deserializer<'de>>(from: D) -> Result<Headers, D::Error> {
    let mut headers = Headers::default();
    for (name, value) in Map::deserialize(from)? {
        let values = if value.is_array() { value } else { vec![value].into() };
        let values: Vec<String> = serde_json::from_value(values).map_err(de::Error::custom)?;
        for value in values {
            headers.add(&name, value);
        }
    }
    Ok(headers)
}

fn from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(from)?).map_err(de::Error::custom)
}

impl Exchange {
    /// Returns the time when the exchange ended.
    pub(crate) fn end(&self) -> Timestamp {
        let duration = SignedDuration::from_millis(self.duration_ms);
        self.time.saturating_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// Returns whether the request went to the status app instead of the controller.
    pub(crate) fn is_of_status_app(&self) -> bool {
        self.host.starts_with("status.")
    }

    /// Returns whether the answer is a stream of server-sent events.
    pub(crate) fn is_event_stream(&self) -> bool {
        self.response_headers.get("content-type").starts_with("text/event-stream")
    }

    /// Returns whether request and answer are the same as those of `other`, in the same file.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        let parts = |of: &Self| {
            let headers = of.request_headers.without(&["x-request-id"]);
            let request =
                [&of.file, &of.method, &of.host, &of.path, &of.request_body].map(String::clone);
            (request, headers, of.status, of.response_body.clone())
        };
        parts(self) == parts(other)
    }

    /// Returns the JSON documents of the answer: its body, or the lines of a log or stream.
    pub(crate) fn documents(&self) -> Vec<Value> {
        if let Ok(document) = serde_json::from_str(&self.response_body) {
            return vec![document];
        }
        let lines = self.response_body.lines();
        let data = lines.map(|line| line.strip_prefix("data: ").unwrap_or(line));
        data.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The exchanges with one freshly bootstrapped server, in the order in which their requests arrived.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) age: ServerAge,
    pub(crate) exchanges: Vec<Exchange>,
}

/// Reads all runs below a directory.
pub(crate) fn load(dir: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for (year, age) in
        [("2016", ServerAge::V2016), ("2021", ServerAge::V2021), ("fork", ServerAge::Fork2026June)]
    {
        for run in entries(&dir.join(year))? {
            let mut exchanges = Vec::new();
            for file in
                entries(&run)?.iter().filter(|file| file.extension() == Some("jsonl".as_ref()))
            {
                exchanges.extend(read(dir, file)?);
            }
            runs.push(Run { age, exchanges });
        }
    }
    runs.retain(|run| !run.exchanges.is_empty());
    ensure!(!runs.is_empty(), "{}: no YEAR/RUN/NN-SCENARIO.jsonl below", dir.display());
    Ok(runs)
}

/// Reads a file, one exchange per line.
fn read(dir: &Path, file: &Path) -> Result<Vec<Exchange>> {
    let path = file.strip_prefix(dir).unwrap_or(file).display().to_string();
    let text = fs::read_to_string(file).with_context(|| path.clone())?;
    let mut exchanges: Vec<Exchange> = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let exchange = serde_json::from_str(line).with_context(|| format!("{path}:{}", n + 1))?;
        exchanges.push(Exchange { file: path.clone(), ..exchange });
    }
    exchanges.sort_by_key(|exchange| exchange.seq);
    Ok(exchanges)
}

/// Lists a directory by name. Anything else is empty.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
impl Run {
    /// Returns a run with one request, which was answered with this body.
    pub(crate) fn of_one(age: ServerAge, response_body: &str) -> Self {
        let exchange = serde_json::json!({
            "seq": 1, "time": "2026-11-22T21:00:10Z", "host": "", "method": "GET", "path": "/",
            "request_headers": {}, "request_body": "", "status": 200, "response_headers": {},
            "response_framing": "", "response_body": response_body, "closed": "eof",
            "duration_ms": 0,
        });
        Self { age, exchanges: vec![serde_json::from_value(exchange).unwrap()] }
    }
}
