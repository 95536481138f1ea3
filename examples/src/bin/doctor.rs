//! Reports what is still wrong with a cluster.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::read_file;
use flynn_examples::blocking::blocking;
use flynn_examples::doctor::examine;
use flynn_examples::text::printable;
use flynn_examples::{cli, output};
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
    let connected = options.connection.open().await?;
    let ca = blocking(move || options.ca.as_deref().map(read_ca).transpose()).await?;
    let (name, url) = (connected.cluster.name(), connected.cluster.controller_url());
    output::line(printable(&format!("cluster {name:?} at {url}")))?;
    let findings = examine(&connected, ca.as_ref()).await;
    for finding in &findings {
        output::line(printable(&finding.to_string()))?;
    }
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let count = |of, what| format!("{of} {what}{}", if of == 1 { "" } else { "s" });
    let warnings = count(findings.len() - errors, "warning");
    output::line(format_args!("{}, {warnings}", count(errors, "error")))?;
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_ca(path: &Path) -> Result<Roots> {
    let pem = read_file(path).context("cannot use --ca")?;
    Roots::from_pem(&pem).with_context(|| format!("cannot use {}", path.display()))
}
