//! A file with a line for each request.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Control;
use crate::Op;
use crate::server::hub::Hub;
use crate::server::requests::{Numbered, shown_headers, shown_query};
use crate::server::{Tasks, runtime};

/// A journal of the requests of a mock, one line of JSON per request, until it is dropped.
///
/// It does not show bodies, nor the values of headers and parameters that can be secret.
pub struct Journal {
    hub: Arc<Hub>,
    tasks: Tasks,
}

impl Journal {
    /// Writes the requests of a mock to a new file, or to the end of an existing one.
    ///
    /// # Errors
    /// Returns why the file cannot be opened.
    pub fn open(path: impl AsRef<Path>, control: &Control) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        let hub = Arc::clone(control.mock().hub());
        let tasks = Tasks::default();
        tasks.spawn(&runtime::handle()?, write(file, Arc::clone(&hub)));
        Ok(Self { hub, tasks })
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("hub", &self.hub).finish_non_exhaustive()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// Writes the requests as they come. Gives up when the file cannot be written.
async fn write(mut file: File, hub: Arc<Hub>) {
    let mut last = 0;
    loop {
        hub.recorded(|| hub.with(|inner| inner.recorder.last()) > last).await;
        let requests = hub.with(|inner| inner.recorder.numbered(last));
        let mut text = String::new();
        for request in &requests {
            last = last.max(request.0);
            text.push_str(&line(request));
            text.push('\n');
        }
        if file.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn line((number, request): &Numbered) -> String {
    let headers =
        shown_headers(&request.headers).map(|(name, value)| (name.to_owned(), value.into()));
    let headers: Map<String, Value> = headers.collect();
    json!({
        "number": number,
        "time": request.time.to_string(),
        "op": request.op().map(Op::name),
        "method": request.method.as_str(),
        "host": request.host,
        "path": request.path,
        "query": shown_query(&request.query),
        "headers": headers,
        "body_bytes": request.body.len(),
    })
    .to_string()
}
