//! Prints the last lines of an app's log, then follows it.
//!
//! `cargo run -p flynn-examples --example logs -- APP`

use anyhow::Context as _;
use futures_util::TryStreamExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let app = std::env::args().nth(1).context("usage: logs APP")?;
    let log = flynn_examples::connect(None)?.app(app.as_str()).log();

    for line in log.clone().lines(10).await? {
        println!("{} {}: {}", line.process_type, line.stream, line.msg);
    }

    // Dropping the stream closes its connection.
    let mut lines = log.lines(0).follow().await?;
    while let Some(line) = lines.try_next().await? {
        println!("{} {}: {}", line.process_type, line.stream, line.msg);
    }
    Ok(())
}
