//! The server: sockets, TLS, streams, upgrades, faults and the record of requests.

mod attach;
mod body;
pub(crate) mod clock;
mod connection;
mod exchange;
pub(crate) mod fault;
pub(crate) mod hub;
mod listener;
pub(crate) mod lock;
mod provider;
pub(crate) mod record;
pub(crate) mod requests;
pub(crate) mod runtime;
mod service;
mod tasks;
mod terminal;
mod tls;
#[cfg(feature = "wiremock")]
pub(crate) mod wiremock;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) use self::listener::Serving;
pub(crate) use self::tasks::Tasks;

use self::hub::Hub;
use self::tls::Identities;

/// Serves every host of a cluster on one port.
pub(crate) fn serve(address: SocketAddr, hub: &Arc<Hub>) -> io::Result<(Serving, SocketAddr)> {
    let (hub, identities) = (Arc::clone(hub), Arc::new(Identities::default()));
    Serving::start(address, move |socket, peer, tasks| {
        let (hub, identities) = (Arc::clone(&hub), Arc::clone(&identities));
        connection::serve(socket, peer.ip(), hub, identities, tasks.clone())
    })
}
