//! The position of a watch of events.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{Event, Events};
use crate::client::Client;
use crate::error::Error;
use crate::transport::EventSource;
use crate::watch::Watch;
use crate::watch::source::Source;

/// A stream of events that reconnects; returned by [`Events::watch`].
///
/// It resumes by `Last-Event-Id` and yields each event once, including events that the server commits out of order.
pub type EventWatch = Watch<EventCursor>;

impl EventWatch {
    pub(super) fn of(events: Events) -> Self {
        Self::new(EventCursor { events, seen: Seen::default() })
    }

    /// Starts after this event, for example where an earlier watch ended.
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
            // The position to resume from if the connection is lost before its first event.
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

/// The ids of the last events seen.
///
/// The order does not show duplicates: the server numbers events when it writes them and sends them when it commits
/// them, so 8 can come before 7. An event with an id far below the newest one is a duplicate.
#[derive(Default)]
struct Seen {
    first: Option<i64>,
    newest: Option<i64>,
    recent: BTreeSet<i64>,
}

impl Seen {
    /// An event this far below the newest one is old. This is the number of events that a reader may fall behind.
    const OLD: i64 = 1000;
    /// The largest distance of an id below one that was committed earlier.
    const LATE: i64 = 32;

    /// Records an event. Returns false if it was seen before.
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

    /// Returns the event to resume after. It is before the newest one, since an event below that may have been
    /// committed without a connection, but not before the first one.
    fn resume(&self) -> Option<i64> {
        self.newest.map(|newest| newest.saturating_sub(Self::LATE)).max(self.first)
    }
}
