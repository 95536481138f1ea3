//! The mock as a test holds it.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flynn_client::{Client, ClientBuilder, StatusClient};
use flynn_tls::{ClientTls, Pin};
use jiff::Timestamp;

use crate::builder::Builder;
use crate::calls::{self, Op};
use crate::life::{Engine, Pace, Token, Verdict};
use crate::server::clock::Clock;
use crate::server::fault::{Fault, FaultHandle};
use crate::server::hub::Hub;
use crate::server::requests::{Recorder, Requests};
use crate::server::runtime;
use crate::server::{self, Listener, Tasks};
use crate::state::State;
use crate::wire::Request;

/// A running mock of a Flynn cluster's controller, router and status app.
///
/// It serves on a background thread of the process, so a test may block. Dropping it ends it and
/// closes its sockets.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use flynn_mock::{Fault, MockController, Op};
///
/// let mock = MockController::builder().bootstrapped("example.com").tls().start().await;
/// assert!(mock.url().starts_with("https://controller.example.com:"));
///
/// // The first two lists of apps fail, as they may on a busy cluster.
/// mock.fail_next(Op::AppList, Fault::status(503).retry(true)).times(2);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct MockController {
    hub: Arc<Hub>,
    /// `None` while the mock is shut down.
    serving: Mutex<Option<Serving>>,
    tasks: Tasks,
    addr: SocketAddr,
    tls: bool,
    key: String,
    #[cfg(feature = "wiremock")]
    own_mocks: tokio::sync::OnceCell<::wiremock::MockServer>,
}

/// The socket and its connections. Dropping it closes them.
struct Serving {
    listener: Listener,
    tasks: Tasks,
}

impl Serving {
    /// Listens at an address and serves what comes.
    fn start(address: SocketAddr, hub: &Arc<Hub>) -> io::Result<(Self, SocketAddr)> {
        let runtime = runtime::handle()?;
        let listener = std::net::TcpListener::bind(address)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let listener = {
            let _inside = runtime.enter();
            Listener::new(tokio::net::TcpListener::from_std(listener)?)
        };
        let tasks = Tasks::default();
        let accept = server::accept(listener.clone(), Arc::clone(hub), tasks.clone());
        tasks.spawn(&runtime, accept);
        Ok((Self { listener, tasks }, addr))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.listener.close();
        self.tasks.abort_all();
    }
}

impl MockController {
    /// Sets up a mock.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn launch(
        engine: Engine,
        clock: Clock,
        bind: SocketAddr,
        tls: bool,
        recorder: Recorder,
    ) -> io::Result<Self> {
        let key = engine.keys().into_iter().next().unwrap_or_default();
        let hub = Arc::new(Hub::new(engine, clock, recorder));
        let (serving, addr) = Serving::start(bind, &hub)?;
        let tasks = Tasks::default();
        if matches!(clock, Clock::Wall { .. }) {
            let hub = Arc::clone(&hub);
            tasks.spawn(&runtime::handle()?, async move { hub.live().await });
        }
        Ok(Self {
            hub,
            serving: Mutex::new(Some(serving)),
            tasks,
            addr,
            tls,
            key,
            #[cfg(feature = "wiremock")]
            own_mocks: tokio::sync::OnceCell::new(),
        })
    }

    /// The controller's URL: `https://controller.DOMAIN:PORT` with TLS (the name resolves only
    /// through [`addr`](Self::addr)), else `http://127.0.0.1:PORT`.
    #[track_caller]
    pub fn url(&self) -> String {
        if self.tls {
            format!("https://controller.{}:{}", self.domain(), self.addr.port())
        } else {
            format!("http://{}", self.addr)
        }
    }

    /// Where it listens; every host of the cluster is served here, with TLS and without.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The cluster's present domain: a migration changes it.
    #[track_caller]
    pub fn domain(&self) -> String {
        self.hub.with(|inner| inner.engine.domain())
    }

    /// The key that the cluster was bootstrapped with.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The pin of the certificate that `controller.DOMAIN` presents now.
    ///
    /// # Panics
    /// When the controller has no route, or its certificate does not parse.
    #[track_caller]
    pub fn pin(&self) -> Pin {
        self.pin_of(&format!("controller.{}", self.domain()))
    }

    /// [`pin`](Self::pin), if there is one.
    #[cfg(feature = "controller")]
    pub(crate) fn try_pin(&self) -> Option<Pin> {
        let name = format!("controller.{}", self.domain());
        let identity = self.hub.with(|inner| inner.engine.certificate(Some(&name)));
        Pin::from_pem(&identity?.0).ok()
    }

    /// The key that the controller takes now.
    #[cfg(feature = "controller")]
    pub(crate) fn current_key(&self) -> String {
        let keys = self.hub.with(|inner| inner.engine.keys());
        keys.into_iter().next().unwrap_or_default()
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    #[track_caller]
    fn pin_of(&self, name: &str) -> Pin {
        let identity = self.hub.with(|inner| inner.engine.certificate(Some(name)));
        let Some((chain, _)) = identity else { panic!("{name} has no certificate") };
        match Pin::from_pem(&chain) {
            Ok(pin) => pin,
            Err(e) => panic!("the certificate of {name} has no pin: {e}"),
        }
    }

    /// The certificate of the cluster's own CA, as `GET /ca-cert` answers it.
    #[track_caller]
    pub fn ca_pem(&self) -> String {
        let answer = self.hub.with(|inner| {
            calls::handle(&mut inner.engine, &Request::new(http::Method::GET, "/ca-cert"))
        });
        String::from_utf8_lossy(answer.bytes()).into_owned()
    }

    /// A client of this controller: its present key, its present pin, the names resolved. Take a new one
    /// when the key was rotated or the certificate replaced.
    ///
    /// # Panics
    /// As [`pin`](Self::pin).
    #[track_caller]
    pub fn client(&self) -> Client {
        match self.client_builder().build() {
            Ok(client) => client,
            Err(e) => panic!("the mock's client does not build: {e}"),
        }
    }

    /// What [`client`](Self::client) is built from, to set more on it. It leads to the controller;
    /// the status app has its own [`status_client`](Self::status_client).
    ///
    /// # Panics
    /// As [`pin`](Self::pin).
    #[track_caller]
    pub fn client_builder(&self) -> ClientBuilder {
        let keys = self.hub.with(|inner| inner.engine.keys());
        let key = keys.into_iter().next().unwrap_or_else(|| self.key.clone());
        let builder = Client::builder(self.url()).key(key).no_proxy();
        if !self.tls {
            return builder;
        }
        self.pinned(builder, &format!("controller.{}", self.domain()))
    }

    /// A client of the cluster's status app, which asks nobody on this machine for a key.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::MockController;
    ///
    /// let mock = MockController::builder().tls().start().await;
    /// let cluster = mock.status_client().status().await?;
    /// assert!(cluster.detail.contains_key("router"));
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// When the status app has no route, or its certificate does not parse.
    #[track_caller]
    pub fn status_client(&self) -> StatusClient {
        let name = format!("status.{}", self.domain());
        let scheme = if self.tls { "https" } else { "http" };
        let builder = StatusClient::builder(format!("{scheme}://{name}:{}", self.addr.port()))
            .no_proxy()
            .resolve(&name, self.addr);
        let builder = if self.tls { self.pinned(builder, &name) } else { builder };
        match builder.build_status() {
            Ok(client) => client,
            Err(e) => panic!("the mock's status client does not build: {e}"),
        }
    }

    /// Leads a client to this host of the cluster, with its pin.
    #[track_caller]
    fn pinned(&self, builder: ClientBuilder, name: &str) -> ClientBuilder {
        match ClientTls::pinned(self.pin_of(name)).config() {
            Ok(tls) => builder.resolve(name, self.addr).rustls_config(tls),
            Err(e) => panic!("no TLS for the mock's client: {e}"),
        }
    }

    /// Something goes wrong with the next request of an operation. The handle says how often, and
    /// lifts it.
    ///
    /// # Panics
    /// When the fault can never strike the operation: an error frame where nothing is streamed.
    #[track_caller]
    pub fn fail_next(&self, op: Op, fault: Fault) -> FaultHandle {
        FaultHandle::set(&self.hub, op, fault)
    }

    /// Nothing goes wrong any more.
    #[track_caller]
    pub fn lift_faults(&self) {
        self.hub.with(|inner| inner.faults.lift_all());
    }

    /// Waits until something holds of the cluster's [`state`](Self::state), which is looked at after every
    /// change. There is no time limit: where only the test moves the clock, let it move first.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::MockController;
    ///
    /// let mock = MockController::builder().start().await;
    /// let client = mock.client();
    /// let creates = client.apps().create(flynn_client::apps::NewApp::named("www"));
    /// let (_, made) = tokio::join!(mock.until(|state| state.app("www").is_ok()), creates);
    /// made?;
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut changes = self.hub.changes();
        let state = self.state();
        while !holds(&state) {
            // The sender lives in `self`, so the wait cannot fail.
            let _ = changes.changed().await;
        }
    }

    /// What is in the cluster, typed.
    pub fn state(&self) -> State {
        State::new(Arc::clone(&self.hub))
    }

    /// The requests so far, those that met a fault included; the newest ones when there were more
    /// than [`Builder::request_memory`] allows.
    #[track_caller]
    pub fn requests(&self) -> Requests {
        self.hub.with(|inner| inner.recorder.all())
    }

    /// Forgets the requests so far.
    #[track_caller]
    pub fn clear_requests(&self) {
        self.hub.with(|inner| inner.recorder.clear());
    }

    /// A `wiremock` server that is asked first: what is mounted on it answers in place of the
    /// controller, everything else is the controller's. Its expectations are checked when the
    /// mock is dropped.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::MockController;
    /// use wiremock::matchers::{method, path};
    /// use wiremock::{Mock, ResponseTemplate};
    ///
    /// let mock = MockController::builder().start().await;
    /// Mock::given(method("GET"))
    ///     .and(path("/apps/odd"))
    ///     .respond_with(ResponseTemplate::new(418))
    ///     .mount(mock.wiremock().await)
    ///     .await;
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "wiremock")]
    pub async fn wiremock(&self) -> &::wiremock::MockServer {
        let server = self.own_mocks.get_or_init(crate::server::wiremock::start).await;
        self.hub.asked_first.get_or_init(|| *server.address());
        server
    }

    /// What the mock's clock shows.
    #[track_caller]
    pub fn now(&self) -> Timestamp {
        self.hub.with(|inner| inner.clock.now())
    }

    /// Moves the clock forward, through everything that falls due on the way.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.advance_to(self.hub.due_in(by.try_into().unwrap_or(jiff::SignedDuration::MAX)));
    }

    /// Moves the clock to `time` (never back), through everything that falls due on the way.
    #[track_caller]
    pub fn advance_to(&self, time: Timestamp) {
        self.hub.drive(|inner| {
            inner.clock.reach(time);
            inner.engine.advance(inner.clock.now());
        });
    }

    /// Runs the next step of the cluster's life, moving the clock to its time; `false` when
    /// nothing is under way.
    #[track_caller]
    pub fn step(&self) -> bool {
        let mut stepped = None;
        self.hub.drive(|inner| {
            inner.engine.advance(inner.clock.now());
            // What a program answers to the step is carried out without another step.
            if stepped.is_none() && !inner.engine.callbacks.hold() {
                stepped = Some(inner.engine.step());
            }
            inner.clock.reach(inner.engine.now());
            stepped.unwrap_or_default()
        })
    }

    /// Runs everything that is under way to its end: at most an hour of the mock's clock, and jobs
    /// that crash are not restarted for ever.
    #[track_caller]
    pub fn run_to_end(&self) {
        self.hub.drive(|inner| {
            inner.engine.advance(inner.clock.now());
            inner.engine.run_to_end();
            inner.clock.reach(inner.engine.now());
        });
    }

    /// Makes the status app report this version of a service (default: `dev`). A service that cannot be
    /// reached has none.
    #[track_caller]
    pub fn set_service_version(&self, service: &str, version: Option<&str>) {
        self.hub.with(|inner| inner.engine.set_service_version(service, version));
    }

    /// Sets when the life of the cluster moves on. Steps that are already planned keep their times.
    #[track_caller]
    pub fn set_pace(&self, pace: Pace) {
        self.hub.with(|inner| inner.engine.set_pace(pace));
    }

    /// Writes a line to the log of an app, as its newest running job would.
    ///
    /// # Panics
    /// If there is no such app.
    #[track_caller]
    pub fn log(&self, app: &str, line: &str) {
        assert!(self.try_log(app, line), "the mock has no app {app:?}");
    }

    /// [`log`](Self::log), or false if there is no such app.
    #[track_caller]
    pub(crate) fn try_log(&self, app: &str, line: &str) -> bool {
        self.hub.with(|inner| inner.engine.write_log(app, line))
    }

    /// Waits until the mock has recorded `n` requests of an operation since the start or since
    /// [`clear_requests`](Self::clear_requests). Put a time limit on it.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::{MockController, Op};
    ///
    /// let mock = MockController::builder().start().await;
    /// let client = mock.client();
    /// let (apps, ()) = tokio::join!(client.apps().list(), mock.wait_for(Op::AppList, 1));
    /// # let _ = apps?;
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn wait_for(&self, op: Op, n: usize) {
        self.hub.recorded(|| self.requests().of(op).len() >= n).await;
    }

    /// Closes the port and all connections, and keeps the state. Clients cannot connect until
    /// [`restart`](Self::restart). The cluster moves on.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::MockController;
    ///
    /// let mock = MockController::builder().start().await;
    /// mock.shut_down();
    /// let client = mock.client_builder().retry(flynn_client::RetryPolicy::none()).build()?;
    /// assert!(client.apps().list().await.is_err());
    /// mock.restart();
    /// assert!(client.apps().list().await.is_ok());
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shut_down(&self) {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Opens the port again after [`shut_down`](Self::shut_down).
    ///
    /// # Panics
    /// If another program has taken the port.
    #[track_caller]
    pub fn restart(&self) {
        if let Err(why) = self.try_restart() {
            panic!("the mock controller does not restart: {why}");
        }
    }

    pub(crate) fn try_restart(&self) -> io::Result<()> {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        if serving.is_none() {
            *serving = Some(Serving::start(self.addr, &self.hub)?.0);
        }
        Ok(())
    }

    /// Waits until every open stream has handed on all there is to send at this moment.
    pub async fn settled(&self) {
        self.hub.settled().await;
    }

    /// Ends every open stream with an error frame, as a controller that shuts down does.
    #[track_caller]
    pub fn end_streams(&self) {
        self.hub.with(|inner| inner.engine.end_streams("controller: shutting down"));
    }

    /// Makes an access token of the fork valid, and returns its text. Releases before the fork
    /// refuse every token.
    #[track_caller]
    pub fn issue_token(&self, token: Token) -> String {
        self.hub.with(|inner| inner.engine.issue_token(token))
    }

    /// Lets the authority issue, or renew, the managed certificate of this name: a new one, which
    /// the routes with the name present at once.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::{MockController, ServerAge};
    ///
    /// let mock = MockController::builder().server(ServerAge::Fork2026June).start().await;
    /// assert!(mock.issue_certificate("nobody.asked.example.com").is_none());
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// Returns `None` when nobody has asked for the name.
    ///
    /// # Panics
    /// When no certificate can be made for the name.
    #[track_caller]
    pub fn issue_certificate(&self, name: &str) -> Option<()> {
        let leaf = match flynn_tls::generate::bootstrap(name) {
            Ok(made) => made.leaf,
            Err(e) => panic!("no certificate for {name}: {e}"),
        };
        let (cert, key) = (leaf.certificate_pem(), leaf.key_pem());
        let verdict = Verdict::Issued { cert, key };
        self.hub.with(|inner| inner.engine.answer_order(name, verdict))
    }

    /// Lets the authority refuse the managed certificate of this name. Returns `None` when nobody
    /// has asked for it.
    #[track_caller]
    pub fn refuse_certificate(&self, name: &str, why: &str) -> Option<()> {
        let verdict = Verdict::Refused(why.to_owned());
        self.hub.with(|inner| inner.engine.answer_order(name, verdict))
    }

    /// Makes a host, such as `host2`, answer the controller or not.
    #[track_caller]
    pub fn set_host_reachable(&self, host: &str, reachable: bool) {
        self.hub.with(|inner| inner.engine.set_host_reachable(host, reachable));
    }

    /// Makes the controller answer every request with 503 `service_unavailable`, as it does while
    /// it shuts down.
    #[track_caller]
    pub fn set_shutting_down(&self, on: bool) {
        self.hub.with(|inner| inner.engine.set_shutting_down(on));
    }

    /// Makes the status app report a service, such as `postgres`, as healthy or not.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::MockController;
    ///
    /// let mock = MockController::builder().start().await;
    /// mock.set_healthy("postgres", false);
    /// let cluster = mock.status_client().status().await?;
    /// assert!(!cluster.is_healthy());
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn set_healthy(&self, service: &str, healthy: bool) {
        self.hub.with(|inner| inner.engine.set_healthy(service, healthy));
    }
}

impl fmt::Debug for MockController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockController").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for MockController {
    fn drop(&mut self) {
        self.shut_down();
        self.tasks.abort_all();
    }
}
