//! Deploys a release and waits until it runs. A deployment that takes too long is not lost: resume it by its id.
//!
//! `cargo run -p flynn-examples --example deploy -- APP RELEASE`

use std::time::Duration;

use anyhow::Context as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let app = arguments.next().context("usage: deploy APP RELEASE")?;
    let release = arguments.next().context("usage: deploy APP RELEASE")?;
    let flynn = flynn_examples::connect(None)?;

    let deployment = flynn.app(app.as_str()).deploy(release.as_str()).await?; // accepted
    match deployment.wait().timeout(Duration::from_secs(120)).await {
        Ok(done) => println!("release {} runs", done.new_release_id),
        // flynn.deployment(id).wait() continues, also in another process.
        Err(error) if error.is_timeout() => println!("deployment {} still runs", deployment.id),
        // The old release still runs. The message names the job that failed.
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
