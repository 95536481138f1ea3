//! From a `.flynnrc` to a client: where every program begins.

use flynn_client::{Client, ClientBuilder};
use flynn_config::login::{Auth, Tokens};
use flynn_config::{Cluster, FlynnRc, Locations};
use flynn_tls::{ClientTls, Pin, PinSet};

use anyhow::{Context as _, Result};

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
/// When there is no such file, cluster or token, or its pin is none. Nothing is sent yet.
pub fn connect(cluster: Option<&str>) -> Result<Client> {
    let locations = Locations::from_env().context("cannot find your home")?;
    open(&locations, cluster)?.build().context("cannot set up the client")
}

/// The same for the files of any home, with more to be set. Where the cluster has no pin, public certificates are
/// trusted; where it has no key, the token that `flynn login` left is sent.
///
/// # Errors
/// When there is no such file, cluster or token, or its pin is none.
pub fn open(locations: &Locations, cluster: Option<&str>) -> Result<ClientBuilder> {
    let cluster = self::cluster(locations, cluster)?;
    builder(trust(&cluster, None)?, &cluster, &locations.tokens())
}

/// A cluster of the `.flynnrc`: the one named, or `$FLYNN_CLUSTER`, or the default one.
///
/// # Errors
/// When there is no such file or cluster.
pub fn cluster(locations: &Locations, name: Option<&str>) -> Result<Cluster> {
    let rc = FlynnRc::load(locations.flynnrc()).context("cannot use .flynnrc")?;
    rc.select(name).cloned().context("cannot use .flynnrc")
}

/// The pin that a cluster of `.flynnrc` has, if it has one.
///
/// # Errors
/// When it is none.
pub fn pin(cluster: &Cluster) -> Result<Option<Pin>> {
    let what = || format!("cannot use the TLSPin of cluster {:?}", cluster.name());
    cluster.pin().map(|pin| pin.parse().context(what())).transpose()
}

/// Whom a client of a cluster trusts: its pin, and another one beside it; where it has none, public certificates.
///
/// # Errors
/// When its pin is none.
pub fn trust(cluster: &Cluster, beside: Option<Pin>) -> Result<ClientTls> {
    Ok(match pin(cluster)? {
        Some(pin) => ClientTls::pinned([pin].into_iter().chain(beside).collect::<PinSet>()),
        None => ClientTls::webpki(),
    })
}

/// A client of a cluster's controller over this TLS, with its key or a token, and more to be set.
///
/// # Errors
/// When TLS cannot be set up, or there is no token.
pub fn builder(tls: ClientTls, cluster: &Cluster, tokens: &Tokens) -> Result<ClientBuilder> {
    let url = cluster.controller_url();
    let mut builder = Client::builder(url);
    // Inside of a cluster its controller is reached without TLS. Where there is a pin, that is refused.
    let is_plain = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    if !(is_plain && cluster.tls_pin().is_empty()) {
        builder = builder.rustls_config(tls.config().context("cannot set up TLS")?);
    }
    Ok(match tokens.auth(cluster).context("cannot log in")? {
        Auth::Token(token) => builder.bearer_token(token.secret()),
        Auth::Key(key) => builder.key(&key),
    })
}
