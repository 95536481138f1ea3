//! Prints the status of a cluster, for people or for Prometheus.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use flynn_client::status::Health;
use flynn_examples::connect::Connected;
use flynn_examples::text::printable;
use flynn_examples::{cli, cluster, output};

/// Prints the status of a Flynn cluster and of its services.
///
/// Exit status: 0 if the cluster is healthy, 1 if it is not or does not answer.
#[derive(Parser)]
#[command(name = "status")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// Print Prometheus metrics, for the textfile collector of its node exporter
    #[arg(long)]
    prometheus: bool,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let Connected { client: flynn, reach, .. } = options.connection.open().await?;
    let status = reach.status(&flynn, &cluster::domain(&flynn).await?).await?;
    let up = |health: &Health| u8::from(*health == Health::Healthy);
    if options.prometheus {
        output::line(format_args!("flynn_healthy {}", up(&status.status)))?;
    } else {
        output::line(format_args!("{} {}", status.status, printable(&status.version)))?;
    }
    for (name, service) in &status.detail {
        let (name, health) = (printable(name), &service.status);
        if options.prometheus {
            output::line(format_args!("flynn_service_healthy{{service={name:?}}} {}", up(health)))?;
        } else {
            output::line(format_args!("{name} {health}"))?;
        }
    }
    Ok(if status.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
