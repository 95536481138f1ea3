//! All routes of a cluster, as the original command line prints those of one app.
//!
//! ```text
//! cargo run -p flynn-examples --bin routes [CLUSTER]
//! ```

use std::process::ExitCode;

use flynn_examples::connect::connect;
use flynn_examples::failure::{Context, Result};
use flynn_examples::route_table;

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args().nth(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("routes: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cluster: Option<String>) -> Result<()> {
    let flynn = connect(cluster.as_deref())?;
    let routes = flynn.routes().list().await.context("cannot list the routes")?;
    for line in route_table::lines(&routes) {
        println!("{line}");
    }
    Ok(())
}
