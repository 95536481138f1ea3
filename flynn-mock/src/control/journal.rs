//! A journal file with one line per request.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Control;
use super::redact::redacted;
use super::requests::common;
use crate::RecordedRequest;
use crate::server::record::{shown_headers, shown_query};
use crate::server::{Tasks, runtime};

/// A journal of a mock: a file with one line of JSON per request and its answer. Dropping it ends the journal.
///
/// A line is written when the request is answered, so lines are in the order of the answers. `number` is the order of
/// the requests.
///
/// The journal contains no secrets. It shows only the parts of headers, parameters and bodies that cannot be secret. In
/// a JSON body, these are field names, numbers, and the texts of fields such as `id`, `name`, `state` and `message`.
/// Every other text is `[redacted]`. A body that is not JSON, or longer than 16 KiB, is left out.
pub struct Journal {
    path: PathBuf,
    tasks: Tasks,
}

impl Journal {
    /// Writes the requests of a mock to a new file, or appends them to an existing one.
    ///
    /// # Errors
    /// Returns why the file cannot be opened.
    pub fn open(path: impl AsRef<Path>, control: &Control) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let file = File::options().append(true).create(true).open(&path)?;
        let tasks = Tasks::default();
        let answered = control.mock().hub().with(|inner| inner.recorder.journal());
        tasks.spawn(&runtime::handle()?, write(file, answered));
        Ok(Self { path, tasks })
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// Writes a line for each answered request. Stops if the file cannot be written.
async fn write(mut file: File, mut answered: UnboundedReceiver<Arc<RecordedRequest>>) {
    while let Some(request) = answered.recv().await {
        let line = line(&request) + "\n";
        if file.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

fn line(request: &RecordedRequest) -> String {
    let headers =
        shown_headers(&request.headers).map(|(name, value)| (name.to_owned(), value.into()));
    let headers: Map<String, Value> = headers.collect();
    let answer = request.answer().map(|answer| {
        json!({
            "status": answer.status.map(|status| status.as_u16()),
            "body": redacted(&answer.body),
            "body_bytes": answer.body.len(),
            "truncated": answer.truncated,
        })
    });
    let mut line = common(request);
    line.insert("query".to_owned(), shown_query(&request.query).into());
    line.insert("headers".to_owned(), headers.into());
    line.insert("body".to_owned(), redacted(&request.body));
    line.insert("body_bytes".to_owned(), request.body.len().into());
    line.insert("answer".to_owned(), answer.into());
    Value::Object(line).to_string()
}
