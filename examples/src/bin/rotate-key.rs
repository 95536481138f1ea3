//! Replaces the key of a cluster. Nobody is locked out at any point, and an interrupted run can be resumed.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use flynn_client::{Client, Env};
use flynn_config::login::Auth;
use flynn_config::{Error, FlynnRc, Locations};
use flynn_examples::blocking::blocking;
use flynn_examples::{cli, cluster, output};
use flynn_tls::rustls::crypto::ring::default_provider;
use secrecy::{ExposeSecret as _, SecretString};

/// Replaces the key of a Flynn cluster in the controller, in every app that has it, and in .flynnrc.
///
/// The controller accepts both keys until the new one is stored and used everywhere. Run it again if it fails: it
/// continues with the same new key.
#[derive(Parser)]
#[command(name = "rotate-key")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
}

const NAMES: [&str; 2] = ["AUTH_KEY", "CONTROLLER_KEY"];
const TIMEOUT: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = options.connection.client().await?;
    let locations = Locations::from_env()?;
    let settings = locations.client_settings(options.connection.cluster.as_deref())?;
    let Auth::Key(current) = settings.auth() else {
        bail!("you use a login, not the cluster's key")
    };
    let web = flynn.app("controller").env().of_process("web");

    // Both keys on the controller's web process show a rotation that has begun: new first, then old.
    let begun = web.get().await?.get("AUTH_KEY").cloned().unwrap_or_default();
    let (new, old) = match begun.split_once(',') {
        Some((new, old)) => (SecretString::from(new), SecretString::from(old)),
        None => (random_key()?, current.clone()),
    };
    if begun.is_empty() {
        let both = format!("{},{}", new.expose_secret(), old.expose_secret());
        web.set([("AUTH_KEY", both)]).after_running().timeout(TIMEOUT).await?;
        output::line("the controller accepts the old key and a new one")?;
    }
    // The new key is proved before it is stored, and stored before the old one goes.
    let flynn = flynn.with_key(&new)?;
    flynn.apps().list().await.context("the controller does not accept the new key")?;
    let (name, key) = (settings.cluster().name().to_owned(), new.clone());
    blocking(move || {
        FlynnRc::edit(locations.flynnrc(), |rc| rc.cluster_mut(&name)?.set_key(&key))
            .map_err(|error: Error| error)
            .context("cannot store the new key")
    })
    .await?;
    output::line("the new key is in .flynnrc")?;

    // The controller itself comes last.
    let apps = cluster::all_apps(&flynn).await?;
    let (controller, others): (Vec<_>, Vec<_>) =
        apps.into_iter().partition(|app| app.name == "controller");
    for app in others.into_iter().chain(controller) {
        replace(&flynn, &app.name, old.expose_secret(), new.expose_secret()).await?;
    }
    flynn.app("controller").env().of_process("web").unset(["AUTH_KEY"]).timeout(TIMEOUT).await?;
    output::line("the old key is gone; make git forget it with `git credential reject`")?;
    Ok(ExitCode::SUCCESS)
}

/// Replaces the key in the variables of an app that hold it, also in a list of keys.
async fn replace(flynn: &Client, app: &str, old: &str, new: &str) -> Result<()> {
    let env = flynn.app(app).env();
    let Some(has) = flynn.app(app).release_opt().await?.map(|release| release.env) else {
        return Ok(());
    };
    let renewed = |value: &String| {
        let keys: Vec<&str> =
            value.split(',').map(|key| if key == old { new } else { key }).collect();
        keys.join(",")
    };
    let changed: Env = NAMES
        .into_iter()
        .filter_map(|name| Some((name, has.get(name)?)))
        .map(|(name, value)| (name, (value, renewed(value))))
        .filter(|(_, (before, after))| *before != after)
        .map(|(name, (_, after))| (name, after))
        .collect();
    if !changed.is_empty() {
        let change = env.set(changed).after_running().timeout(TIMEOUT);
        change.await.with_context(|| format!("cannot change the key of {app}"))?;
        output::line(format_args!("{app} has the new key"))?;
    }
    Ok(())
}

/// 128 random bits, in hexadecimal digits like the key of a new cluster.
fn random_key() -> Result<SecretString> {
    let mut bytes = [0; 16];
    if default_provider().secure_random.fill(&mut bytes).is_err() {
        bail!("the system has no random numbers");
    }
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)).into())
}
