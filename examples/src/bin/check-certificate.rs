//! `check-certificate --cert F [--key F] [--domain D]... [--ca F] [--at RFC3339] [--json]` reports everything that is
//! wrong with a certificate, each finding with its code. Exit status 0 without errors, 1 with errors or if a file
//! cannot be read, 2 if called wrongly.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::read_file;
use flynn_examples::cli::{self, WrongCall};
use flynn_examples::output;
use flynn_examples::text::{one_line, printable};
use flynn_tls::{Bundle, Certificate, PrivateKey, Report, Requirements, Roots, Time, check};
use serde_json::{Value, json};

/// Reports everything that is wrong with a certificate before it is installed.
#[derive(Parser)]
#[command(
    name = "check-certificate",
    after_help = "Exit status: 0 without errors, 1 with errors, 2 if called wrongly."
)]
struct Options {
    /// The certificate and its intermediates, PEM or DER
    #[arg(long = "cert", value_name = "FILE")]
    certificate: PathBuf,
    /// The private key, PEM or DER
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A name that must be covered: example.com, '*.example.com', 10.0.0.1; may be repeated
    #[arg(long = "domain", value_name = "NAME")]
    domains: Vec<String>,
    /// The CA that it must lead to, PEM or DER; without it, it must be publicly trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Check for this time, such as 2027-01-31T12:00:00Z, instead of now
    #[arg(long, value_name = "RFC3339")]
    at: Option<Time>,
    /// Print one JSON object instead of lines: ok, error (null, or why a file cannot be read), certificates, findings
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match cli::parse(WrongCall::Usage) {
        Ok(options) => output::exit("check-certificate", answer(&options)),
        Err(status) => status,
    }
}

fn answer(options: &Options) -> Result<ExitCode> {
    let checked = run(options);
    if options.json {
        output::line(format_args!("{:#}", as_json(&checked)))?;
    }
    let (bundle, report) = checked?;
    if !options.json {
        for line in describe(bundle.leaf()).lines().chain(report.to_string().lines()) {
            output::line(printable(line))?;
        }
    }
    Ok(if report.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run(options: &Options) -> Result<(Bundle, Report)> {
    let bundle = read("--cert", &options.certificate, Bundle::from_pem)?;
    let key = options.key.as_deref().map(|path| read("--key", path, PrivateKey::from_pem));
    let mut requirements =
        options.domains.iter().fold(Requirements::new(), |all, name| all.name(name));
    if let Some(at) = options.at {
        requirements = requirements.at(at);
    }
    if let Some(path) = &options.ca {
        requirements = requirements.from_ca(read("--ca", path, Roots::from_pem)?);
    }
    let report = check(&bundle, key.transpose()?.as_ref(), &requirements);
    Ok((bundle, report))
}

/// Reads the file of an option.
fn read<T>(
    option: &str,
    path: &Path,
    parse: impl FnOnce(Vec<u8>) -> Result<T, flynn_tls::Error>,
) -> Result<T> {
    let name = path.display();
    let file = read_file(path).with_context(|| format!("cannot use {option}"))?;
    parse(file).with_context(|| format!("{option} {name}"))
}

fn describe(leaf: &Certificate) -> String {
    let names = if leaf.names().is_empty() { "none".into() } else { leaf.names().to_string() };
    format!(
        "subject  {}\nissuer   {}\nnames    {names}\nvalid    {} to {}\nkey      {}, signed with {}\n\
         serial   {}\npin      {}\n",
        leaf.subject(),
        leaf.issuer(),
        leaf.not_before(),
        leaf.not_after(),
        leaf.key(),
        leaf.signature(),
        leaf.serial(),
        leaf.pin(),
    )
}

/// Returns an object that always has the same members.
fn as_json(checked: &Result<(Bundle, Report)>) -> Value {
    match checked {
        Ok((bundle, report)) => json!({
            "ok": !report.has_errors(),
            "error": null,
            "certificates": bundle.certificates(),
            "findings": report,
        }),
        Err(failure) => json!({
            "ok": false,
            "error": one_line(failure.as_ref()),
            "certificates": [],
            "findings": [],
        }),
    }
}
