//! Removes the pin of a cluster that presents a publicly trusted certificate.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::Locations;
use flynn_examples::unpin::{Removed, remove_pin};
use flynn_examples::{cli, connect, output};
use flynn_tls::Roots;

/// Removes the TLSPin of a cluster from .flynnrc, and git's CA file for it from .gitconfig, so that a certificate which
/// is renewed does not lock you out.
///
/// Nothing is changed unless the controller proves that it has a certificate for its name that leads to one of
/// Mozilla's roots.
#[derive(Parser)]
#[command(name = "remove-pin")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(Options { connection }: Options) -> Result<()> {
    let locations = Locations::from_env().context("cannot find your home")?;
    let cluster = connect::cluster(&locations, connection.cluster.as_deref())?;
    let removed = remove_pin(locations, cluster, connection.connect_to, Roots::mozilla()).await?;
    let Removed { pin, git } = removed;
    match pin {
        Some(pin) => output::line(format_args!("the pin {pin} is removed from .flynnrc"))?,
        None => output::line("there is no pin in .flynnrc")?,
    }
    git.iter().try_for_each(|line| output::line(format_args!("changed .gitconfig: {line}")))
}
