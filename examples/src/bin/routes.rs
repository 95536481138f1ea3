//! All routes of a cluster, as the original command line prints those of one app.

use std::ffi::OsString;
use std::process::ExitCode;

use flynn_examples::blocking::blocking;
use flynn_examples::connect::connect;
use flynn_examples::failure::{Context, Result};
use flynn_examples::output;
use flynn_examples::route_table;
use lexopt::prelude::*;

const HELP: &str = "\
Prints all routes of a Flynn cluster, as `flynn route` prints those of one app.

usage: routes [--cluster NAME]

  --cluster NAME  a cluster of your ~/.flynnrc (default: $FLYNN_CLUSTER, then the default one)
";

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("routes: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: impl Iterator<Item = OsString>) -> Result<()> {
    let cluster = match parse(line).context("cannot understand the command line (see --help)")? {
        Wish::Help => {
            return output::line(HELP.trim_end()).context("cannot write");
        }
        Wish::Routes { cluster } => cluster,
    };
    let flynn = blocking(move || connect(cluster.as_deref())).await?;
    let routes = flynn.routes().list().await.context("cannot list the routes")?;
    for line in route_table::lines(&routes) {
        output::line(line).context("cannot write")?;
    }
    Ok(())
}

enum Wish {
    Help,
    Routes { cluster: Option<String> },
}

fn parse(line: impl Iterator<Item = OsString>) -> Result<Wish, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(line);
    let mut cluster = None;
    while let Some(option) = parser.next()? {
        match option {
            Short('h') | Long("help") => return Ok(Wish::Help),
            Long("cluster") => cluster = Some(parser.value()?.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Wish::Routes { cluster })
}
