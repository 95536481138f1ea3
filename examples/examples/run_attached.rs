//! Runs a command in an app's environment, with your input and output, and ends with its exit status.
//!
//! `echo hello | cargo run -p flynn-examples --example run_attached -- APP cat`

use anyhow::Context as _;
use tokio::io::{stderr, stdin, stdout};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let app = arguments.next().context("usage: run_attached APP COMMAND...")?;
    let jobs = flynn_examples::connect(None)?.app(app.as_str()).jobs();

    // Any `AsyncRead` and `AsyncWrite` will do. `split()` gives the streams to you instead.
    let job = jobs.run(arguments).release_env(true).attached().await?;
    let status = job.run(stdin(), stdout(), stderr()).await?;

    // tokio's thread for standard input may still wait for a line, so do not return.
    std::process::exit(status.code());
}
