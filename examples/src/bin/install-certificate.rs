//! Installs a bought or renewed certificate on a cluster, and lets its clients trust it.

use std::process::ExitCode;

use clap::Parser;
use flynn_examples::cli::{self, Arguments};
use flynn_examples::program;
use flynn_examples::step::Step;

/// Installs a certificate on a Flynn cluster: checks it, sets it on the routes of the system apps with the controller's
/// last, writes its pin into .flynnrc, makes it the router's default, and lets git trust it.
///
/// Without options it runs on a mocked cluster.
#[derive(Parser)]
#[command(name = "install-certificate", after_help = cli::AFTER_HELP)]
struct Options {
    #[command(flatten)]
    install: cli::InstallOptions,
}

impl From<Options> for Arguments {
    fn from(options: Options) -> Self {
        options.install.into()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program::main::<Options>(&Step::INSTALL_CERTIFICATE).await
}
