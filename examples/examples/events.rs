//! Watches the jobs of an app. The watch reconnects and resumes, so every event arrives exactly once.
//!
//! `cargo run -p flynn-examples --example events -- APP`

use anyhow::Context as _;
use flynn_client::events::EventType;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let app = std::env::args().nth(1).context("usage: events APP")?;
    let flynn = flynn_examples::connect(None)?;

    // `past` starts with the events so far. An error ends the watch only if retrying cannot help.
    let app = flynn.app(app.as_str()).get().await?;
    let mut events = flynn.events().of_app(app.id).object_types([EventType::Job]).past().watch();
    while let Some(event) = events.next().await {
        let event = event?;
        let job = event.job()?;
        println!("{} {} {}", event.id, job.process_type, job.state);
    }
    Ok(())
}
