//! Lists all routes of a cluster as `flynn route` lists those of one app.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_examples::{cli, output, route_table};

/// Lists all routes of a Flynn cluster, as `flynn route` lists those of one app.
#[derive(Parser)]
#[command(name = "routes")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = options.connection.client().await?;
    let routes = flynn.routes().list().await.context("cannot list the routes")?;
    for line in route_table::lines(&routes) {
        output::line(line)?;
    }
    Ok(ExitCode::SUCCESS)
}
