//! Installs a bought or renewed certificate: on the router, on the system apps' routes, and as the pin of `.flynnrc`.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;

use clap::Parser;
use flynn_examples::cli::{self, Arguments};
use flynn_examples::program;
use flynn_examples::step::Step;

/// Installs a certificate on a Flynn cluster: checks it, sets it on the router and on the routes of the system apps,
/// the controller's last, and writes its pin into .flynnrc.
///
/// Without options it shows itself on a mocked cluster.
#[derive(Parser)]
#[command(name = "install-certificate", after_help = cli::AFTER_HELP)]
struct Options {
    #[command(flatten)]
    target: cli::Target,
    /// The domain that the certificate is for [default: the cluster's]
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    #[command(flatten)]
    certificate: cli::CertificateOptions,
}

impl From<Options> for Arguments {
    fn from(options: Options) -> Self {
        let Options { target, domain, certificate } = options;
        Self { target, domain, certificate, ..Self::default() }
    }
}

const STEPS: [Step; 5] = [Step::Connect, Step::Certificate, Step::Routes, Step::Pin, Step::Router];

#[tokio::main]
async fn main() -> ExitCode {
    program::main::<Options>(&STEPS).await
}
