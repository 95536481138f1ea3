//! `check-certificate --cert F [--key F] [--domain D]... [--ca F] [--at RFC3339] [--json]` tells
//! everything that is wrong with a certificate, each finding with its code. Exit status 0 without
//! errors, 1 with, 2 when it is called wrongly.

use std::process::ExitCode;

use flynn_tls::{Bundle, Certificate, Finding, PrivateKey, Report, Requirements, Roots, check};
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
    cert: Option<String>,
    key: Option<String>,
    domains: Vec<String>,
    ca: Option<String>,
    at: Option<String>,
    json: bool,
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            eprintln!("check-certificate: {e}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("check-certificate: {e}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    /// None when help was asked for.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| arguments.next());
                value.ok_or_else(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                "--cert" => options.cert = Some(value()?),
                "--key" => options.key = Some(value()?),
                "--domain" => options.domains.push(value()?),
                "--ca" => options.ca = Some(value()?),
                "--at" => options.at = Some(value()?),
                "--json" => options.json = true,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown argument {name}")),
            }
        }
        if options.cert.is_none() {
            return Err("--cert is missing".to_owned());
        }
        Ok(Some(options))
    }
}

/// Whether the certificate has no errors.
fn run(options: &Options) -> Result<bool, String> {
    let path = options.cert.as_deref().unwrap_or_default();
    let bundle = Bundle::from_pem(&read(path)?).map_err(|e| format!("{path}: {e}"))?;
    let key = options.key.as_deref().map(private_key).transpose()?;
    let requirements = requirements(options)?;
    let report = check(&bundle, key.as_ref(), &requirements);
    if options.json {
        println!("{:#}", as_json(&bundle, &report));
    } else {
        describe(bundle.leaf());
        println!("{report}");
    }
    Ok(!report.has_errors())
}

fn requirements(options: &Options) -> Result<Requirements, String> {
    let mut requirements =
        options.domains.iter().fold(Requirements::new(), |wanted, name| wanted.name(name));
    if let Some(at) = &options.at {
        requirements = requirements.at(at.parse().map_err(|e| format!("--at: {e}"))?);
    }
    if let Some(path) = &options.ca {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let roots = Roots::from_pem(&text).map_err(|e| format!("{path}: {e}"))?;
        requirements = requirements.from_ca(roots);
    }
    Ok(requirements)
}

fn private_key(path: &str) -> Result<PrivateKey, String> {
    let bytes = read(path)?;
    PrivateKey::from_pem(&String::from_utf8_lossy(&bytes)).map_err(|e| format!("{path}: {e}"))
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{path}: {e}"))
}

fn describe(leaf: &Certificate) {
    println!("subject  {}", leaf.subject());
    println!("issuer   {}", leaf.issuer());
    println!("names    {}", leaf.names());
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
