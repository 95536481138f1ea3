//! Carries out the guide "Productionizing Flynn and hosting your root domain" on a cluster.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use flynn_examples::cli::{self, Arguments};
use flynn_examples::program;
use flynn_examples::step::Step;

/// Puts a Flynn cluster into production, step by step: domain, certificate, routes, pin, router, S3 blobstore, root
/// domain, git, DNS, status. Steps that already hold are skipped.
///
/// Without --cluster it runs on a mocked cluster, with a home folder and a certificate that it creates and removes.
/// A cluster of your own needs at least --cluster, --domain, --cert and --key.
#[derive(Parser)]
#[command(name = "productionize", after_help = cli::AFTER_HELP)]
#[command(mut_arg("domain", |arg| arg.help("The domain that the cluster will have")))]
struct Options {
    #[command(flatten)]
    install: cli::InstallOptions,
    #[command(flatten)]
    blobstore: cli::BlobstoreOptions,
    /// The app for the root domain; it is created if it does not exist [default: www]
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// The public address of every node, for the DNS plan
    #[arg(long = "node-ip", value_name = "IP", num_args = 1.., value_delimiter = ',')]
    nodes: Vec<IpAddr>,
    /// The folder for the IAM policy and the DNS plan [default: this folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl From<Options> for Arguments {
    fn from(options: Options) -> Self {
        let Options { install, blobstore, app, nodes, out } = options;
        Self { blobstore, app, nodes, out, ..install.into() }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program::main::<Options>(&Step::ALL).await
}
