//! A running mock.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

mod clients;
mod cluster;
mod time;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::builder::Builder;
use crate::calls::Op;
use crate::life::Engine;
use crate::server::clock::Clock;
use crate::server::fault::{Fault, FaultHandle};
use crate::server::hub::Hub;
use crate::server::record::Recorder;
use crate::server::requests::Requests;
use crate::server::{self, Serving, Tasks, runtime};
use crate::state::State;

/// A running mock of a Flynn cluster's controller, router and status app.
///
/// It serves on a background thread of the process, so a test may block. Dropping it stops the mock and closes its
/// sockets.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use flynn_mock::{Fault, MockController, Op};
///
/// let mock = MockController::builder().bootstrapped("example.com").tls().start().await;
/// assert!(mock.url().starts_with("https://controller.example.com:"));
///
/// // The first two lists of apps fail, as on a busy cluster.
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

impl MockController {
    /// Returns a builder for a mock.
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
        let (serving, addr) = server::serve(bind, &hub)?;
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

    /// Returns the controller's URL: `https://controller.DOMAIN:PORT` with TLS (connect the name to
    /// [`addr`](Self::addr)), otherwise `http://127.0.0.1:PORT`.
    #[track_caller]
    pub fn url(&self) -> String {
        if self.tls {
            format!("https://controller.{}:{}", self.domain(), self.addr.port())
        } else {
            format!("http://{}", self.addr)
        }
    }

    /// Returns the address that it listens on. It serves every host of the cluster there, with and without TLS.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the cluster's current domain, which a migration changes.
    #[track_caller]
    pub fn domain(&self) -> String {
        self.hub.with(|inner| inner.engine.domain())
    }

    /// Returns the key that the cluster was bootstrapped with.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the key that the controller currently accepts.
    #[cfg(feature = "controller")]
    pub(crate) fn current_key(&self) -> String {
        let keys = self.hub.with(|inner| inner.engine.keys());
        keys.into_iter().next().unwrap_or_default()
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Makes the next request of an operation fail. Use the handle to change the number of requests and the path, and
    /// to lift the fault.
    ///
    /// `Op::Any` matches any request. With a path and an answer, the fault is a stub:
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::{Fault, MockController, Op};
    ///
    /// let mock = MockController::builder().start().await;
    /// let odd = Fault::answer(200, r#"{"id": "1", "name": "odd"}"#);
    /// mock.fail_next(Op::Any, odd).on_path("/apps/odd").until_lifted();
    /// assert_eq!(mock.client().app("odd").get().await?.name, "odd");
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// Panics if the fault can never hit the operation, such as an error frame for an operation without a stream.
    #[track_caller]
    pub fn fail_next(&self, op: Op, fault: Fault) -> FaultHandle {
        FaultHandle::set(&self.hub, op, fault)
    }

    /// Removes all faults.
    #[track_caller]
    pub fn lift_faults(&self) {
        self.hub.with(|inner| inner.faults.lift_all());
    }

    /// Waits until a condition on the cluster's [`state`](Self::state) holds, and checks it after every change. It has no
    /// time limit. If only the test moves the clock, move it first.
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

    /// Returns the state of the cluster, in the types of the client.
    pub fn state(&self) -> State {
        State::new(Arc::clone(&self.hub))
    }

    /// Returns the requests so far, including those that a fault hit. If there were more than
    /// [`Builder::request_memory`] allows, returns the newest ones.
    #[track_caller]
    pub fn requests(&self) -> Requests {
        self.hub.with(|inner| inner.recorder.all())
    }

    /// Forgets the requests so far.
    #[track_caller]
    pub fn clear_requests(&self) {
        self.hub.with(|inner| inner.recorder.clear());
    }

    /// Returns a `wiremock` server whose mocks answer first. The controller answers all other requests. The expectations
    /// of the mocks are checked when this mock is dropped.
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

    /// Waits until the mock has recorded `n` requests of an operation since the start or since
    /// [`clear_requests`](Self::clear_requests). There is no timeout, so set one.
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
        self.hub.recorded(|| self.hub.with(|inner| inner.recorder.count(op)) >= n).await;
    }

    /// Closes the port and all connections, and keeps the state. Clients cannot connect until
    /// [`restart`](Self::restart). Background work continues.
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

    /// Reopens the port after [`shut_down`](Self::shut_down).
    ///
    /// # Panics
    /// Panics if another program has taken the port.
    #[track_caller]
    pub fn restart(&self) {
        if let Err(why) = self.try_restart() {
            panic!("the mock controller does not restart: {why}");
        }
    }

    pub(crate) fn try_restart(&self) -> io::Result<()> {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        if serving.is_none() {
            *serving = Some(server::serve(self.addr, &self.hub)?.0);
        }
        Ok(())
    }

    /// Waits until every open stream has sent everything that is available now.
    pub async fn settled(&self) {
        self.hub.settled().await;
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

/// Returns an error about a name that does not exist, with those that do.
pub(crate) fn no_such<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    format!("there is no {what} {name:?}; the {what}s are: {}", known.join(", "))
}
