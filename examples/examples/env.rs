//! Sets and unsets variables of an app in one release and one deployment.
//!
//! `cargo run -p flynn-examples --example env -- APP`

use std::time::Duration;

use anyhow::Context as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let app = std::env::args().nth(1).context("usage: env APP")?;
    let env = flynn_examples::connect(None)?.app(app.as_str()).env();

    // Waits until the new release runs. All other variables stay as they are.
    let change = env.set([("GREETING", "hello"), ("LOG_LEVEL", "info")]).unset(["OLD_FLAG"]);
    let changed = change.timeout(Duration::from_secs(120)).await?;
    match changed.release {
        Some(release) => println!("release {} deployed", release.id),
        None => println!("nothing to change"),
    }

    // Values are secret: an `Env` shows only its names in `Debug`.
    println!("{:?}", env.get().await?);
    Ok(())
}
