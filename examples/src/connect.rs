//! From a `.flynnrc` to a client: where every program begins.

use flynn_client::{Client, ClientBuilder};
use flynn_config::{Cluster, FlynnRc};
use flynn_tls::{ClientTls, Pin, PinSet};

use crate::failure::{Context, Result};

/// Connects to a cluster of the default `.flynnrc`: the one named, or `$FLYNN_CLUSTER`, or the default one.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let flynn = flynn_examples::connect::connect(None)?;
/// for app in flynn.apps().list().await? {
///     println!("{} {}", app.id, app.name);
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// When there is no such file or cluster, or its pin is none. Nothing is sent yet.
pub fn connect(cluster: Option<&str>) -> Result<Client> {
    let rc = FlynnRc::load_default().context("cannot use .flynnrc")?;
    let cluster = rc.select(cluster).context("cannot use .flynnrc")?;
    let pin: Pin = cluster.tls_pin().parse().context("cannot use the TLSPin")?;
    builder(cluster, pin)?.build().context("cannot set up the client")
}

/// A client of a cluster's controller that trusts these pins alone, with more to be set.
///
/// # Errors
/// When TLS cannot be set up.
pub fn builder(cluster: &Cluster, pins: impl Into<PinSet>) -> Result<ClientBuilder> {
    let tls = ClientTls::pinned(pins).config().context("cannot set up TLS")?;
    Ok(Client::builder(cluster.controller_url()).key(cluster.key()).rustls_config(tls))
}
