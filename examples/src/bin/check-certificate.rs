//! `check-certificate --cert F [--key F] [--domain D]... [--ca F] [--at RFC3339] [--json]` tells
//! everything that is wrong with a certificate, each finding with its code. Exit status 0 without
//! errors, 1 with (or when a file cannot be read), 2 when it is called wrongly.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flynn_examples::failure::{Context, Result};
use flynn_examples::output;
use flynn_tls::{Bundle, Certificate, Finding, PrivateKey, Report, Requirements, Roots, check};
use lexopt::prelude::*;
use serde_json::{Value, json};

const USAGE: &str = "usage: check-certificate --cert FILE [--key FILE] [--domain NAME]... [--ca FILE] [--at RFC3339] [--json]";

const HELP: &str = "
Tells everything that is wrong with a certificate before it is installed.
  --cert FILE     the certificate and its intermediates, PEM or DER
  --key FILE      the private key, PEM or DER
  --domain NAME   a name that must be covered: example.com, '*.example.com', 10.0.0.1
  --ca FILE       the CA that it must lead to, PEM or DER; it need not be publicly trusted then
  --at RFC3339    the moment to judge for, such as 2027-01-31T12:00:00Z; now unless given
  --json          one JSON object instead of lines:
                  ok, error (null, or why a file cannot be read), certificates, findings
Exit status: 0 without errors, 1 with, 2 when called wrongly.";

#[derive(Default)]
struct Options {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    ca: Option<PathBuf>,
    requirements: Requirements,
    json: bool,
    help: bool,
}

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(e) => {
            eprintln!("check-certificate: {e}\n{USAGE}\nMore: check-certificate --help");
            return ExitCode::from(2);
        }
    };
    match answer(options) {
        Ok(status) => status,
        Err(e) => {
            eprintln!("check-certificate: standard output: {e}");
            ExitCode::FAILURE
        }
    }
}

fn answer(options: Options) -> io::Result<ExitCode> {
    if options.help {
        output::line(format_args!("{USAGE}{HELP}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let json = options.json;
    let checked = run(options);
    if json {
        output::line(format_args!("{:#}", as_json(&checked)))?;
    }
    match checked {
        Ok((bundle, report)) => {
            if !json {
                output::line(format_args!("{}{report}", describe(bundle.leaf())))?;
            }
            Ok(if report.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(failure) => {
            eprintln!("check-certificate: {failure}");
            Ok(ExitCode::FAILURE)
        }
    }
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("cert") => once("--cert", &mut options.certificate, parser.value()?)?,
                Long("key") => once("--key", &mut options.key, parser.value()?)?,
                Long("ca") => once("--ca", &mut options.ca, parser.value()?)?,
                Long("domain") => {
                    let name = parser.value()?.string()?;
                    options.requirements = options.requirements.name(&name);
                }
                Long("at") => {
                    let at = parser.value()?.string()?;
                    let at = at.parse().map_err(|e| format!("--at {e}"))?;
                    options.requirements = options.requirements.at(at);
                }
                Long("json") => options.json = true,
                Long("help") | Short('h') => options.help = true,
                _ => return Err(argument.unexpected()),
            }
        }
        if options.certificate.is_none() && !options.help {
            return Err("--cert is missing".into());
        }
        Ok(options)
    }
}

/// A second file would be left out without a word.
fn once(name: &str, option: &mut Option<PathBuf>, value: OsString) -> Result<(), lexopt::Error> {
    match option.replace(value.into()) {
        None => Ok(()),
        Some(_) => {
            Err(format!("{name} is given twice: one certificate is checked at a time").into())
        }
    }
}

fn run(options: Options) -> Result<(Bundle, Report)> {
    let path = options.certificate.unwrap_or_default();
    let bundle = read("--cert", &path, Bundle::from_pem)?;
    let key = options.key.map(|path| read("--key", &path, PrivateKey::from_pem));
    let mut requirements = options.requirements;
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
    let file =
        fs::read(path).context(format!("cannot read {name}: check the path given to {option}"))?;
    parse(file).context(format!("{option} {name}"))
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

/// The same members in every case.
fn as_json(checked: &Result<(Bundle, Report)>) -> Value {
    match checked {
        Ok((bundle, report)) => json!({
            "ok": !report.has_errors(),
            "error": null,
            "certificates": bundle.certificates().iter().map(facts).collect::<Vec<_>>(),
            "findings": report.findings().iter().map(finding).collect::<Vec<_>>(),
        }),
        Err(failure) => json!({
            "ok": false,
            "error": failure.to_string(),
            "certificates": [],
            "findings": [],
        }),
    }
}

fn facts(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "names": certificate.names().iter().collect::<Vec<_>>(),
        "not_before": certificate.not_before().to_string(),
        "not_after": certificate.not_after().to_string(),
        "key": certificate.key().to_string(),
        "signature": certificate.signature().name(),
        "serial": certificate.serial(),
        "ca": certificate.is_ca(),
        "pin": certificate.pin().to_string(),
        "fingerprint": certificate.fingerprint(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code().as_str(),
        "severity": finding.severity().to_string(),
        "certificate": finding.certificate(),
        "explanation": finding.explanation(),
        "remedy": finding.remedy(),
    })
}
