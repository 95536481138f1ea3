//! Replaces the key of a cluster. No client is locked out at any point, and an interrupted run can be resumed.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use flynn_client::Secret;
use flynn_config::ClusterEdit;
use flynn_config::credential::reject;
use flynn_examples::blocking::blocking;
use flynn_examples::connect::{self, Connected};
use flynn_examples::{cli, output};

/// Replaces the key of a Flynn cluster in the controller, in every app that has it, and in .flynnrc.
///
/// The controller accepts both keys until the new one is stored and used everywhere. Run it again if it fails: it
/// continues with the same new key.
#[derive(Parser)]
#[command(name = "rotate-key")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<()> {
    let Connected { locations, cluster, client: flynn, .. } = options.connection.open().await?;
    let name = cluster.name().to_owned();
    let store = move |key: Secret| {
        let set_key = move |cluster: &mut ClusterEdit| cluster.set_key(&key.expose().into());
        let stored = connect::edit(locations.clone(), name.clone(), set_key);
        async { Ok(stored.await?) }
    };
    let rotated = flynn.rotate_key().store(store).await?;
    output::line(format_args!("the new key is in .flynnrc and in {}", rotated.apps.join(", ")))?;
    let url = cluster.git_url().to_owned();
    if let Err(error) = blocking(move || Ok(reject(&url)?)).await {
        output::complain("rotate-key", format_args!("git may still have the old key: {error:#}"));
    }
    Ok(())
}
