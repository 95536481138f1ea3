//! Installs a bought or renewed certificate: on the system apps' routes, as the pin of `.flynnrc`, and on the router.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;

use clap::Parser;
use flynn_examples::cli::{self, Arguments};
use flynn_examples::program;
use flynn_examples::step::Step;

/// Installs a certificate on a Flynn cluster: checks it, sets it on the routes of the system apps with the controller's
/// last, writes its pin into .flynnrc, and makes it the router's default.
///
/// Without options it runs on a mocked cluster.
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

#[tokio::main]
async fn main() -> ExitCode {
    program::main::<Options>(&Step::INSTALL_CERTIFICATE).await
}
