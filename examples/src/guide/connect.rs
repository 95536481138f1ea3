//! Creates clients from a `.flynnrc`.

use std::net::SocketAddr;

use flynn_client::{Client, ClientBuilder};
use flynn_config::login::{Auth, Tokens};
use flynn_config::{Cluster, ClusterEdit, Error, FlynnRc, Locations};
use flynn_tls::{ClientTls, Pin, PinSet};

use anyhow::{Context as _, Result};

use crate::blocking::blocking;
use crate::reach::Reach;

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
/// Fails if the file, the cluster or its token is missing, or if its pin is not valid. Nothing is sent yet.
pub fn connect(cluster: Option<&str>) -> Result<Client> {
    let locations = Locations::from_env().context("cannot find your home")?;
    open(&locations, cluster)?.build().context("cannot set up the client")
}

/// Returns the builder of a client for a cluster in any home directory. Trusts public authorities if the cluster has no
/// pin, and sends the token of `flynn login` if it has no key.
///
/// # Errors
/// Fails if the file, the cluster or its token is missing, or if its pin is not valid.
pub fn open(locations: &Locations, cluster: Option<&str>) -> Result<ClientBuilder> {
    let cluster = self::cluster(locations, cluster)?;
    builder(trust(&cluster, None)?, &cluster, &locations.tokens())
}

/// A cluster of the `.flynnrc`, and the ways to reach it.
#[derive(Debug)]
pub struct Connected {
    /// The user's files.
    pub locations: Locations,
    /// The entry of `.flynnrc`.
    pub cluster: Cluster,
    /// The connections to its hosts.
    pub reach: Reach,
    /// The client of its controller.
    pub client: Client,
}

impl Connected {
    /// Sets up the client of a cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// Fails if the cluster's URL or pin is not valid, or if it has neither a key nor a token.
    pub fn new(
        locations: Locations,
        cluster: Cluster,
        connect_to: Option<SocketAddr>,
    ) -> Result<Self> {
        let reach = Reach::of(&cluster, &locations, connect_to)?;
        let client = reach.client(&cluster, trust(&cluster, None)?)?;
        Ok(Self { locations, cluster, reach, client })
    }
}

/// Returns a cluster of the `.flynnrc`: the one named, or `$FLYNN_CLUSTER`, or the default one.
///
/// # Errors
/// Fails if the file or the cluster is missing.
pub fn cluster(locations: &Locations, name: Option<&str>) -> Result<Cluster> {
    Ok(FlynnRc::load(locations.flynnrc())?.select(name)?.clone())
}

/// Changes a cluster of the `.flynnrc`.
///
/// # Errors
/// Fails if there is no such cluster, or if the file cannot be written.
pub async fn edit(
    locations: Locations,
    name: String,
    change: impl FnOnce(&mut ClusterEdit<'_>) -> Result<(), Error> + Send + 'static,
) -> Result<()> {
    blocking(move || {
        FlynnRc::edit(locations.flynnrc(), |rc| change(&mut rc.cluster_mut(&name)?))
            .with_context(|| format!("cannot change cluster {name:?} in .flynnrc"))
    })
    .await
}

/// Returns the pin of a cluster of `.flynnrc`, if it has one.
///
/// # Errors
/// Fails if the pin is not valid.
pub fn pin(cluster: &Cluster) -> Result<Option<Pin>> {
    let what = || format!("cannot use the TLSPin of cluster {:?}", cluster.name());
    cluster.pin().map(|pin| pin.parse().context(what())).transpose()
}

/// Returns TLS settings that trust the cluster's pin and a second one; public authorities if the cluster has no pin.
///
/// # Errors
/// Fails if its pin is not valid.
pub fn trust(cluster: &Cluster, beside: Option<Pin>) -> Result<ClientTls> {
    Ok(match pin(cluster)? {
        Some(pin) => ClientTls::pinned([pin].into_iter().chain(beside).collect::<PinSet>()),
        None => ClientTls::webpki(),
    })
}

/// Returns the builder of a client for a cluster's controller, with these TLS settings and its key or token.
///
/// # Errors
/// Fails if TLS cannot be set up, or if there is neither a key nor a token.
pub fn builder(tls: ClientTls, cluster: &Cluster, tokens: &Tokens) -> Result<ClientBuilder> {
    let url = cluster.controller_url();
    let mut builder = Client::builder(url);
    // Inside a cluster, the controller is reached without TLS. With a pin, the client refuses that.
    let is_plain = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    if !(is_plain && cluster.tls_pin().is_empty()) {
        builder = builder.rustls_config(tls.config().context("cannot set up TLS")?);
    }
    Ok(match tokens.auth(cluster).context("cannot log in")? {
        Auth::Token(token) => builder.bearer_token(token.secret()),
        Auth::Key(key) => builder.key(&key),
    })
}
