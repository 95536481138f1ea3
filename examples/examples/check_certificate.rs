//! Checks a certificate before it is installed.
//!
//! `cargo run -p flynn-examples --example check_certificate -- chain.pem key.pem example.com`

use std::process::ExitCode;

use anyhow::bail;
use flynn_config::read_file;
use flynn_tls::{Bundle, PrivateKey, Requirements, check};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [chain, key, domain] = arguments.as_slice() else {
        bail!("usage: check_certificate chain.pem key.pem DOMAIN");
    };
    let bundle = Bundle::from_pem(read_file(chain)?)?;
    let key = PrivateKey::from_pem(read_file(key)?)?;

    // It must cover the domain and its wildcard, and stay valid for at least 14 days.
    let wanted = Requirements::new().domain(domain).expiring_within_days(14);
    let report = check(&bundle, Some(&key), &wanted);
    for finding in report.findings() {
        println!("{finding}"); // severity, code, what is wrong, what to do
    }
    println!("pin {}", bundle.leaf().pin());
    Ok(if report.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
