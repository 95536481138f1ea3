//! The race conditions of a loaded cluster.

use jiff::{SignedDuration, Timestamp};

use crate::life::work::Step;
use crate::life::{Engine, given_certificate};
use crate::store::{Event, Ids, Route};
use crate::wire::Fail;

/// The race conditions of a loaded, real cluster that the mock shows, each with its probability in percent. By default
/// it shows none. See [`Builder::races`](crate::Builder::races).
///
/// They were measured on clusters of v20161015.2; the lost input and the events on the last upstream version. The mock
/// shows them for every [`ServerAge`](crate::ServerAge), since each was fixed in a different release. All times are on
/// the mock's clock. [`Builder::seed`](crate::Builder::seed) and the order of the requests determine the random
/// choices.
///
/// ```
/// use flynn_mock::{MockController, Races};
///
/// // Every deployment is complete before the server accepts the next one.
/// let mock = MockController::builder().races(Races::none().late_finish(100)).start_blocking();
/// # let _ = mock;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Races {
    router_restart: u8,
    lost_routes: u8,
    route_conflict: u8,
    late_finish: u8,
    lost_input: u8,
    older_events: u8,
    unordered_events: u8,
}

impl Races {
    /// Returns settings without races.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns settings with the probabilities that were measured on real clusters. How often events come out of order
    /// was not measured, so they come in order.
    pub fn measured() -> Self {
        Self::none()
            .router_restart(16)
            .lost_routes(33)
            .route_conflict(6)
            .late_finish(3)
            .lost_input(15)
            .older_events(17)
    }

    /// Returns settings in which every possible race happens.
    pub fn always() -> Self {
        Self::none()
            .router_restart(100)
            .lost_routes(100)
            .route_conflict(100)
            .late_finish(100)
            .lost_input(100)
            .older_events(100)
            .unordered_events(100)
    }

    /// Sets how often route calls hit a restarting router. While the router app is redeployed, and for another 30 to
    /// 635 ms, they can hit an old router that has closed its database: a plain 500 with `retry: false`. Then there may
    /// be no router at all: route calls stall for at most 4.5 s.
    pub fn router_restart(mut self, percent: u8) -> Self {
        self.router_restart = percent;
        self
    }

    /// Sets how often a domain migration loses routes. It then finishes without an error, but without some of the
    /// routes with the cluster's certificate: either without the controller's, or with only the controller's.
    pub fn lost_routes(mut self, percent: u8) -> Self {
        self.lost_routes = percent;
        self
    }

    /// Sets how often a new certificate causes a conflict. For 100 ms after a certificate was stored, the creation of a
    /// route with it can be refused as a duplicate although there is none (409), and an update with it can fail with a
    /// 500 (`retry: true`), once per route.
    pub fn route_conflict(mut self, percent: u8) -> Self {
        self.route_conflict = percent;
        self
    }

    /// Sets how often a deployment is `complete` 20 to 500 ms before its `finished_at` is set and the server accepts
    /// the next one.
    pub fn late_finish(mut self, percent: u8) -> Self {
        self.late_finish = percent;
        self
    }

    /// Sets how often the first byte that is sent to an attached job is lost, if it arrives within 5 ms of the 101. The
    /// rest is then not a valid frame, and the job reads the end of its input.
    pub fn lost_input(mut self, percent: u8) -> Self {
        self.lost_input = percent;
        self
    }

    /// Sets how often a new stream of events begins with events from before it: those of the last 50 ms.
    pub fn older_events(mut self, percent: u8) -> Self {
        self.older_events = percent;
        self
    }

    /// Sets how often two events that a stream sends one after the other change places.
    pub fn unordered_events(mut self, percent: u8) -> Self {
        self.unordered_events = percent;
        self
    }
}

/// The time that old routers still answer after a deployment has completed, in milliseconds.
const CLOSING: (u32, u32) = (30, 635);
/// The following time without a router, in milliseconds.
const AWAY: (u32, u32) = (0, 4500);
/// The delay between a deployment's completion and its `finished_at`, in milliseconds.
const LATE: (u32, u32) = (20, 500);
/// The time that a certificate counts as new.
const FRESH: SignedDuration = SignedDuration::from_millis(100);
/// The time in which the start of the input can be lost.
const DEAF: SignedDuration = SignedDuration::from_millis(5);

/// The age of the events with which a new stream can begin.
const RECENT: SignedDuration = SignedDuration::from_millis(50);

/// The state of the races.
#[derive(Clone, Debug)]
pub(crate) struct RaceState {
    wanted: Races,
    draws: Ids,
    /// The time until which old routers answer with a 500.
    closing_until: Timestamp,
    /// The time until which no router answers.
    away_until: Timestamp,
    /// The routes that were refused for the last new certificate, with its id.
    refused: Vec<(String, String)>,
}

impl RaceState {
    /// Creates the state. Its random numbers are independent of those for ids, which stay the same with and without
    /// races.
    pub(crate) fn new(wanted: Races, seed: u64) -> Self {
        Self {
            wanted,
            draws: Ids::new(!seed),
            closing_until: Timestamp::MIN,
            away_until: Timestamp::MIN,
            refused: Vec::new(),
        }
    }

    fn number(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.draws.key();
        u32::from_le_bytes([a, b, c, d])
    }

    fn is_lost(&mut self, percent: u8) -> bool {
        percent > 0 && self.number() % 100 < u32::from(percent)
    }

    /// Changes the order in which a stream sends events.
    pub(crate) fn shuffle<T>(&mut self, events: &mut [T]) {
        for pair in events.chunks_exact_mut(2) {
            if self.is_lost(self.wanted.unordered_events) {
                pair.reverse();
            }
        }
    }

    fn time_within(&mut self, (least, most): (u32, u32)) -> SignedDuration {
        let ms = least + self.number() % (most - least + 1);
        SignedDuration::from_millis(ms.into())
    }
}

impl Engine {
    /// Starts to close the old routers.
    pub(crate) fn router_closes(&mut self, app: &str) {
        let name = self.tables.app(app).map(|app| app.name.as_str());
        if self.races.wanted.router_restart > 0 && name == Ok("router") {
            self.races.closing_until = Timestamp::MAX;
        }
    }

    /// Ends the router's deployment: the last old router stops, perhaps together with a new one.
    pub(crate) fn router_is_deployed(&mut self, app: &str) {
        let name = self.tables.app(app).map(|app| app.name.as_str());
        let chance = self.races.wanted.router_restart;
        if chance == 0 || name != Ok("router") {
            return;
        }
        let after = |from: Timestamp, time| from.checked_add(time).unwrap_or(from);
        let closing = self.races.time_within(CLOSING);
        self.races.closing_until = after(self.now, closing);
        if self.races.is_lost(chance) {
            let away = self.races.time_within(AWAY);
            self.races.away_until = after(self.races.closing_until, away);
        }
    }

    /// Sends a route call to the router's store, or to an old router that has closed its store.
    pub(crate) fn ask_router(&mut self) -> Result<(), Fail> {
        let closing = self.now < self.races.closing_until;
        if closing && self.races.is_lost(self.races.wanted.router_restart) {
            return Err(Fail::unknown());
        }
        Ok(())
    }

    /// Returns the time until which a route call that arrives now gets no answer.
    pub(crate) fn routers_away_until(&self) -> Option<Timestamp> {
        let away = self.races.closing_until <= self.now && self.now < self.races.away_until;
        away.then_some(self.races.away_until)
    }

    /// Returns whether a route conflicts with another one that is storing the same new certificate.
    pub(crate) fn loses_certificate(&mut self, route: &Route) -> bool {
        let chance = self.races.wanted.route_conflict;
        if chance == 0 {
            return false;
        }
        let Some(given) = given_certificate(route) else { return false };
        let Some(known) = self.tables.certificates.iter().find(|c| c.cert == given.cert) else {
            return false;
        };
        let age = self.now.duration_since(known.created_at.timestamp());
        let refused = (known.id.clone(), format!("{}{}{}", route.domain, route.path, route.id));
        if age >= FRESH || self.races.refused.contains(&refused) || !self.races.is_lost(chance) {
            return false;
        }
        self.races.refused.retain(|(of, _)| *of == refused.0);
        self.races.refused.push(refused);
        true
    }

    /// Returns which routes with the cluster's certificate a migration does not create: `None` if it creates all,
    /// `Some(true)` for the controller's, `Some(false)` for all others.
    pub(crate) fn migration_loses(&mut self) -> Option<bool> {
        let lost = self.races.is_lost(self.races.wanted.lost_routes);
        lost.then(|| !self.races.number().is_multiple_of(3))
    }

    /// Finishes a complete deployment, now or a little later.
    pub(crate) fn finish(&mut self, deployment: &str) {
        if self.races.is_lost(self.races.wanted.late_finish) {
            let late = self.races.time_within(LATE);
            self.after(late, Step::Finish { deployment: deployment.to_owned() });
        } else {
            self.mark_done(deployment);
        }
    }

    /// Returns the time until which the first byte of a job's input is lost.
    pub(crate) fn input_lost_until(&mut self) -> Option<Timestamp> {
        let lost = self.races.is_lost(self.races.wanted.lost_input);
        lost.then(|| self.now.checked_add(DEAF).unwrap_or(self.now))
    }

    /// Returns the id of the event after which a new stream of events begins.
    pub(crate) fn stream_begins_after(&mut self) -> u64 {
        let last = self.events.last_id();
        if !self.races.is_lost(self.races.wanted.older_events) {
            return last;
        }
        let is_recent =
            |event: &&Event| self.now.duration_since(event.created_at.timestamp()) < RECENT;
        let events = self.events.after(0).iter().rev();
        events.take_while(is_recent).last().map_or(last, |event| event.id - 1)
    }
}
