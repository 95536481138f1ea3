//! Clients of a mock, and its certificates.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use flynn_client::{Client, ClientBuilder, StatusClient};
use flynn_tls::{ClientTls, Pin};

use super::MockController;
use crate::calls;
use crate::wire::Request;

impl MockController {
    /// Returns the pin of the certificate that `controller.DOMAIN` currently presents.
    ///
    /// # Panics
    /// Panics if the controller has no route, or its certificate does not parse.
    #[track_caller]
    pub fn pin(&self) -> Pin {
        self.pin_of(&format!("controller.{}", self.domain()))
    }

    /// Returns the [`pin`](Self::pin), if there is one.
    #[cfg(feature = "controller")]
    pub(crate) fn try_pin(&self) -> Option<Pin> {
        let name = format!("controller.{}", self.domain());
        let identity = self.hub.with(|inner| inner.engine.certificate(Some(&name)));
        Pin::from_pem(&identity?.0).ok()
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

    /// Returns the certificate of the cluster's own CA, as `GET /ca-cert` does.
    #[track_caller]
    pub fn ca_pem(&self) -> String {
        let answer = self.hub.with(|inner| {
            calls::handle(&mut inner.engine, &Request::new(http::Method::GET, "/ca-cert"))
        });
        String::from_utf8_lossy(answer.bytes()).into_owned()
    }

    /// Returns a client of this controller with its current key and pin. Get a new one after the key has been rotated
    /// or the certificate replaced.
    ///
    /// # Panics
    /// Panics if [`pin`](Self::pin) panics.
    #[track_caller]
    pub fn client(&self) -> Client {
        match self.client_builder().build() {
            Ok(client) => client,
            Err(e) => panic!("the mock's client does not build: {e}"),
        }
    }

    /// Returns the builder of [`client`](Self::client), to change its settings. It connects to the controller; for the
    /// status app, use [`status_client`](Self::status_client).
    ///
    /// # Panics
    /// Panics if [`pin`](Self::pin) panics.
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

    /// Returns a client of the cluster's status app, which needs no key from this machine.
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
    /// Panics if the status app has no route, or its certificate does not parse.
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

    /// Makes a client connect to this host of the cluster, with its pin.
    #[track_caller]
    fn pinned(&self, builder: ClientBuilder, name: &str) -> ClientBuilder {
        match ClientTls::pinned(self.pin_of(name)).config() {
            Ok(tls) => builder.resolve(name, self.addr).rustls_config(tls),
            Err(e) => panic!("no TLS for the mock's client: {e}"),
        }
    }
}
