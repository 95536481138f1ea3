//! The race conditions of a loaded cluster: which of them a test asked for, and how each goes.

use jiff::{SignedDuration, Timestamp};

use crate::life::work::Step;
use crate::life::{Engine, given_certificate};
use crate::store::{Ids, Route};
use crate::wire::Fail;

/// Which race conditions of a loaded, real cluster the mock shows, and how often: each is a chance
/// in percent. By default it shows none. See [`Builder::races`](crate::Builder::races).
///
/// They were measured on clusters of v20161015.2 and, the lost input, of the last upstream version.
/// The mock shows what it is asked for whatever its [`ServerAge`](crate::ServerAge), since each was
/// mended in another release in between. All times are of the mock's clock. Every chance follows
/// from [`Builder::seed`](crate::Builder::seed) and the order of the requests.
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
}

impl Races {
    /// No race is ever lost.
    pub fn none() -> Self {
        Self::default()
    }

    /// Each race is lost as often as on the clusters that were measured.
    pub fn measured() -> Self {
        Self::none()
            .router_restart(16)
            .lost_routes(33)
            .route_conflict(6)
            .late_finish(3)
            .lost_input(15)
    }

    /// Each race is lost whenever it can be.
    pub fn always() -> Self {
        Self::none()
            .router_restart(100)
            .lost_routes(100)
            .route_conflict(100)
            .late_finish(100)
            .lost_input(100)
    }

    /// While the router app is redeployed, and 30 to 635 ms longer, calls of routes can meet an old
    /// router that has closed its database: a plain 500 with `retry: false`. Then there may be no
    /// router at all: calls of routes stall until one is back, after 4.5 s at most.
    pub fn router_restart(mut self, percent: u8) -> Self {
        self.router_restart = percent;
        self
    }

    /// A domain migration can finish without an error and without some of the routes that carry the
    /// cluster's certificate: without the controller's, or without all but the controller's.
    pub fn lost_routes(mut self, percent: u8) -> Self {
        self.lost_routes = percent;
        self
    }

    /// For 100 ms after a certificate was stored, a route that is created with it can be refused as
    /// a duplicate although there is none (409), and an update that brings it can fail with a 500
    /// (`retry: true`): once for each route.
    pub fn route_conflict(mut self, percent: u8) -> Self {
        self.route_conflict = percent;
        self
    }

    /// A deployment can be `complete` 20 to 500 ms before its `finished_at` is set and the server
    /// accepts the next one.
    pub fn late_finish(mut self, percent: u8) -> Self {
        self.late_finish = percent;
        self
    }

    /// The first byte that is sent to an attached job can be lost when it comes within 5 ms of the
    /// 101. What follows is then no frame, and the job reads the end of its input.
    pub fn lost_input(mut self, percent: u8) -> Self {
        self.lost_input = percent;
        self
    }
}

/// How long the old routers still answer when a deployment has completed, in milliseconds.
const CLOSING: (u32, u32) = (30, 635);
/// For how long there is no router then, in milliseconds.
const AWAY: (u32, u32) = (0, 4500);
/// How much later than it is complete a deployment is finished, in milliseconds.
const LATE: (u32, u32) = (20, 500);
/// How long a certificate counts as new.
const FRESH: SignedDuration = SignedDuration::from_millis(100);
/// How long the start of the input can be lost.
const DEAF: SignedDuration = SignedDuration::from_millis(5);

/// How the races go.
#[derive(Clone, Debug)]
pub(crate) struct RaceState {
    wanted: Races,
    draws: Ids,
    /// Until when old routers answer with a 500.
    closing_until: Timestamp,
    /// Until when no router answers.
    away_until: Timestamp,
    /// The routes that were refused for the last new certificate, with its id.
    refused: Vec<(String, String)>,
}

impl RaceState {
    /// The draws are not those of the ids: these stay the same with races and without.
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

    fn time_within(&mut self, (least, most): (u32, u32)) -> SignedDuration {
        let ms = least + self.number() % (most - least + 1);
        SignedDuration::from_millis(ms.into())
    }
}

impl Engine {
    /// The old routers begin to close.
    pub(crate) fn router_closes(&mut self, app: &str) {
        let name = self.tables.app(app).map(|app| app.name.as_str());
        if self.races.wanted.router_restart > 0 && name == Ok("router") {
            self.races.closing_until = Timestamp::MAX;
        }
    }

    /// The router's deployment is over: the last old router goes, perhaps with a new one.
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

    /// A call of routes reaches the router's store, or an old router that has none any more.
    pub(crate) fn ask_router(&mut self) -> Result<(), Fail> {
        let closing = self.now < self.races.closing_until;
        if closing && self.races.is_lost(self.races.wanted.router_restart) {
            return Err(Fail::unknown());
        }
        Ok(())
    }

    /// Until when a call of routes that comes now gets no answer.
    pub(crate) fn routers_away_until(&self) -> Option<Timestamp> {
        let away = self.races.closing_until <= self.now && self.now < self.races.away_until;
        away.then_some(self.races.away_until)
    }

    /// Returns whether a route loses against another that is storing the same new certificate.
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

    /// Which routes with the cluster's certificate a migration does not create: `None` when it
    /// creates them all, else whether it is the controller's or all the others.
    pub(crate) fn migration_loses(&mut self) -> Option<bool> {
        let lost = self.races.is_lost(self.races.wanted.lost_routes);
        lost.then(|| !self.races.number().is_multiple_of(3))
    }

    /// A deployment is complete: it is finished now, or a little later.
    pub(crate) fn finish(&mut self, deployment: &str) {
        if self.races.is_lost(self.races.wanted.late_finish) {
            let late = self.races.time_within(LATE);
            self.after(late, Step::Finish { deployment: deployment.to_owned() });
        } else {
            self.mark_done(deployment);
        }
    }

    /// Until when the first byte of a job's input is lost.
    pub(crate) fn input_lost_until(&mut self) -> Option<Timestamp> {
        let lost = self.races.is_lost(self.races.wanted.lost_input);
        lost.then(|| self.now.checked_add(DEAF).unwrap_or(self.now))
    }
}
