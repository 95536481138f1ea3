//! The client.

use std::fmt;
use std::sync::Arc;

use crate::transport::Transport;

/// A client of one controller. Clones share connections.
///
/// | resource | method |
/// |---|---|
/// | one app | [`app`](Self::app): `flynn.app("www")`, by name or id |
/// | all apps | [`apps`](Self::apps) |
/// | releases and artifacts of all apps | [`releases`](Self::releases), [`artifacts`](Self::artifacts) |
/// | a deployment, by its id | [`deployment`](Self::deployment) |
/// | formations and running jobs of all apps | [`formations`](Self::formations), [`active_jobs`](Self::active_jobs) |
/// | events | [`events`](Self::events) |
/// | providers and their resources | [`providers`](Self::providers), [`provider`](Self::provider), [`resources`](Self::resources) |
/// | routes of all apps, one route | [`routes`](Self::routes), [`route`](Self::route) |
/// | a certificate for all routes of a domain | [`install_certificate`](Self::install_certificate) |
/// | volumes, log sinks | [`volumes`](Self::volumes), [`sinks`](Self::sinks) |
/// | the cluster's domain, key and backups | [`domain`](Self::domain), [`rotate_key`](Self::rotate_key), [`backup`](Self::backup) |
/// | status of the controller, CA certificate | [`status`](Self::status), [`ping`](Self::ping), [`ca_certificate`](Self::ca_certificate) |
/// | status of the cluster | [`status_client`](Self::status_client) |
/// | an operation that an earlier call left unfinished | [`resume`](Self::resume), [`app_deletion`](Self::app_deletion) |
/// | ACME, managed certificates, hosts (the fork) | [`acme`](Self::acme), [`managed_certificates`](Self::managed_certificates), [`hosts`](Self::hosts) |
/// | users, personal tokens, the caller (the fork) | [`users`](Self::users), [`personal_tokens`](Self::personal_tokens), [`whoami`](Self::whoami) |
/// | an account's collaborators, the router's metrics (the fork) | [`account_collaborators`](Self::account_collaborators), [`router_metrics`](Self::router_metrics) |
/// | features of the server | [`capabilities`](Self::capabilities) |
/// | any other call | [`request`](Self::request) |
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport: Arc::new(transport) }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Returns the controller's URL, without a trailing slash.
    pub fn url(&self) -> &str {
        self.transport.base.as_str().trim_end_matches('/')
    }

    /// Returns the host in the controller's URL: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        self.transport.base.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Returns the port that the client connects to: the port in the URL, otherwise 443 for `https` and 80 for `http`.
    pub fn port(&self) -> u16 {
        self.transport.base.port_or_known_default().unwrap_or_default()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).finish_non_exhaustive()
    }
}
