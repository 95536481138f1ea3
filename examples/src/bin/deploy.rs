//! Deploys an app from a CI job and waits until the release runs.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use flynn_client::Env;
use flynn_examples::{cli, output};

/// Deploys an app and waits until the new release runs. Everything that no option names keeps its value.
///
/// Exit status: 0 if the release runs, 1 if it does not; the old release then still runs.
#[derive(Parser)]
#[command(name = "deploy")]
struct Options {
    #[command(flatten)]
    target: cli::AppOptions,
    /// An artifact to run, instead of the current ones; may be repeated, the lowest layer first
    #[arg(long = "artifact", value_name = "ID")]
    artifacts: Vec<String>,
    /// A variable to set; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Wait for this deployment of an earlier run
    #[arg(long, value_name = "ID", conflicts_with_all = ["artifacts", "variables", "dry_run"])]
    resume: Option<String>,
    #[command(flatten)]
    change: cli::ChangeOptions,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<()> {
    let (flynn, app) = options.target.open().await?;
    let timeout = options.change.timeout();
    if let Some(id) = options.resume {
        let done = flynn.deployment(id).wait().timeout(timeout).await?;
        return output::line(format_args!("release {} runs", done.new_release_id));
    }
    let variables = Env::from_arguments(&options.variables)?;
    let mut change = app.change_release().env(variables).after_running();
    if !options.artifacts.is_empty() {
        change = change.artifacts(options.artifacts);
    }
    if options.change.dry_run {
        return output::line(change.preview().await?.diff);
    }
    // The outcome is printed at the end, so a lost progress line does not matter.
    let change = change.on_step(|step| drop(output::line(step)));
    output::line(change.timeout(timeout).await?)
}
