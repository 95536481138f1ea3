//! Prints the log of an app, and follows it.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use flynn_client::logs::LogLine;
use flynn_examples::output::OutputLost;
use flynn_examples::text::printable;
use flynn_examples::{cli, output};
use futures_util::TryStreamExt as _;

/// Prints the log of an app, oldest line first.
#[derive(Parser)]
#[command(name = "logs")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The app
    app: String,
    /// Wait for new lines
    #[arg(short, long)]
    follow: bool,
    /// Start with this many old lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: u32,
    /// Only lines of this process type
    #[arg(long, value_name = "TYPE")]
    process: Option<String>,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = options.connection.client().await?;
    let mut log = flynn.app(options.app.as_str()).log().lines(options.lines);
    if let Some(process) = options.process {
        log = log.process_type(process);
    }
    if !options.follow {
        log.await?.iter().try_for_each(print)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = log.follow().await?;
    while let Some(line) = lines.try_next().await? {
        print(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(line: &LogLine) -> Result<(), OutputLost> {
    let time = line.timestamp.as_ref().map(ToString::to_string).unwrap_or_default();
    let text = format!("{time} {}[{}]: {}", line.process_type, line.job_id, line.msg);
    output::line(printable(&text))
}
