//! Moves a cluster to another domain, and updates `.flynnrc`, the CA file and `.gitconfig`.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;

use clap::Parser;
use flynn_examples::cli::{self, Arguments};
use flynn_examples::program;
use flynn_examples::step::Step;

/// Moves a Flynn cluster to another domain and waits until it has moved. Creates the routes that the server leaves out,
/// and updates .flynnrc, the CA file and .gitconfig.
///
/// Without options it runs on a mocked cluster.
#[derive(Parser)]
#[command(name = "migrate-domain", after_help = cli::AFTER_HELP)]
struct Options {
    #[command(flatten)]
    target: cli::Target,
    /// The domain that the cluster will have
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
}

impl From<Options> for Arguments {
    fn from(Options { target, domain }: Options) -> Self {
        Self { target, domain, ..Self::default() }
    }
}

const STEPS: [Step; 2] = [Step::Connect, Step::Domain];

#[tokio::main]
async fn main() -> ExitCode {
    program::main::<Options>(&STEPS).await
}
