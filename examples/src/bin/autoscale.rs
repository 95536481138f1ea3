//! Scales a process type of an app by a load that another program measures.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_examples::{cli, output};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

/// Scales a process type of an app. Reads the load from standard input, one number per line.
///
/// while sleep 30; do queue-length; done | autoscale worker worker --per 100 --max 20
#[derive(Parser)]
#[command(name = "autoscale")]
struct Options {
    #[command(flatten)]
    target: cli::AppOptions,
    /// The process type
    process: String,
    /// The load that one process handles
    #[arg(long, value_name = "LOAD", value_parser = clap::value_parser!(u32).range(1..))]
    per: u32,
    /// Keep at least this many processes
    #[arg(long, value_name = "N", default_value_t = 1)]
    min: u32,
    /// Start at most this many processes
    #[arg(long, value_name = "N")]
    max: u32,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<()> {
    let (_, app) = options.target.open().await?;
    let process = options.process.as_str();
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let load: Option<u32> = line.trim().parse().ok();
        let load = load.with_context(|| format!("{line:?} is not a whole number"))?;
        let wanted = i64::from(load.div_ceil(options.per).min(options.max).max(options.min));
        let formation = app.formations().current().await?;
        let running = formation.processes.get(process).copied().unwrap_or_default();
        let next = wanted.max(running - 1); // up at once, but down one by one
        if next != running {
            let scaled = app.scale([(process, next)]).await?;
            scaled.wait().timeout(Duration::from_secs(300)).await?;
            output::line(format_args!("load {load}: {running} -> {next} {process}"))?;
        }
    }
    Ok(())
}
