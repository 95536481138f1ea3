//! Backs a cluster up into a file, and checks that nothing is missing.
//!
//! `cargo run -p flynn-examples --example backup -- FILE`

use anyhow::Context as _;
use tokio::fs::File;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("usage: backup FILE")?;
    let flynn = flynn_examples::connect(None)?;

    // A backup that fails after its first byte still ends well on the wire. `save` compares size and SHA-512 with the
    // server's record of this backup.
    let mut file = File::create(&path).await?;
    let show = |bytes| eprint!("\r{bytes} bytes");
    let saved = flynn.backup().save(&mut file).on_progress(show).await?;
    file.sync_all().await?;

    println!("{} bytes saved to {path}", saved.size);
    Ok(())
}
