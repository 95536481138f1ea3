//! Keys with verdicts of Go, OpenSSL and GnuTLS. `data/judged/judge.sh` produces the verdicts.

use flynn_tls::{Bundle, Code, Pin, PrivateKey, Report, Requirements, Roots, ServerAge, check};
use serde::Deserialize;

#[derive(Deserialize)]
struct Judged {
    root: String,
    rows: Vec<Row>,
}

/// A pair of certificate and key, with the complaint of each judge; empty if it accepts the pair.
#[derive(Deserialize)]
struct Row {
    name: String,
    chain: String,
    key: String,
    /// The message of a Go server that loads the pair; empty on success.
    go_loads: String,
    go: String,
    openssl: String,
    gnutls: String,
    /// The message of `openssl verify -x509_strict`.
    strict: String,
}

fn judged() -> Judged {
    serde_json::from_str(include_str!("../data/judged/pairs.json")).unwrap()
}

fn report(row: &Row, root: &str, age: ServerAge) -> Report {
    let bundle = Bundle::from_pem(&row.chain).unwrap();
    let key = PrivateKey::from_pem(&row.key).unwrap();
    let wanted = Requirements::new()
        .name("example.com")
        .from_ca(Roots::from_pem(root).unwrap())
        .at("2027-01-01T00:00:00Z".parse().unwrap())
        .oldest_server(age);
    check(&bundle, Some(&key), &wanted)
}

/// No error where a Go server loads the pair and Go, OpenSSL and GnuTLS accept it; an error where
/// a Go server does not, or one of them refuses it.
#[test]
fn a_pair_has_an_error_where_a_judge_refuses_it() {
    let judged = judged();
    for row in &judged.rows {
        let report = report(row, &judged.root, ServerAge::V2021);
        let refused = [&row.go_loads, &row.go, &row.openssl, &row.gnutls];
        let refused = refused.iter().any(|why| !why.is_empty());
        // 2032 bits are too few for rustls and 1024 for browsers, and OpenSSL over TLS 1.2 checks the usage of an
        // elliptic key.
        let stricter = ["rsa2032", "rsa1024"].contains(&row.name.as_str());
        assert_eq!(report.has_errors(), refused || stricter, "{}: {report}", row.name);
        if !row.go_loads.is_empty() {
            assert!(report.has(Code::KeyRefused), "{}: {report}", row.name);
            assert!(report.to_string().contains("Flynn's controller and router"), "{report}");
        }
        let strict = row.openssl.is_empty() && !row.strict.is_empty();
        assert!(!strict || report.has(Code::NotStrict), "{}: {report}", row.name);
        // The message is short for any content.
        assert!(report.findings().iter().all(|f| f.to_string().len() < 500), "{report}");
    }
    assert!(judged.rows.len() >= 60);
}

/// There are no findings exactly if every judge accepts the pair.
#[test]
fn what_everybody_takes_is_clean() {
    let judged = judged();
    let clean: Vec<_> = judged
        .rows
        .iter()
        .filter(|row| report(row, &judged.root, ServerAge::V2016).is_clean())
        .map(|row| row.name.as_str())
        .collect();
    let expected = [
        "ec_prime256v1",
        "ec_secp384r1",
        "rsa2048",
        "rsa3072",
        "rsa4096",
        "rsa_e31",
        "u_blank_dns",
        "u_feature_other",
        "u_plain_ec",
        "u_plain_rsa",
        "u_sig_ec",
        "u_staple2",
    ];
    let mut sorted = clean.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}

/// Go loads Ed25519 from 1.13 on.
#[test]
fn ed25519_is_refused_by_the_servers_of_2016_alone() {
    let judged = judged();
    let row = judged.rows.iter().find(|row| row.name == "ed25519").unwrap();
    let now = report(row, &judged.root, ServerAge::V2021);
    assert!(now.has(Code::UnusualKey) && !now.has_errors(), "{now}");
    let then = report(row, &judged.root, ServerAge::V2016);
    assert!(then.has(Code::KeyRefused) && then.to_string().contains("Go before 1.13"), "{then}");
}

/// A key that Go loads is never reported as damaged.
#[test]
fn nothing_that_go_loads_is_damaged() {
    let judged = judged();
    for row in judged.rows.iter().filter(|row| row.go_loads.is_empty()) {
        let report = report(row, &judged.root, ServerAge::V2021);
        assert!(!report.has(Code::KeyDamaged) && !report.has(Code::KeyMismatch), "{}", row.name);
    }
}

/// The pin is that of the certificate which OpenSSL reads first.
#[test]
fn every_one_of_them_has_a_pin() {
    for row in judged().rows {
        let pin = Pin::from_pem(&row.chain).unwrap();
        assert_eq!(pin, Bundle::from_pem(&row.chain).unwrap().certificates()[0].pin());
    }
}
