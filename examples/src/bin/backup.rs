//! Backs a cluster up into a file.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use flynn_client::backup::BackupStatus;
use flynn_examples::{cli, output};
use futures_util::TryStreamExt as _;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

/// Backs a Flynn cluster up into a tar file, and checks that it is complete. Blobs in S3 are not part of it.
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

async fn run(options: Options) -> Result<ExitCode> {
    let flynn = options.connection.client().await?;
    let (name, part) = (options.file.display(), options.file.with_extension("part"));
    let mut tar = flynn.backup().tar().await?;
    let mut file = fs::File::create(&part).await.with_context(|| format!("cannot write {name}"))?;
    while let Some(bytes) = tar.try_next().await? {
        file.write_all(&bytes).await?;
    }
    file.sync_all().await?;
    // A backup that fails half-way ends like a complete one. The server's record tells.
    let record = flynn.backup().latest().await?;
    if record.status != BackupStatus::Complete || u64::try_from(record.size)? != tar.size() {
        fs::remove_file(&part).await?;
        bail!("the backup is not complete: {} {}", record.status, record.error);
    }
    fs::rename(&part, &options.file).await?;
    output::line(format_args!("{} bytes saved to {name}", tar.size()))?;
    Ok(ExitCode::SUCCESS)
}
