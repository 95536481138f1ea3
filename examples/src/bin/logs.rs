//! Prints the log of an app, and follows it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use flynn_client::logs::{LogItem, LogLine};
use flynn_examples::text::printable;
use flynn_examples::{cli, output};

/// Prints the log of an app, oldest line first.
#[derive(Parser)]
#[command(name = "logs")]
struct Options {
    #[command(flatten)]
    target: cli::AppOptions,
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

async fn run(options: Options) -> Result<()> {
    let (_, app) = options.target.open().await?;
    let mut log = app.log().lines(options.lines);
    if let Some(process) = options.process {
        log = log.process_type(process);
    }
    let print = |line: LogLine| output::line(printable(&line.to_string()));
    if !options.follow {
        return log.await?.into_iter().try_for_each(print);
    }
    let mut log = log.watch();
    while let Some(item) = log.next().await {
        match item? {
            LogItem::Line(line) => print(line)?,
            _ => output::complain("logs", "the connection broke; lines may be missing here"),
        }
    }
    Ok(())
}
