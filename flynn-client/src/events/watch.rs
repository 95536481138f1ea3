//! The position of a watch of events.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Event, Events};
use crate::apps::AppHandle;
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

    fn app(&self) -> Option<AppHandle> {
        self.events.app.as_ref().map(|app| self.events.client.app(app))
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
    /// The newest ids that were seen, each as the bit of its remainder.
    recent: [u64; WORDS],
}

const WORDS: usize = 16;

/// An event this far below the newest one is old. A reader may fall behind by about this number of events.
const WINDOW: i64 = 64 * 16; // the bits of all words

/// The largest distance of an id below one that was committed earlier.
const LATE: i64 = 32;

impl Seen {
    /// Records an event. Returns false if it was seen before.
    fn insert(&mut self, id: i64) -> bool {
        let newest = self.newest.unwrap_or(id);
        if id <= newest.saturating_sub(WINDOW) {
            return false;
        }
        if id.saturating_sub(newest) >= WINDOW {
            self.recent = [0; WORDS];
        } else if id > newest {
            // The ids between them were not seen.
            for skipped in newest + 1..=id {
                if let Some(word) = self.recent.get_mut(word(skipped)) {
                    *word &= !bit(skipped);
                }
            }
        }
        self.newest = Some(newest.max(id));
        self.first.get_or_insert(id);
        let Some(word) = self.recent.get_mut(word(id)) else { return true };
        let is_new = *word & bit(id) == 0;
        *word |= bit(id);
        is_new
    }

    /// Returns the event to resume after. It is before the newest one, since an event below that may have been
    /// committed without a connection, but not before the first one.
    fn resume(&self) -> Option<i64> {
        self.newest.map(|newest| newest.saturating_sub(LATE)).max(self.first)
    }
}

/// Returns the position of an id's bit.
fn word(id: i64) -> usize {
    usize::try_from(id.rem_euclid(WINDOW) / 64).unwrap_or_default()
}

fn bit(id: i64) -> u64 {
    1 << id.rem_euclid(64)
}
