//! How a mocked cluster is set up.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::dialect::ServerAge;
use crate::life::{Programs, ProviderApis, Races};

/// When the life of the cluster moves on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Each step when it is due on the mock's clock. On a clock that the test drives, whoever waits
    /// for a step (for an attached job's exit, too) waits until the test has moved it.
    Timed,
    /// All steps at once, before the request that caused them is answered.
    #[default]
    AtOnce,
    /// Only when the test asks for a step.
    ByHand,
}

/// How a job crashes that has `CRASH=true` in its env.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Crash {
    /// Its host cannot start it and says why. In 2016 the first such job fails a deployment.
    #[default]
    HostError,
    /// It exits with status 1 before it is up. A deployment of 2016 then goes on waiting while it
    /// is started again and again, and fails when there was no event of its jobs for the app's
    /// deploy timeout: after two minutes of restarts, or never. In 2021 the sixth such job fails a
    /// deployment, whichever way it crashes.
    Exit,
}

/// How long the steps of the cluster's life take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delays {
    /// From a job's request to `starting`.
    pub place: SignedDuration,
    /// From `starting` to `up`; the job's env `START_DELAY` (milliseconds) wins.
    pub start: SignedDuration,
    /// From the request of a one-off job to `up`.
    pub one_off: SignedDuration,
    /// From the request to stop a job to `down`.
    pub stop: SignedDuration,
    /// How long the router drains a job's connections before it stops (2016 only).
    pub drain: SignedDuration,
    /// Until a worker takes up a deployment, a deletion, a migration.
    pub work: SignedDuration,
    /// How long a worker of 2016 needs to go on after a deployment of the controller or the router,
    /// which breaks its own connections.
    pub resume: SignedDuration,
    /// How long a backup takes.
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
            backup: SignedDuration::ZERO,
        }
    }
}

/// The certificates of a cluster, all in PEM.
#[derive(Clone, Default)]
pub struct ClusterCertificate {
    /// The CA's certificate.
    pub ca_cert: String,
    /// The leaf for the domain and everything directly under it.
    pub cert: String,
    /// The leaf's private key.
    pub key: String,
    /// SHA-256 of the leaf's DER, base64.
    pub pin: String,
}

impl fmt::Debug for ClusterCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterCertificate").field("pin", &self.pin).finish_non_exhaustive()
    }
}

/// Makes the certificates of a domain: at bootstrap and in a domain migration.
#[derive(Clone)]
pub(crate) struct Certifier(Arc<dyn Fn(&str) -> ClusterCertificate + Send + Sync>);

impl Certifier {
    /// Certificates made by `make` from the domain.
    pub(crate) fn new(make: impl Fn(&str) -> ClusterCertificate + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// The certificates of this domain.
    pub(crate) fn issue(&self, domain: &str) -> ClusterCertificate {
        (self.0)(domain)
    }
}

impl fmt::Debug for Certifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certifier(..)")
    }
}

/// What depends on the order in which a server of 2021 loaded its schemas: one order for each start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StartOrder {
    /// The schema checks strategy, `meta` and `deploy_timeout` of an app: a wrong one is a 400, not a 500.
    pub(crate) checks_apps: bool,
    /// The schema does not check the partition of a job.
    pub(crate) takes_any_partition: bool,
}

impl StartOrder {
    /// The order that follows from a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self { checks_apps: seed & 2 != 0, takes_any_partition: seed & 4 != 0 }
    }
}

/// The set-up of an engine. Its `Debug` does not show the key.
#[derive(Clone)]
#[non_exhaustive]
pub(crate) struct Options {
    /// Which release it is.
    pub(crate) age: ServerAge,
    /// The cluster's domain.
    pub(crate) domain: String,
    /// The controller's key; made from the seed when `None`.
    pub(crate) key: Option<String>,
    /// Ids, keys and names follow from it.
    pub(crate) seed: u64,
    /// How this start of the server resolved what differs from start to start.
    pub(crate) start_order: StartOrder,
    /// What the clock shows at the start.
    pub(crate) start: Timestamp,
    /// When things move on.
    pub(crate) pace: Pace,
    /// How long things take.
    pub(crate) delays: Delays,
    /// How jobs with `CRASH=true` crash.
    pub(crate) crash: Crash,
    /// Which race conditions of a loaded cluster it shows.
    pub(crate) races: Races,
    /// What one-off jobs do.
    pub(crate) programs: Programs,
    /// What the providers' own APIs answer when resources are provisioned.
    pub(crate) providers: ProviderApis,
    /// Why backups fail, if they do; the tar is then empty, and the record has this as its error.
    pub(crate) backup_error: Option<String>,
    /// Who makes certificates; `None` gives placeholder texts that no TLS stack accepts.
    pub(crate) certifier: Option<Certifier>,
    /// True if a followed log gets a line `tick N` every two seconds, as in the recordings.
    pub(crate) ticking_log: bool,
    /// The names of the hosts, in the order in which jobs are placed.
    pub(crate) hosts: Vec<String>,
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
    /// A cluster of this age and domain, with defaults but for its pace, which is [`Pace::Timed`].
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
        }
    }
}
