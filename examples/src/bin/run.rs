//! Runs a command in an app's environment, attached to this terminal.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use flynn_client::jobs::{AttachedInput, JobOutput, JobStream};
use flynn_examples::{cli, output};
use futures_util::TryStreamExt as _;
use tokio::io::{AsyncWriteExt as _, copy, stdin};

/// Runs a command in an app's environment, with your input, output and ^C. Exits with its status.
#[derive(Parser)]
#[command(name = "run")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The app
    app: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = options.connection.client().await?;
    let job = flynn.app(options.app.as_str()).jobs().run(options.command).release_env(true);
    let (mut output, input) = job.attached().await?.split();
    tokio::spawn(forward(input));
    while let Some(step) = output.try_next().await? {
        match step {
            JobOutput::Data { stream: JobStream::Stderr, data } => {
                std::io::stderr().write_all(&data)?
            }
            JobOutput::Data { data, .. } => output::write(&data)?,
            JobOutput::Exit { status } => return Ok(u8::try_from(status).unwrap_or(1).into()),
            _ => {}
        }
    }
    bail!("the job ended without an exit status")
}

/// Sends standard input and ^C to the job, which may end first.
async fn forward(mut input: AttachedInput) -> Result<()> {
    let mut stdin = stdin();
    loop {
        tokio::select! {
            copied = copy(&mut stdin, &mut input) => {
                copied?;
                return Ok(input.shutdown().await?);
            }
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                input.signal(2).await?;
            }
        }
    }
}
