//! `check-certificate --cert F [--key F] [--domain D]... [--ca F] [--at RFC3339] [--json]` tells
//! everything that is wrong with a certificate, each finding with its code. Exit status 0 without
//! errors, 1 with, 2 when it is called wrongly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flynn_examples::failure::{Context, Result};
use flynn_tls::{Bundle, Certificate, Finding, PrivateKey, Report, Requirements, Roots, check};
use lexopt::prelude::*;
use serde_json::{Value, json};

const USAGE: &str = "usage: check-certificate --cert FILE [--key FILE] [--domain NAME]... [--ca FILE] [--at RFC3339] [--json]
  --cert FILE     the certificate and its intermediates, PEM or DER
  --key FILE      the private key, PEM
  --domain NAME   a name that must be covered: example.com, '*.example.com', 10.0.0.1
  --ca FILE       the CA that it must lead to, PEM; it need not be publicly trusted then
  --at RFC3339    the moment to judge for, such as 2027-01-31T12:00:00Z; now unless given
  --json          one JSON object instead of lines";

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
            eprintln!("check-certificate: {e}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(options) {
        Ok(report) if report.has_errors() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("check-certificate: {failure}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("cert") => options.certificate = Some(parser.value()?.into()),
                Long("key") => options.key = Some(parser.value()?.into()),
                Long("ca") => options.ca = Some(parser.value()?.into()),
                Long("domain") => {
                    let name = parser.value()?.string()?;
                    options.requirements = options.requirements.name(&name);
                }
                Long("at") => {
                    let at = parser.value()?.parse_with(str::parse)?;
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

fn run(options: Options) -> Result<Report> {
    let path = options.certificate.unwrap_or_default();
    let bundle = Bundle::from_pem(&read(&path)?).context(path.display().to_string())?;
    let key = options.key.as_deref().map(private_key).transpose()?;
    let mut requirements = options.requirements;
    if let Some(path) = &options.ca {
        let roots = Roots::from_pem(&text(path)?).context(path.display().to_string())?;
        requirements = requirements.from_ca(roots);
    }
    let report = check(&bundle, key.as_ref(), &requirements);
    if options.json {
        println!("{:#}", as_json(&bundle, &report));
    } else {
        describe(bundle.leaf());
        println!("{report}");
    }
    Ok(report)
}

fn private_key(path: &Path) -> Result<PrivateKey> {
    PrivateKey::from_pem(&text(path)?).context(path.display().to_string())
}

fn text(path: &Path) -> Result<String> {
    read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(path.display().to_string())
}

fn describe(leaf: &Certificate) {
    println!("subject  {}", leaf.subject());
    println!("issuer   {}", leaf.issuer());
    let names = if leaf.names().is_empty() { "none".into() } else { leaf.names().to_string() };
    println!("names    {names}");
    println!("valid    {} to {}", leaf.not_before(), leaf.not_after());
    println!("key      {}, signed with {}", leaf.key(), leaf.signature());
    println!("serial   {}", leaf.serial());
    println!("pin      {}", leaf.pin());
}

fn as_json(bundle: &Bundle, report: &Report) -> Value {
    json!({
        "ok": !report.has_errors(),
        "certificates": bundle.certificates().iter().map(facts).collect::<Vec<_>>(),
        "findings": report.findings().iter().map(finding).collect::<Vec<_>>(),
    })
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
