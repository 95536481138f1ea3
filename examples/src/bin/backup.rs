//! Backs up a cluster into a file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_examples::{cli, output};
use tokio::fs;

/// Backs up a Flynn cluster into a tar file, and checks that the backup is complete. Blobs in S3 are not included.
#[derive(Parser)]
#[command(name = "backup")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The file to write; it is replaced when the backup is complete
    file: PathBuf,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<()> {
    let flynn = options.connection.client().await?;
    let (name, part) = (options.file.display(), options.file.with_extension("part"));
    let mut file = fs::File::create(&part).await.with_context(|| format!("cannot write {name}"))?;
    let saved = flynn.backup().save(&mut file).await.context("the backup is not complete")?;
    file.sync_all().await?;
    fs::rename(&part, &options.file).await?;
    let checked = if saved.is_verified() { "verified" } else { "not in the server's records" };
    output::line(format_args!("{} bytes saved to {name}, {checked}", saved.size))
}
