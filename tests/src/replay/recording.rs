//! Recorded exchanges: files `YEAR/RUN/NN-SCENARIO.jsonl`, one exchange per line, as [`Exchange`] reads it. A
//! run is one freshly bootstrapped server; its files follow each other in time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flynn_mock::ServerAge;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Result;

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    /// The place in the run.
    pub seq: u64,
    /// When the request arrived.
    pub time: Timestamp,
    /// The `Host` header.
    pub host: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers; `Authorization` shows only its scheme.
    pub request_headers: BTreeMap<String, String>,
    /// The body.
    pub request_body: String,
    /// The status.
    pub status: u16,
    /// Headers.
    pub response_headers: BTreeMap<String, String>,
    /// `content-length: N` or `transfer-encoding: chunked`.
    pub response_framing: String,
    /// The body; of a stream, all that came.
    pub response_body: String,
    /// The side that ended it.
    pub closed: Closed,
    /// Its duration.
    pub duration_ms: i64,
    /// The data sent over the connection after an upgrade.
    #[serde(default)]
    pub attach: Vec<Sent>,
}

/// Bytes of an attached job.
#[derive(Clone, Debug, Deserialize)]
pub struct Sent {
    /// The sender.
    pub dir: Side,
    /// The time since the start of the exchange, in milliseconds.
    pub ms: i64,
    /// The bytes, in base64.
    pub data: String,
}

impl Sent {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&self.data).unwrap_or_default()
    }
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The client.
    Request,
    /// The server.
    Response,
}

/// The side that ended an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closed {
    /// The server, after a complete answer.
    Eof,
    /// The client, of a stream.
    Client,
    /// Neither: the connection was upgraded.
    Upgrade,
}

impl Exchange {
    /// Returns the time when it ended.
    pub fn end(&self) -> Timestamp {
        self.time
            .saturating_add(SignedDuration::from_millis(self.duration_ms))
            .unwrap_or(Timestamp::MAX)
    }

    /// The key in its query.
    pub fn query_key(&self) -> Option<&str> {
        self.path.split(['?', '&']).skip(1).find_map(|pair| pair.strip_prefix("key="))
    }

    /// True if the request went to the status app instead of the controller.
    pub fn is_of_status_app(&self) -> bool {
        self.host.starts_with("status.")
    }

    /// Returns whether it only repeats `other`, with the same request and the same answer.
    pub fn repeats(&self, other: &Self) -> bool {
        let key = |exchange: &Self| {
            let mut headers = exchange.request_headers.clone();
            headers.remove("X-Request-Id");
            (
                exchange.method.clone(),
                exchange.path.clone(),
                exchange.host.clone(),
                exchange.request_body.clone(),
                headers,
                exchange.status,
                exchange.response_body.clone(),
            )
        };
        key(self) == key(other)
    }

    /// The type of the answer's body.
    pub fn content_type(&self) -> &str {
        self.response_headers.get("Content-Type").map_or("", String::as_str)
    }

    /// Returns whether the answer is a server-sent event stream.
    pub fn is_event_stream(&self) -> bool {
        self.content_type().starts_with("text/event-stream")
    }
}

/// One file of a run.
#[derive(Debug)]
pub struct Scenario {
    /// Its path, relative to the directory of all recordings.
    pub path: String,
    /// Its exchanges in the order in which they arrived.
    pub exchanges: Vec<Exchange>,
}

/// The exchanges with one freshly bootstrapped server.
#[derive(Debug)]
pub struct Run {
    /// The server's age.
    pub age: ServerAge,
    /// Its files in order.
    pub scenarios: Vec<Scenario>,
}

impl Run {
    /// All exchanges of all scenarios.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.scenarios.iter().flat_map(|scenario| &scenario.exchanges)
    }
}

/// Reads all runs below a directory.
///
/// # Errors
/// Fails if a file cannot be read, or a line is not an exchange.
pub fn load(dir: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for year in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
        let age = match name(&year).as_str() {
            "2016" => ServerAge::V2016,
            "2021" => ServerAge::V2021,
            "fork" => ServerAge::Fork2026June,
            _ => continue,
        };
        for run in entries(&year)?.into_iter().filter(|path| path.is_dir()) {
            let files = entries(&run)?
                .into_iter()
                .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
            let scenarios: Vec<_> =
                files.map(|file| scenario(dir, &file)).collect::<Result<_>>()?;
            if !scenarios.is_empty() {
                runs.push(Run { age, scenarios });
            }
        }
    }
    if runs.is_empty() {
        return Err(format!("{}: no YEAR/RUN/NN-SCENARIO.jsonl below", dir.display()));
    }
    Ok(runs)
}

fn scenario(dir: &Path, file: &Path) -> Result<Scenario> {
    let path = file.strip_prefix(dir).unwrap_or(file).display().to_string();
    let text = fs::read_to_string(file).map_err(|e| format!("{path}: {e}"))?;
    let mut exchanges = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let exchange: Exchange =
            serde_json::from_str(line).map_err(|e| format!("{path}:{}: {e}", n + 1))?;
        exchanges.push(exchange);
    }
    exchanges.sort_by_key(|exchange| exchange.seq);
    Ok(Scenario { path, exchanges })
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
