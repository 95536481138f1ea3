//! All routes of a cluster, as the original command line prints those of one app.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::Locations;
use flynn_examples::blocking::blocking;
use flynn_examples::cli::{self, WrongCall};
use flynn_examples::connect;
use flynn_examples::reach::Reach;
use flynn_examples::{output, route_table};

/// Prints all routes of a Flynn cluster, as `flynn route` prints those of one app.
#[derive(Parser)]
#[command(name = "routes")]
struct Options {
    /// A cluster of your ~/.flynnrc [default: $FLYNN_CLUSTER, then the default cluster]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Reach the controller at this IP:PORT instead of asking DNS
    #[arg(long, value_name = "IP:PORT")]
    connect_to: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match cli::parse(WrongCall::OneLine) {
        Ok(options) => output::exit("routes", run(options).await),
        Err(status) => status,
    }
}

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = blocking(move || {
        let locations = Locations::from_env().context("cannot find your home")?;
        let cluster = connect::cluster(&locations, options.cluster.as_deref())?;
        let reach = Reach::of(&cluster, &locations, options.connect_to)?;
        reach.client(&cluster, connect::trust(&cluster, None)?)
    });
    let routes = flynn.await?.routes().list().await.context("cannot list the routes")?;
    for line in route_table::lines(&routes) {
        output::line(line)?;
    }
    Ok(ExitCode::SUCCESS)
}
