//! Runs every check on a series of DER certificates: nothing panics, and each finding is one line.
#![no_main]

use std::sync::LazyLock;

use flynn_tls::pki_types::CertificateDer;
use flynn_tls::{Bundle, PrivateKey, Requirements, Time, check};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let pem = include_str!("../../flynn-tls/src/generate/keys/rsa2048.pem");
    PrivateKey::from_pem(pem).expect("a good key")
});

/// Splits the input into DER values.
fn values(mut input: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut values = Vec::new();
    while let [_, first, ..] = *input {
        let (head, length) = match (first, input) {
            (0x82, [_, _, high, low, ..]) => (4, usize::from(*high) << 8 | usize::from(*low)),
            (0x81, [_, _, low, ..]) => (3, usize::from(*low)),
            _ => (2, usize::from(first & 0x7f)),
        };
        let (value, rest) = input.split_at((head + length).min(input.len()));
        values.push(value.to_vec().into());
        input = rest;
    }
    values
}

fuzz_target!(|input: &[u8]| {
    let Ok(bundle) = Bundle::from_der(values(input)) else { return };
    let wanted = Requirements::new().domain("example.com").name("10.0.0.1");
    let report = check(&bundle, Some(&KEY), &wanted.at(Time::from_unix(1_800_000_000)));
    if !report.is_clean() {
        assert_eq!(report.to_string().lines().count(), report.findings().len());
    }
    for certificate in bundle.certificates() {
        assert!(!certificate.subject().contains(char::is_control));
        assert!(!certificate.names().to_string().contains(char::is_control));
    }
});
