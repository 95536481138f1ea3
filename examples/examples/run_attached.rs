//! Runs a command in an app's environment, with your input, and exits with its status.
//!
//! `echo hello | cargo run -p flynn-examples --example run_attached -- APP cat`

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use flynn_client::jobs::{JobOutput, JobStream};
use futures_util::TryStreamExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let app = arguments.next().context("usage: run_attached APP COMMAND...")?;
    let jobs = flynn_examples::connect(None)?.app(app.as_str()).jobs();

    let (mut output, mut input) = jobs.run(arguments).release_env(true).attached().await?.split();
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    input.write(&text[..]).await?;
    input.close().await?; // the job reads the end of its input

    let mut status = ExitCode::FAILURE; // a job that is lost has no status
    while let Some(step) = output.try_next().await? {
        match step {
            JobOutput::Data { stream: JobStream::Stderr, data } => {
                std::io::stderr().write_all(&data)?;
            }
            JobOutput::Data { data, .. } => std::io::stdout().write_all(&data)?,
            JobOutput::Exit { status: code } => {
                status = u8::try_from(code).map_or(ExitCode::FAILURE, Into::into);
            }
            _ => {}
        }
    }
    Ok(status)
}
