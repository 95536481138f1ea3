//! The options of a mocked cluster.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::dialect::ServerAge;
use crate::life::{Programs, ProviderApis, Races};
use crate::store::NextId;

/// The pace of background work, such as deployments and jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Each step runs when it is due on the mock's clock. If the test drives the clock, a caller that waits for a step
    /// (including the exit of an attached job) waits until the test has moved the clock.
    Timed,
    /// All steps run at once, before the request that caused them is answered.
    #[default]
    AtOnce,
    /// Steps run only when the test asks for them.
    ByHand,
}

/// The way that a job with `CRASH=true` in its env crashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Crash {
    /// Its host cannot start it and reports the reason. In 2016, the first such job fails a deployment.
    #[default]
    HostError,
    /// It exits with status 1 before it is up. In 2016, the deployment then keeps waiting while the job is restarted
    /// repeatedly. It fails if there is no event of its jobs for the app's deploy timeout, which is after two minutes
    /// of restarts or never. In 2021, the sixth crashing job fails a deployment, whichever way it crashes.
    Exit,
}

/// The durations of background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delays {
    /// The time from the request of a job to `starting`.
    pub place: SignedDuration,
    /// The time from `starting` to `up`; `START_DELAY` (milliseconds) in the job's env overrides it.
    pub start: SignedDuration,
    /// The time from the request of a one-off job to `up`.
    pub one_off: SignedDuration,
    /// The time from the request to stop a job to `down`.
    pub stop: SignedDuration,
    /// The time that the router drains a job's connections before the job stops (2016 only).
    pub drain: SignedDuration,
    /// The time until a worker starts a deployment, a deletion or a migration.
    pub work: SignedDuration,
    /// The time that a worker of 2016 needs to continue after a deployment of the controller or the router, which
    /// breaks its own connections.
    pub resume: SignedDuration,
    /// The time from the change of a route to its event (2016 only, where the router reports it to the controller). The
    /// event of a new app's route therefore comes after the events of calls that follow at once.
    pub route_event: SignedDuration,
    /// The duration of a backup.
    pub backup: SignedDuration,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            place: SignedDuration::from_millis(12),
            start: SignedDuration::from_millis(150),
            one_off: SignedDuration::from_millis(20),
            stop: SignedDuration::from_millis(100),
            drain: SignedDuration::from_secs(10),
            work: SignedDuration::from_millis(10),
            resume: SignedDuration::from_millis(450),
            route_event: SignedDuration::from_millis(20),
            backup: SignedDuration::ZERO,
        }
    }
}

/// The certificates of a cluster, all in PEM.
#[derive(Clone, Default)]
pub struct ClusterCertificate {
    /// The CA's certificate.
    pub ca_cert: String,
    /// The leaf for the domain and all names directly under it.
    pub cert: String,
    /// The leaf's private key.
    pub key: String,
    /// The SHA-256 of the leaf's DER, in base64.
    pub pin: String,
}

impl fmt::Debug for ClusterCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterCertificate").field("pin", &self.pin).finish_non_exhaustive()
    }
}

/// Generates the certificates of a domain, for a bootstrap and for a domain migration.
#[derive(Clone)]
pub(crate) struct Certifier(Arc<dyn Fn(&str) -> ClusterCertificate + Send + Sync>);

impl Certifier {
    /// Creates a certifier that calls `make` with the domain.
    pub(crate) fn new(make: impl Fn(&str) -> ClusterCertificate + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// Returns the certificates of this domain.
    pub(crate) fn issue(&self, domain: &str) -> ClusterCertificate {
        (self.0)(domain)
    }
}

impl fmt::Debug for Certifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certifier(..)")
    }
}

/// The behaviour of a server of 2021 that depends on the order in which it loaded its schemas. The order differs for
/// each start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StartOrder {
    /// The schema checks strategy, `meta` and `deploy_timeout` of an app: a wrong value is a 400, not a 500.
    pub(crate) checks_apps: bool,
    /// The schema does not check the partition of a job.
    pub(crate) takes_any_partition: bool,
}

impl StartOrder {
    /// Creates the order that follows from a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self { checks_apps: seed & 2 != 0, takes_any_partition: seed & 4 != 0 }
    }
}

/// The options of an engine. Its `Debug` does not show the key.
#[derive(Clone)]
#[non_exhaustive]
pub(crate) struct Options {
    /// The release.
    pub(crate) age: ServerAge,
    /// The cluster's domain.
    pub(crate) domain: String,
    /// The controller's key; derived from the seed if `None`.
    pub(crate) key: Option<String>,
    /// The seed of ids, keys and names.
    pub(crate) seed: u64,
    /// The behaviour that differs for each start of the server.
    pub(crate) start_order: StartOrder,
    /// The time of the clock at the start.
    pub(crate) start: Timestamp,
    /// The pace of background work.
    pub(crate) pace: Pace,
    /// The durations of background work.
    pub(crate) delays: Delays,
    /// The way that jobs with `CRASH=true` crash.
    pub(crate) crash: Crash,
    /// The race conditions of a loaded cluster.
    pub(crate) races: Races,
    /// The programs of one-off jobs.
    pub(crate) programs: Programs,
    /// The providers' own APIs.
    pub(crate) providers: ProviderApis,
    /// The error of failing backups. The tar is then empty, and the record has this error.
    pub(crate) backup_error: Option<String>,
    /// The generator of certificates; `None` creates placeholder texts that no TLS stack accepts.
    pub(crate) certifier: Option<Certifier>,
    /// True if a followed log gets a line `tick N` every two seconds, as in the recordings.
    pub(crate) ticking_log: bool,
    /// The names of the hosts, in the order in which jobs are placed.
    pub(crate) hosts: Vec<String>,
    /// Ids for the next objects.
    pub(crate) next_ids: Vec<NextId>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("age", &self.age)
            .field("domain", &self.domain)
            .field("seed", &self.seed)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Creates options for a cluster of this age and domain, with the pace [`Pace::Timed`] and defaults.
    pub(crate) fn new(age: ServerAge, domain: &str) -> Self {
        Self {
            age,
            domain: domain.to_owned(),
            key: None,
            seed: 0,
            start_order: StartOrder::default(),
            start: Timestamp::UNIX_EPOCH,
            pace: Pace::Timed,
            delays: Delays::default(),
            crash: Crash::default(),
            races: Races::none(),
            programs: Programs::default(),
            providers: ProviderApis::default(),
            backup_error: None,
            certifier: None,
            ticking_log: true,
            hosts: (1..=3).map(|n| format!("host{n}")).collect(),
            next_ids: Vec::new(),
        }
    }
}
