//! Installs a renewed certificate on a cluster: all routes of its domain, the router, and the pin in `~/.flynnrc`.
//!
//! `cargo run -p flynn-examples --example install_certificate -- chain.pem key.pem [IP:PORT]`
//! Check the certificate before: see `check_certificate`.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use flynn_client::Client;
use flynn_client::certificates::Question;
use flynn_config::login::Auth;
use flynn_config::{FlynnRc, Locations, read_file};
use flynn_tls::{Bundle, ClientTls, Pin, PrivateKey, Probe};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let chain = Bundle::from_pem(read_file(arguments.next().context("no chain.pem")?)?)?;
    let key = PrivateKey::from_pem(read_file(arguments.next().context("no key.pem")?)?)?;
    let address = arguments.next().map(|address| address.parse::<SocketAddr>()).transpose()?;

    // The client trusts both certificates, because the controller changes from one to the other.
    let locations = Locations::from_env()?;
    let settings = locations.client_settings(None)?;
    let Auth::Key(cluster_key) = settings.auth() else { bail!("this needs the cluster's key") };
    let (old, new): (Pin, Pin) = (settings.pin().context("no pin")?.parse()?, chain.leaf().pin());
    let flynn = Client::builder(settings.controller_url())
        .key(cluster_key)
        .rustls_config(ClientTls::pinned([old, new]).config()?)
        .build()?;

    let domain = flynn.domain().get().await?;
    let install = flynn.install_certificate(&domain, chain.to_pem(), key.secret_pem());
    let plan = install.plan().await?; // nothing has changed yet
    let port = flynn.port();
    plan.apply(move |question| async move {
        match question {
            // If a host does not present it within 30 seconds, the old certificates are restored.
            Question::IsLive { host } => {
                let probe = Probe::new(&host, port);
                let probe = address.into_iter().fold(probe, Probe::connect_to);
                Ok(probe.run().await?.pin() == new)
            }
            Question::IsTrusted => Ok(true), // by its pin
            _ => Ok(false),
        }
    })
    .on_step(|place| println!("{place}"))
    .await?;

    FlynnRc::edit(locations.flynnrc(), |rc| {
        rc.cluster_mut(settings.cluster().name())?.set_tls_pin(&new.to_string())
    })
    .map_err(|error: flynn_config::Error| error)?;
    println!("the pin is now {new}");
    Ok(())
}
