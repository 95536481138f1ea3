//! Says what is still wrong with a cluster. Changes nothing.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use flynn_config::Locations;
use flynn_examples::blocking::blocking;
use flynn_examples::doctor::{Patient, Severity};
use flynn_examples::failure::{Context, Result};
use flynn_examples::output;
use flynn_tls::Roots;
use lexopt::prelude::*;

const HELP: &str = "\
Says what is still wrong with a Flynn cluster, and with your files for it. Changes nothing.

usage: doctor [--cluster NAME] [--ca F] [--connect-to IP:PORT]

  --cluster NAME     a cluster of your ~/.flynnrc (default: $FLYNN_CLUSTER, then the default one)
  --ca F             the CA that the certificates lead to, when it is not a public one
  --connect-to ADDR  reach every name of the cluster at this IP:PORT instead of asking DNS

Exit status: 0 no errors (there may be warnings), 1 errors.
";

#[derive(Default)]
struct Arguments {
    help: bool,
    cluster: Option<String>,
    ca: Option<PathBuf>,
    connect_to: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)).await {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("doctor: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let arguments = parse(line).context("cannot understand the command line (see --help)")?;
    if arguments.help {
        output::line(HELP.trim_end()).context("cannot write")?;
        return Ok(ExitCode::SUCCESS);
    }
    let written = "cannot write the findings";
    let patient = blocking(move || open(&arguments)).await?;
    output::line(patient.describe()).context(written)?;
    let findings = patient.examine().await;
    for finding in &findings {
        output::line(finding).context(written)?;
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let closing = format!("{errors} errors, {} warnings", findings.len() - errors);
    output::line(closing).context(written)?;
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the files.
fn open(arguments: &Arguments) -> Result<Patient> {
    let locations = Locations::from_env().context("cannot find your home")?;
    let patient = Patient::open(locations, arguments.cluster.as_deref(), arguments.connect_to)?;
    let Some(ca) = &arguments.ca else { return Ok(patient) };
    let what = format!("cannot use {}", ca.display());
    let pem = std::fs::read_to_string(ca).context(&what)?;
    Ok(patient.with_ca(Roots::from_pem(&pem).context(&what)?))
}

fn parse(line: impl Iterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(line);
    let mut arguments = Arguments::default();
    while let Some(option) = parser.next()? {
        match option {
            Short('h') | Long("help") => arguments.help = true,
            Long("cluster") => arguments.cluster = Some(parser.value()?.string()?),
            Long("ca") => arguments.ca = Some(parser.value()?.into()),
            Long("connect-to") => arguments.connect_to = Some(parser.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(arguments)
}
