//! Backs a cluster up into a file, and checks that nothing is missing.
//!
//! `cargo run -p flynn-examples --example backup -- FILE`

use anyhow::{Context as _, bail};
use flynn_client::backup::BackupStatus;
use futures_util::TryStreamExt as _;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("usage: backup FILE")?;
    let flynn = flynn_examples::connect(None)?;

    let mut tar = flynn.backup().tar().await?;
    let mut file = File::create(&path).await?;
    while let Some(bytes) = tar.try_next().await? {
        file.write_all(&bytes).await?;
    }
    file.sync_all().await?;

    // A backup that fails after its first byte still ends like a complete one. Only the server's record tells them
    // apart.
    let record = flynn.backup().latest().await?;
    if record.status != BackupStatus::Complete || u64::try_from(record.size)? != tar.size() {
        bail!("{path} is not a complete backup: {}", record.error);
    }
    println!("{} bytes saved to {path}", tar.size());
    Ok(())
}
