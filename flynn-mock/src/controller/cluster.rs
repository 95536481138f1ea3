//! Changes the cluster without a request.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use super::{MockController, no_such};
use crate::api::status::SERVICES;
use crate::life::{Token, Verdict};
use crate::store::NextId;

impl MockController {
    /// Makes the status app report this version of a service (default: `dev`). Use `None` for a service that cannot be
    /// reached.
    ///
    /// # Panics
    /// Panics if the status app does not check the service.
    #[track_caller]
    pub fn set_service_version(&self, service: &str, version: Option<&str>) {
        fail_on(is_checked(service));
        self.hub.with(|inner| inner.engine.set_service_version(service, version));
    }

    /// Writes a line to the log of an app, as if its newest running job had written it.
    ///
    /// # Panics
    /// Panics if the app does not exist.
    #[track_caller]
    pub fn log(&self, app: &str, line: &str) {
        assert!(self.try_log(app, line), "the mock has no app {app:?}");
    }

    /// Like [`log`](Self::log), but returns false if the app does not exist.
    #[track_caller]
    pub(crate) fn try_log(&self, app: &str, line: &str) -> bool {
        self.hub.with(|inner| inner.engine.write_log(app, line))
    }

    /// Ends every open stream with an error frame, as a controller does when it shuts down.
    #[track_caller]
    pub fn end_streams(&self) {
        self.hub.with(|inner| inner.engine.end_streams("controller: shutting down"));
    }

    /// Sets the ids of objects that the mock will create, so that answers can be compared with a golden file. The ids
    /// are used in this order, each for the first object that it fits. The mock generates the ids of all other objects,
    /// except those that the client chooses: `flynn-client` sends the id of a new app.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_client::providers::NewProvider;
    /// use flynn_mock::{MockController, NextId};
    ///
    /// let mock = MockController::builder().start().await;
    /// let id = "0d1f4a0e-6a5c-4ed0-9a0e-0c1f1d2b3a4c";
    /// let time = "2026-01-02T03:04:05Z".parse().unwrap();
    /// mock.next_ids([NextId::new("provider", id).like("name", "search").created_at(time)]);
    /// let providers = mock.client().providers();
    /// let other = providers.create(NewProvider::new("mail", "http://mail.discoverd")).await?;
    /// let search = providers.create(NewProvider::new("search", "http://search.discoverd")).await?;
    /// assert_ne!(other.id.as_str(), id);
    /// assert_eq!(search.id.as_str(), id);
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn next_ids(&self, ids: impl IntoIterator<Item = NextId>) {
        self.hub.with(|inner| inner.engine.hand_ids(ids));
    }

    /// Issues an access token of the fork, and returns its text. Releases before the fork refuse every token.
    #[track_caller]
    pub fn issue_token(&self, token: Token) -> String {
        self.hub.with(|inner| inner.engine.issue_token(token))
    }

    /// Issues or renews the managed certificate of this name. The routes with the name present it at once.
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
    /// Returns `None` if the name was not requested.
    ///
    /// # Panics
    /// Panics if no certificate can be created for the name.
    #[track_caller]
    pub fn issue_certificate(&self, name: &str) -> Option<()> {
        let leaf = match flynn_tls::generate::bootstrap(name) {
            Ok(made) => made.leaf,
            Err(e) => panic!("no certificate for {name}: {e}"),
        };
        self.issue_certificate_pem(name, &leaf.certificate_pem(), &leaf.key_pem())
    }

    /// Makes the authority issue this certificate (PEM, leaf first) with this key for the managed certificate of the
    /// name, for example one of a CA that your program trusts. Returns `None` if the name was not requested.
    #[track_caller]
    pub fn issue_certificate_pem(&self, name: &str, cert: &str, key: &str) -> Option<()> {
        let verdict = Verdict::Issued { cert: cert.to_owned(), key: key.to_owned() };
        self.hub.with(|inner| inner.engine.answer_order(name, verdict))
    }

    /// Fails the managed certificate of this name, as an ACME server does. A certificate that was to be renewed is kept.
    /// In September 2026, `last_error` has the reason; before, only the event has it. Returns `None` if the name was not
    /// requested.
    #[track_caller]
    pub fn refuse_certificate(&self, name: &str, why: &str) -> Option<()> {
        let verdict = Verdict::Refused(why.to_owned());
        self.hub.with(|inner| inner.engine.answer_order(name, verdict))
    }

    /// Sets whether a host, such as `host2`, answers the controller.
    ///
    /// # Panics
    /// Panics if the cluster has no such host.
    #[track_caller]
    pub fn set_host_reachable(&self, host: &str, reachable: bool) {
        fail_on(self.try_set_host_reachable(host, reachable));
    }

    /// Like [`set_host_reachable`](Self::set_host_reachable), but fails if the cluster has no such host.
    #[track_caller]
    pub(crate) fn try_set_host_reachable(&self, host: &str, reachable: bool) -> Result<(), String> {
        self.hub.with(|inner| {
            let hosts = &inner.engine.options.hosts;
            if !hosts.iter().any(|known| known == host) {
                return Err(no_such("host", host, hosts.iter().map(String::as_str)));
            }
            inner.engine.set_host_reachable(host, reachable);
            Ok(())
        })
    }

    /// Sets whether the controller answers every request with 503 `service_unavailable`, as it does while it shuts
    /// down.
    #[track_caller]
    pub fn set_shutting_down(&self, on: bool) {
        self.hub.with(|inner| inner.engine.set_shutting_down(on));
    }

    /// Sets whether the status app reports a service, such as `postgres`, as healthy.
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
    ///
    /// # Panics
    /// Panics if the status app does not check the service.
    #[track_caller]
    pub fn set_healthy(&self, service: &str, healthy: bool) {
        fail_on(self.try_set_healthy(service, healthy));
    }

    /// Like [`set_healthy`](Self::set_healthy), but fails if the status app does not check the service.
    #[track_caller]
    pub(crate) fn try_set_healthy(&self, service: &str, healthy: bool) -> Result<(), String> {
        is_checked(service)?;
        self.hub.with(|inner| inner.engine.set_healthy(service, healthy));
        Ok(())
    }
}

#[track_caller]
fn fail_on(set: Result<(), String>) {
    if let Err(why) = set {
        panic!("{why}");
    }
}

fn is_checked(service: &str) -> Result<(), String> {
    let known = SERVICES.contains(&service);
    if known { Ok(()) } else { Err(no_such("service", service, SERVICES)) }
}
