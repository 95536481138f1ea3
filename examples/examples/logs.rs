//! Prints the last lines of an app's log, then follows it across reconnects.
//!
//! `cargo run -p flynn-examples --example logs -- APP`

use anyhow::Context as _;
use flynn_client::logs::LogItem;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let app = std::env::args().nth(1).context("usage: logs APP")?;
    let log = flynn_examples::connect(None)?.app(app.as_str()).log();

    // `log.lines(10).await` returns the old lines alone. Dropping the watch closes its connection.
    let mut items = log.lines(10).watch();
    while let Some(item) = items.next().await {
        match item? {
            LogItem::Line(line) => println!("{line}"),
            // The server cannot resume a log: the last line was not among those that it still had.
            LogItem::Gap(_) => eprintln!("lines may be missing here"),
            _ => {}
        }
    }
    Ok(())
}
