//! The builder of a mock.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::controller::MockController;
use crate::dialect::ServerAge;
use crate::life::{
    Certifier, ClusterCertificate, Command, Crash, Delays, Engine, Options, Pace, Program,
    Programs, ProviderApis, ProviderCall, Provision, Races, StartOrder,
};
use crate::seed::AppSeed;
use crate::server::clock::Clock;
use crate::server::record::{KEPT, Recorder};
use crate::store::NextId;

/// Configures a [`MockController`]. See there for an example.
#[derive(Clone, Debug)]
#[must_use = "nothing runs until `start`"]
pub struct Builder {
    options: Options,
    tls: bool,
    clock: Setting,
    tick: SignedDuration,
    seeded: bool,
    bind: SocketAddr,
    apps: Vec<AppSeed>,
    request_memory: usize,
}

/// The source of time.
#[derive(Clone, Copy, Debug)]
enum Setting {
    /// The machine's clock, or the test's clock if there is a seed.
    Unset,
    /// The machine's clock.
    Wall,
    /// The test moves the clock, which starts at this time.
    Driven(Timestamp),
}

/// The start of a seeded or driven clock.
const EPOCH: Timestamp = Timestamp::constant(1_767_225_600, 0);

impl Builder {
    pub(crate) fn new() -> Self {
        let mut options = Options::new(ServerAge::default(), "example.com");
        options.pace = Pace::default();
        Self {
            options,
            tls: false,
            clock: Setting::Unset,
            tick: SignedDuration::from_millis(1),
            seeded: false,
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            apps: Vec::new(),
            request_memory: KEPT,
        }
    }

    /// Sets the domain of the cluster's bootstrap (default: `example.com`).
    pub fn bootstrapped(mut self, domain: impl Into<String>) -> Self {
        self.options.domain = domain.into();
        self
    }

    /// Sets the release of Flynn (default: the last upstream one).
    pub fn server(mut self, age: ServerAge) -> Self {
        self.options.age = age;
        self
    }

    /// Makes [`MockController::url`] and [`client`](MockController::client) use TLS. The port always accepts both TLS
    /// and plain HTTP.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Sets the controller's key (default: 32 random hex digits).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.options.key = Some(key.into());
        self
    }

    /// Makes ids, keys, names and times the same in every run: the clock starts at 2026-01-01 and
    /// moves by a millisecond with each request, unless it is set by [`clock`](Self::clock) or
    /// [`wall_clock`](Self::wall_clock). Certificates stay random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self.seeded = true;
        self
    }

    /// Sets the names of the hosts, in the order in which jobs are placed (default: `host1` to `host3`).
    pub fn hosts(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.hosts = names.into_iter().map(Into::into).collect();
        self
    }

    /// Gives the next objects these ids, starting with the bootstrap; see
    /// [`MockController::next_ids`](MockController::next_ids). The bootstrapped cluster also gets the secrets and times
    /// in the fields, if you set all fields of the documents of a real cluster.
    ///
    /// ```
    /// # fn main() -> Result<(), flynn_mock::Missing> {
    /// use flynn_mock::{MockController, NextId};
    ///
    /// let id = "1e5ff4a5-9a32-4a8b-ab40-0bd3b71c4b1f";
    /// let router = NextId::new("app", id).like("name", "router");
    /// let mock = MockController::builder().next_ids([router]).bootstrapped("a.test").start_blocking();
    /// assert_eq!(mock.state().app("router")?.id.as_str(), id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn next_ids(mut self, ids: impl IntoIterator<Item = NextId>) -> Self {
        self.options.next_ids.extend(ids);
        self
    }

    /// Starts the clock at `time`. After that, only [`MockController::advance`] and similar calls, and the tick of each
    /// request, move it.
    pub fn clock(mut self, time: Timestamp) -> Self {
        self.clock = Setting::Driven(time);
        self
    }

    /// Makes the clock follow the machine's, which is the default without a seed. With a seed, ids, keys, names and
    /// random choices are the same in every run, and only the times differ.
    pub fn wall_clock(mut self) -> Self {
        self.clock = Setting::Wall;
        self
    }

    /// Sets the time by which each request moves a driven clock (default: a millisecond).
    pub fn tick(mut self, tick: SignedDuration) -> Self {
        self.tick = tick;
        self
    }

    /// Sets the pace of background work, such as jobs and deployments: at once (the default), on the clock, or by hand
    /// with [`MockController::step`].
    pub fn pace(mut self, pace: Pace) -> Self {
        self.options.pace = pace;
        self
    }

    /// Sets the durations of background work, and the pace [`Pace::Timed`].
    pub fn delays(mut self, delays: Delays) -> Self {
        self.options.delays = delays;
        self.pace(Pace::Timed)
    }

    /// Sets how jobs with `CRASH=true` in their env crash (default: their hosts cannot start them).
    pub fn crash(mut self, crash: Crash) -> Self {
        self.options.crash = crash;
        self
    }

    /// Sets which race conditions of a loaded, real cluster the mock shows (default: none).
    ///
    /// Their times are on the mock's clock: if a test drives the clock, a stalled call is answered after the test has
    /// moved it.
    ///
    /// ```
    /// use flynn_mock::{MockController, Races};
    ///
    /// let builder = MockController::builder().seed(7).wall_clock().races(Races::always());
    /// # let _ = builder;
    /// ```
    pub fn races(mut self, races: Races) -> Self {
        self.options.races = races;
        self
    }

    /// Sets the programs that one-off jobs run; see [`Program`]. By default, a job runs `exit N`, `sleep N` or `cat`, and
    /// any other command prints its arguments.
    ///
    /// ```
    /// use flynn_mock::{Input, MockController, Output};
    ///
    /// let builder = MockController::builder().programs(|command| {
    ///     let args = command.args.join(" ");
    ///     Box::new(move |input| match input {
    ///         Input::Start => vec![Output::Stdout(format!("ran {args}\n").into()), Output::Exit(0)],
    ///         _ => Vec::new(),
    ///     })
    /// });
    /// # let _ = builder;
    /// ```
    pub fn programs(
        mut self,
        make: impl Fn(&Command) -> Box<dyn Program> + Send + Sync + 'static,
    ) -> Self {
        self.options.programs = Programs::new(make);
        self
    }

    /// Sets the answers of the providers' own APIs when a resource is provisioned or deprovisioned (default: the four
    /// appliances of a cluster return made-up credentials, and all others refuse). The closure runs on its own thread
    /// and may call the mock; a panic counts as a refusal. If a provider's URL is on the loopback interface
    /// (`http://127.0.0.1:PORT/PATH`), the mock calls it there instead, as the real controller does: `POST` with the
    /// config, answered by `{"id": .., "env": ..}`, and `DELETE ?id=..`, both with status 200.
    ///
    /// ```
    /// use flynn_mock::{ProviderCall, MockController, Provision};
    ///
    /// let builder = MockController::builder().provider_apis(|url, call, secret| match call {
    ///     ProviderCall::Provision(_) if url.starts_with("http://search.discoverd/") => {
    ///         let mut made = Provision { external_id: "/indexes/1".into(), ..Provision::default() };
    ///         made.env.insert("SEARCH_KEY".into(), secret());
    ///         Some(made)
    ///     }
    ///     ProviderCall::Deprovision(_) => Some(Provision::default()),
    ///     _ => None,
    /// });
    /// # let _ = builder;
    /// ```
    pub fn provider_apis(
        mut self,
        answer: impl Fn(&str, &ProviderCall<'_>, &mut dyn FnMut() -> String) -> Option<Provision>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.options.providers = ProviderApis::new(answer);
        self
    }

    /// Makes backups fail: the tar is empty, and the backup's record has this error.
    pub fn backup_error(mut self, error: impl Into<String>) -> Self {
        self.options.backup_error = Some(error.into());
        self
    }

    /// Sets the cluster's certificates: the first for its bootstrap, the following ones for domain migrations. For
    /// further ones, and for empty fields, the mock generates its own. With them and a [`seed`](Self::seed), you can
    /// compare the mock's answers with recorded ones.
    pub fn certificates(mut self, given: impl IntoIterator<Item = ClusterCertificate>) -> Self {
        let given: Mutex<VecDeque<_>> = Mutex::new(given.into_iter().collect());
        self.options.certifier = Some(Certifier::new(move |domain| {
            let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
            completed(given.pop_front().unwrap_or_default(), domain)
        }));
        self
    }

    /// Sets whether a followed log gets a line `tick N` every two seconds (default: it does).
    pub fn ticking_log(mut self, on: bool) -> Self {
        self.options.ticking_log = on;
        self
    }

    /// Sets the number of bytes of [requests](MockController::requests) and their answers that the mock keeps (default:
    /// 64 MiB). Beyond that it forgets the oldest.
    pub fn request_memory(mut self, bytes: usize) -> Self {
        self.request_memory = bytes;
        self
    }

    /// Sets the address to listen on (default: a free port of 127.0.0.1).
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = address;
        self
    }

    /// Adds an app that exists from the start.
    pub fn app(mut self, app: AppSeed) -> Self {
        self.apps.push(app);
        self
    }

    /// Starts the mock.
    ///
    /// # Panics
    /// Panics if [`try_start`](Self::try_start) fails; the message names the caller's line.
    #[track_caller]
    pub fn start(self) -> impl Future<Output = MockController> + Send {
        let caller = Location::caller();
        async move { self.launch(caller) }
    }

    /// Starts the mock without a runtime, as in a plain `#[test]`.
    ///
    /// # Panics
    /// Panics if [`try_start`](Self::try_start) fails; the message names the caller's line.
    #[track_caller]
    pub fn start_blocking(self) -> MockController {
        self.launch(Location::caller())
    }

    fn launch(self, caller: &'static Location<'static>) -> MockController {
        match self.try_start() {
            Ok(mock) => mock,
            Err(why) => panic!("the mock controller does not start: {why} (started at {caller})"),
        }
    }

    /// Starts the mock, for programs that take its settings from their users. It needs no runtime.
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// use flynn_mock::MockController;
    ///
    /// let first = MockController::builder().try_start()?;
    /// let second = MockController::builder().bind(first.addr()).try_start();
    /// assert_eq!(second.err().map(|e| e.kind()), Some(ErrorKind::AddrInUse));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](io::ErrorKind::InvalidInput) for a domain or key that a cluster cannot have, and for
    /// an app that the controller refuses. Otherwise fails with the reason why it cannot listen on the address, such as
    /// [`AddrInUse`](io::ErrorKind::AddrInUse). `Display` prints one line that names the cause.
    pub fn try_start(mut self) -> io::Result<MockController> {
        let clock = match self.clock {
            Setting::Driven(now) => Clock::Driven { now, tick: self.tick },
            Setting::Unset if self.seeded => Clock::Driven { now: EPOCH, tick: self.tick },
            Setting::Unset | Setting::Wall => Clock::Wall { ahead: SignedDuration::ZERO },
        };
        self.options.start = clock.now();
        check(&self.options).map_err(invalid)?;
        if self.seeded {
            self.options.start_order = StartOrder::of(self.options.seed);
        } else {
            self.options.seed = random_seed();
        }
        self.options.certifier.get_or_insert_with(|| Certifier::new(certificates));
        let mut engine = Engine::new(self.options);
        engine.callbacks.outside = true;
        for app in &self.apps {
            app.plant(&mut engine).map_err(invalid)?;
        }
        let recorder = Recorder::new(self.request_memory);
        MockController::launch(engine, clock, self.bind, self.tls, recorder)
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Refuses options that no cluster can be bootstrapped with.
fn check(options: &Options) -> Result<(), String> {
    let key = options.key.as_deref();
    if key.is_some_and(str::is_empty) {
        return Err("its key is empty".to_owned());
    }
    if key.is_some_and(|key| key.contains(char::is_control)) {
        return Err("its key has control characters".to_owned());
    }
    let domain = &options.domain;
    if domain.contains(':') {
        return Err(format!("the domain {domain:?} has a port: `bind` chooses the port"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !domain.split('.').all(|label| !label.is_empty() && label.chars().all(plain)) {
        return Err(format!("{domain:?} is not a domain"));
    }
    Ok(())
}

/// Generates certificates as a bootstrap does. A text that is not a domain (a migration to "" is accepted) gets the
/// certificates of an unused name.
fn certificates(domain: &str) -> ClusterCertificate {
    let made = flynn_tls::generate::bootstrap(domain)
        .or_else(|_| flynn_tls::generate::bootstrap("invalid"));
    made.map(|made| ClusterCertificate {
        ca_cert: made.ca.certificate_pem(),
        cert: made.leaf.certificate_pem(),
        key: made.leaf.key_pem(),
        pin: made.leaf.pin().to_string(),
    })
    .unwrap_or_default()
}

/// Completes certificates. A certificate without its key is replaced.
fn completed(given: ClusterCertificate, domain: &str) -> ClusterCertificate {
    let mut made = certificates(domain);
    if !given.ca_cert.is_empty() {
        made.ca_cert = given.ca_cert;
    }
    if !given.cert.is_empty() && !given.key.is_empty() {
        let pin = flynn_tls::Pin::from_pem(&given.cert).map(|pin| pin.to_string());
        made.pin = if given.pin.is_empty() { pin.unwrap_or_default() } else { given.pin };
        (made.cert, made.key) = (given.cert, given.key);
    }
    made
}

/// Returns a seed that differs for each run and each mock.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Arc::as_ptr(&Arc::new(())) as usize)
}
