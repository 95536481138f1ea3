//! Where a watch of events resumes.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{Event, Events};
use crate::client::Client;
use crate::error::Error;
use crate::transport::EventSource;
use crate::watch::Watch;
use crate::watch::source::Source;

/// Events across connections; made by [`Events::watch`].
///
/// It resumes by `Last-Event-Id`, and yields each event once, also one that was numbered before the last event and
/// committed after it.
pub type EventWatch = Watch<EventCursor>;

impl EventWatch {
    pub(super) fn of(events: Events) -> Self {
        Self::new(EventCursor { events, seen: Seen::default() })
    }

    /// Starts after this event, where an earlier watch ended.
    pub fn after(self, id: i64) -> Self {
        self.with(|cursor| {
            cursor.seen.insert(id);
        })
    }
}

/// The events that a watch has seen.
pub struct EventCursor {
    events: Events,
    seen: Seen,
}

impl Source for EventCursor {
    type Message = Event;
    type Item = Event;

    fn client(&self) -> &Client {
        &self.events.client
    }

    async fn connect(&mut self, idle: Duration) -> Result<EventSource<Event>, Error> {
        if self.seen.first.is_none() && !self.events.wants_past() {
            // A place to resume from, should the connection break before its first event.
            let newest = self.events.client.events().count(1).list().await?;
            if let Some(event) = newest.first().filter(|event| event.id > 0) {
                self.seen.insert(event.id);
            }
        }
        let connect = match self.seen.resume() {
            Some(last) => self.events.stream_after(last),
            None => self.events.stream(),
        };
        connect.idle_timeout(idle).await
    }

    fn take(&mut self, event: Event, items: &mut VecDeque<Event>) {
        if self.seen.insert(event.id) {
            items.push_back(event);
        }
    }
}

/// The last events seen, by their ids.
///
/// Order alone does not tell a duplicate: the server numbers events when they are written and sends them when they are
/// committed, so 8 can come before 7. An event that is numbered far below the newest is a repetition.
#[derive(Default)]
struct Seen {
    first: Option<i64>,
    newest: Option<i64>,
    recent: BTreeSet<i64>,
}

impl Seen {
    /// How far below the newest an event is old: as many as a server lets a reader fall behind.
    const OLD: i64 = 1000;
    /// How far an event may be numbered below one that was committed before it.
    const LATE: i64 = 32;

    /// Remembers an event; false when it was seen before.
    fn insert(&mut self, id: i64) -> bool {
        let newest = self.newest.map_or(id, |newest| newest.max(id));
        let oldest = newest.saturating_sub(Self::OLD);
        if id < oldest || !self.recent.insert(id) {
            return false;
        }
        while self.recent.first().is_some_and(|first| *first < oldest) {
            self.recent.pop_first();
        }
        self.first.get_or_insert(id);
        self.newest = Some(newest);
        true
    }

    /// The event to resume after: before the newest, since one below it may have been committed while nobody listened,
    /// but not before the first.
    fn resume(&self) -> Option<i64> {
        self.newest.map(|newest| newest.saturating_sub(Self::LATE)).max(self.first)
    }
}
