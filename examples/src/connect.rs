//! From a `.flynnrc` to a client: where every program begins.

use flynn_client::Client;
use flynn_config::FlynnRc;
use flynn_tls::{ClientTls, Pin};

use crate::failure::{Context, Result};

/// Connects to a cluster of the default `.flynnrc`: the one named, or `$FLYNN_CLUSTER`, or the default one.
///
/// # Errors
/// When there is no such file or cluster, or its pin is none. Nothing is sent yet.
pub fn connect(cluster: Option<&str>) -> Result<Client> {
    let rc = FlynnRc::load_default().context("cannot read .flynnrc")?;
    let cluster = rc.select(cluster).context("cannot choose a cluster")?;
    let pin: Pin = cluster.tls_pin().parse().context("cannot use the TLSPin")?;
    let tls = ClientTls::pinned(pin).config().context("cannot set up TLS")?;
    Client::builder(cluster.controller_url())
        .key(cluster.key())
        .rustls_config(tls)
        .build()
        .context("cannot set up the client")
}
