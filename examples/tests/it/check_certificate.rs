//! The program `check-certificate`.

use std::fs;
use std::process::{Command, Output};

use flynn_tls::generate::{Ca, broken};
use flynn_tls::{Code, Time};
use serde_json::Value;
use tempfile::TempDir;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self { folder }
    }

    fn check(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_check-certificate"))
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_fault_is_printed_with_its_code_and_decides_the_exit_status() {
    for &code in Code::ALL.iter().filter(|&&c| c != Code::Unchecked) {
        let made = broken(code, "example.com").unwrap();
        let ca = made.ca.certificate_pem();
        let key = made.key_pem();
        let files =
            Files::new(&[("cert.pem", &made.chain_pem), ("key.pem", &key), ("ca.pem", &ca)]);
        let mut arguments = vec!["--cert", "cert.pem", "--key", "key.pem"];
        arguments.extend(["--domain", "example.com", "--domain=*.example.com"]);
        if code != Code::NotPubliclyTrusted {
            arguments.extend(["--ca", "ca.pem"]);
        }
        let lines = files.check(&arguments);
        let out = text(&lines.stdout);
        let line = out.lines().find(|l| l.contains(&format!(" [{code}] ")));
        let line = line.unwrap_or_else(|| panic!("{code}: {out}"));
        assert!(!out.contains("PRIVATE"), "{out}");

        arguments.push("--json");
        let json = files.check(&arguments);
        let value: Value = serde_json::from_slice(&json.stdout).unwrap();
        let findings = value["findings"].as_array().unwrap();
        let finding = findings.iter().find(|f| f["code"] == code.as_str()).unwrap();
        assert!(line.starts_with(finding["severity"].as_str().unwrap()), "{line}");

        let errors = findings.iter().any(|f| f["severity"] == "error");
        assert_eq!(value["ok"], !errors);
        assert_eq!(json.status.code(), Some(i32::from(errors)), "{code}");
        assert_eq!(lines.status.code(), json.status.code());
    }
}

#[test]
fn the_moment_can_be_chosen() {
    let ca = Ca::new("mine").unwrap();
    let now = Time::now();
    let issued = ca.leaf(&["example.com"]).valid(now, now.plus_days(10)).issue().unwrap();
    let (cert, ca) = (issued.certificate_pem(), ca.certificate_pem());
    let files = Files::new(&[("cert.pem", &cert), ("ca.pem", &ca)]);
    for (days, code) in [(0, "expires-soon"), (11, "expired"), (-1, "not-yet-valid")] {
        let at = now.plus_days(days).to_string();
        let output = files.check(&["--cert", "cert.pem", "--ca", "ca.pem", "--at", &at]);
        assert!(text(&output.stdout).contains(code), "{}", text(&output.stdout));
        assert_eq!(output.status.code(), Some(i32::from(days != 0)));
    }
}

#[test]
fn bad_input_is_one_line_and_a_wrong_call_shows_how() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com"]).unwrap();
    let (cert, key) = (issued.certificate_pem(), issued.key_pem());
    let files = Files::new(&[("cert.pem", &cert), ("key.pem", &key), ("text", "hello")]);
    for (arguments, says) in [
        (&["--cert", "none.pem"][..], "cannot use --cert: cannot read none.pem: it does not exist"),
        (&["--cert", "text"], "no PEM block"),
        (&["--cert", "key.pem"], "private key, not a certificate"),
        (&["--cert", "cert.pem", "--key", "cert.pem"], "a certificate, not a private key"),
        (
            &["--cert", "cert.pem", "--key", "none"],
            "cannot use --key: cannot read none: it does not exist",
        ),
        (&["--cert", "cert.pem", "--ca", "text"], "text: no certificate"),
    ] {
        let output = files.check(arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
        let error = text(&output.stderr);
        assert!(error.contains(says) && error.lines().count() == 1, "{error}");

        let output = files.check(&[arguments, &["--json"]].concat());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), error));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(value["error"].as_str().unwrap().contains(says), "{value}");
        assert_eq!((&value["ok"], members(&value)), (&Value::Bool(false), members_of_json()));
    }
    for (arguments, says) in [
        (&[][..], "--cert <FILE>"),
        (&["--cert"], "--cert"),
        (&["cert.pem"], "unexpected argument"),
        (&["--cert", "cert.pem", "--what"], "--what"),
        (
            &["--cert", "cert.pem", "--cert", "cert.pem"],
            "'--cert <FILE>' cannot be used multiple times",
        ),
        (&["--cert", "cert.pem", "--at", "tomorrow"], "\"tomorrow\" is not a time such as 20"),
        (&["--cert", "cert.pem", "--at", "2027-01-31"], "\"2027-01-31\" is not a time"),
    ] {
        let output = files.check(arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
        let error = text(&output.stderr);
        assert!(error.contains(says) && error.contains("Usage:"), "{error}");
    }
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn members_of_json() -> Vec<&'static str> {
    vec!["certificates", "error", "findings", "ok"]
}

/// Programs read this JSON, so members may be added, but never renamed or removed.
#[test]
fn the_json_has_a_stable_shape() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com", "10.0.0.1"]).unwrap();
    let files = Files::new(&[("cert.pem", &issued.certificate_pem())]);
    let output = files.check(&["--cert", "cert.pem", "--json"]);
    assert!(output.stderr.is_empty());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(members(&value), members_of_json());
    assert_eq!(value["error"], Value::Null);
    let certificate = &value["certificates"][0];
    let facts = "ca fingerprint issuer key names not_after not_before pin serial signature subject";
    assert_eq!(members(certificate).join(" "), facts);
    assert_eq!(certificate["pin"], issued.pin().to_string());
    assert_eq!(certificate["names"], serde_json::json!(["example.com", "10.0.0.1"]));
    let finding = "code explanation remedy severity subject";
    assert_eq!(members(&value["findings"][0]).join(" "), finding);
}

#[test]
fn help_goes_to_standard_output() {
    let output = Files::new(&[]).check(&["--help"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let help = text(&output.stdout);
    for option in ["--cert", "--key", "--domain", "--ca", "--at", "--json", "Exit status"] {
        assert!(help.contains(option), "{help}");
    }
}

/// As in `check-certificate ... | head -1`: there is no message, but the exit status shows that output was lost.
#[test]
fn a_reader_that_went_away_is_no_panic() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com"]).unwrap();
    let files = Files::new(&[("cert.pem", &issued.certificate_pem())]);
    for arguments in [&["--cert", "cert.pem"][..], &["--cert", "cert.pem", "--json"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_check-certificate"))
            .args(arguments)
            .current_dir(files.folder.path())
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(text(&output.stderr), "");
        assert_eq!(output.status.code(), Some(1));
    }
}
