//! Reports what is still wrong with a cluster.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::{Locations, read_file};
use flynn_examples::blocking::blocking;
use flynn_examples::cli::{self, WrongCall};
use flynn_examples::doctor::{Patient, Severity};
use flynn_examples::output;
use flynn_examples::text::printable;
use flynn_tls::Roots;

/// Reports what is still wrong with a Flynn cluster, and with your files for it. Changes nothing.
#[derive(Parser)]
#[command(
    name = "doctor",
    after_help = "Exit status: 0 without errors (there may be warnings), 1 with errors."
)]
struct Options {
    /// A cluster of your ~/.flynnrc [default: $FLYNN_CLUSTER, then the default cluster]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The CA of the cluster's certificates, if they are not publicly trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Reach every name of the cluster at this IP:PORT instead of asking DNS
    #[arg(long, value_name = "IP:PORT")]
    connect_to: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match cli::parse(WrongCall::OneLine) {
        Ok(options) => output::exit("doctor", run(options).await),
        Err(status) => status,
    }
}

async fn run(options: Options) -> Result<ExitCode> {
    let patient = blocking(move || open(&options)).await?;
    output::line(printable(&patient.describe()))?;
    let findings = patient.examine().await;
    for finding in &findings {
        output::line(finding)?;
    }
    let errors = findings.iter().filter(|finding| finding.severity >= Severity::Error).count();
    output::line(format_args!("{errors} errors, {} warnings", findings.len() - errors))?;
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the files.
fn open(options: &Options) -> Result<Patient> {
    let locations = Locations::from_env().context("cannot find your home")?;
    let patient = Patient::open(locations, options.cluster.as_deref(), options.connect_to)?;
    let Some(ca) = &options.ca else { return Ok(patient) };
    let pem = read_file(ca).context("cannot use --ca")?;
    let roots = Roots::from_pem(&pem).with_context(|| format!("cannot use {}", ca.display()))?;
    Ok(patient.with_ca(roots))
}
