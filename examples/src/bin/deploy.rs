//! Deploys an app from a CI job and waits until the release runs.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use flynn_client::deployments::DeploymentEvent;
use flynn_client::{Env, Pending};
use flynn_examples::{cli, output};

/// Deploys an app and waits until the new release runs. Everything that you do not name stays as it is.
#[derive(Parser)]
#[command(
    name = "deploy",
    after_help = "Exit status: 0 if the release runs, 1 if not; the old release then still runs."
)]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The app
    app: String,
    /// An artifact to run, instead of the current ones; may be repeated, the lowest layer first
    #[arg(long = "artifact", value_name = "ID")]
    artifacts: Vec<String>,
    /// A variable to set; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Wait for this deployment of an earlier run
    #[arg(long, value_name = "ID", conflicts_with_all = ["artifacts", "variables"])]
    resume: Option<String>,
    /// Give up waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Print the changes and deploy nothing
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = options.connection.client().await?;
    let timeout = Duration::from_secs(options.timeout);
    if let Some(id) = options.resume {
        let done = flynn.deployment(id).wait().timeout(timeout).await?;
        output::line(format_args!("release {} runs", done.new_release_id))?;
        return Ok(ExitCode::SUCCESS);
    }
    let variables = Env::from_lines(&options.variables.join("\n"))?;
    let mut change =
        flynn.app(options.app.as_str()).change_release().env(variables).after_running();
    if !options.artifacts.is_empty() {
        change = change.artifacts(options.artifacts);
    }
    if options.dry_run {
        output::line(change.preview().await?.diff)?;
        return Ok(ExitCode::SUCCESS);
    }
    let done =
        change.on_step(print).timeout(timeout).await.map_err(|error| match error.pending() {
            Some(Pending::Deployment { deployment, .. }) => {
                let resume = format!("wait for it with --resume {deployment}");
                anyhow::Error::new(error).context(resume)
            }
            _ => error.into(),
        })?;
    match done.release {
        Some(release) => output::line(format_args!("release {} runs", release.id))?,
        None => output::line("nothing to change")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(step: &DeploymentEvent) {
    // The outcome is printed at the end, so a lost progress line does not matter.
    let _ = output::line(format_args!("{} {} {}", step.status, step.job_type, step.job_state));
}
