//! Connects to any cluster in `.flynnrc`, with or without a pin, with a key or a login.
//!
//! `cargo run -p flynn-examples --example connect -- [CLUSTER]`

use flynn_client::Client;
use flynn_config::login::Auth;
use flynn_config::{Locations, read_file};
use flynn_tls::{ClientTls, Pin};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The named cluster, or $FLYNN_CLUSTER, or the default cluster of ~/.flynnrc.
    let name = std::env::args().nth(1);
    let settings = Locations::from_env()?.client_settings(name.as_deref())?;
    let mut builder = Client::builder(settings.controller_url());
    if let Some(pin) = settings.pin() {
        // Trust this certificate only. Without a pin, public authorities are trusted.
        builder = builder.rustls_config(ClientTls::pinned(pin.parse::<Pin>()?).config()?);
    }
    let flynn = match settings.auth() {
        Auth::Key(key) => builder.key(key),
        Auth::Token(token) => builder.bearer_token(token.secret()), // of `flynn login`
    }
    .build()?;

    for app in flynn.apps().list().await? {
        println!("{} {}", app.id, app.name);
    }

    // The status app has another certificate, the router's, and another key.
    let tls = match settings.ca_file() {
        Some(file) => ClientTls::private_ca(read_file(file)?)?, // the cluster's own CA
        None => ClientTls::webpki(),
    };
    let key = flynn.app("status").env().get().await?.remove("AUTH_KEY").unwrap_or_default();
    let status = flynn.status_client(key)?.rustls_config(tls.config()?).build_status()?;
    println!("the cluster is {}", status.status().await?.status);
    Ok(())
}
