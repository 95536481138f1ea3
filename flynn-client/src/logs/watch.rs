//! The position of a watch of a log.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;

use super::{LogLine, ReadLog};
use crate::apps::AppHandle;
use crate::client::Client;
use crate::error::Error;
use crate::ids::{HostId, JobId};
use crate::timestamp::Timestamp;
use crate::transport::{Connect, EventSource};
use crate::watch::Watch;
use crate::watch::source::Source;

/// An item of a watched log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LogItem {
    /// A line.
    Line(LogLine),
    /// Lines may be missing here: the server no longer had the last line before the interruption, or there was none.
    Gap(Gap),
}

/// A gap in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The time of the last line before the gap; `None` if there was none.
    pub after: Option<Timestamp>,
}

/// A log stream that reconnects; returned by [`ReadLog::watch`].
pub type LogWatch = Watch<LogCursor>;

impl LogWatch {
    pub(super) fn of(log: ReadLog) -> Self {
        Self::new(LogCursor { log, overlap: OVERLAP, begun: false, last: None, held: None })
    }

    /// Sets the number of old lines that a new connection reads to find the last line again; 1,000 by default. If more
    /// lines were written between two connections, the watch reports a [`Gap`].
    pub fn overlap(self, lines: u32) -> Self {
        self.with(|cursor| cursor.overlap = lines.max(1))
    }
}

const OVERLAP: u32 = 1000;

/// The silence of a new connection after which the last line is considered gone from the log.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// The server's wrapper of a line.
#[derive(Deserialize)]
pub struct Chunk {
    #[serde(default)]
    pub(super) event: String,
    #[serde(default)]
    pub(super) data: Option<LogLine>,
}

/// The fields that identify a line.
#[derive(PartialEq)]
struct Mark {
    time: Option<Timestamp>,
    host: HostId,
    job: JobId,
    text: String,
}

impl Mark {
    fn of(line: &LogLine) -> Self {
        Self {
            time: line.timestamp.clone(),
            host: line.host_id.clone(),
            job: line.job_id.clone(),
            text: line.msg.clone(),
        }
    }
}

/// The last line that a watch has seen.
pub struct LogCursor {
    log: ReadLog,
    overlap: u32,
    /// There was a connection before.
    begun: bool,
    last: Option<Mark>,
    /// The buffered lines of a new connection, until the last line is found.
    held: Option<Vec<LogLine>>,
}

impl LogCursor {
    fn give(&mut self, line: LogLine, items: &mut VecDeque<LogItem>) {
        self.last = Some(Mark::of(&line));
        items.push_back(LogItem::Line(line));
    }
}

impl Source for LogCursor {
    type Message = Chunk;
    type Item = LogItem;

    fn client(&self) -> &Client {
        &self.log.app.client
    }

    fn app(&self) -> Option<AppHandle> {
        Some(self.log.app.clone())
    }

    async fn connect(&mut self, idle: Duration) -> Result<EventSource<Chunk>, Error> {
        let mut log = self.log.clone();
        if self.last.is_some() {
            log = log.lines(self.overlap);
        }
        let source = Connect::new(&log.app.client, log.spec(true)).idle_timeout(idle).await?;
        // Without a last line nobody knows which lines came after the first connection was made.
        self.held = std::mem::replace(&mut self.begun, true).then(Vec::new);
        Ok(source)
    }

    fn take(&mut self, chunk: Chunk, items: &mut VecDeque<LogItem>) {
        let Some(line) = chunk.data else { return };
        let Some(held) = &mut self.held else { return self.give(line, items) };
        if self.last.as_ref() == Some(&Mark::of(&line)) {
            // Everything up to here was seen before the interruption.
            self.held = None;
            return;
        }
        held.push(line);
        if held.len() >= self.overlap as usize || self.last.is_none() {
            self.settle(items);
        }
    }

    fn settles_after(&self) -> Option<Duration> {
        self.held.as_ref().filter(|held| !held.is_empty()).map(|_| SETTLES_AFTER)
    }

    fn settle(&mut self, items: &mut VecDeque<LogItem>) {
        let Some(held) = self.held.take() else { return };
        let after = self.last.as_ref().and_then(|last| last.time.clone());
        items.push_back(LogItem::Gap(Gap { after }));
        for line in held {
            self.give(line, items);
        }
    }
}
