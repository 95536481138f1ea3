//! Runs a command in an app's environment, attached to this terminal.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use flynn_client::jobs::Control;
use flynn_examples::cli;
use futures_util::stream::unfold;
use tokio::io::{stderr, stdin, stdout};
use tokio::signal::ctrl_c;

/// Runs a command in an app's environment, with your input, output and ^C. Exits with its status.
#[derive(Parser)]
#[command(name = "run")]
struct Options {
    #[command(flatten)]
    target: cli::AppOptions,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let (_, app) = options.target.open().await?;
    let job = app.jobs().run(options.command).release_env(true).attached().await?;
    let interrupts = unfold((), async |()| ctrl_c().await.ok().map(|()| (Control::Signal(2), ())));
    Ok(job.run(stdin(), stdout(), stderr()).controls(interrupts).await?.into())
}
