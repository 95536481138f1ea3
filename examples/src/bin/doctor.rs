//! Reports what is still wrong with a cluster.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::{Locations, read_file};
use flynn_examples::blocking::blocking;
use flynn_examples::doctor::Patient;
use flynn_examples::text::printable;
use flynn_examples::{cli, login, output};
use flynn_tls::Roots;

/// Reports what is still wrong with a Flynn cluster, and with your files for it. Changes nothing.
#[derive(Parser)]
#[command(
    name = "doctor",
    after_help = "Exit status: 0 without errors (there may be warnings), 1 with errors."
)]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The CA of the cluster's certificates, if they are not publicly trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let cli::Connection { cluster, connect_to } = options.connection.clone();
    login::renew(cluster, connect_to).await?;
    let patient = blocking(move || open(&options)).await?;
    output::line(printable(&patient.describe()))?;
    let findings = patient.examine().await;
    for finding in &findings {
        output::line(printable(&finding.to_string()))?;
    }
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let count = |of, what| format!("{of} {what}{}", if of == 1 { "" } else { "s" });
    let warnings = count(findings.len() - errors, "warning");
    output::line(format_args!("{}, {warnings}", count(errors, "error")))?;
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the files.
fn open(options: &Options) -> Result<Patient> {
    let locations = Locations::from_env().context("cannot find your home")?;
    let cli::Connection { cluster, connect_to } = &options.connection;
    let patient = Patient::open(locations, cluster.as_deref(), *connect_to)?;
    let Some(ca) = &options.ca else { return Ok(patient) };
    let pem = read_file(ca).context("cannot use --ca")?;
    let roots = Roots::from_pem(&pem).with_context(|| format!("cannot use {}", ca.display()))?;
    Ok(patient.with_ca(roots))
}
