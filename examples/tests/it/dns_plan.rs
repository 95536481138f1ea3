//! The DNS plan, and its way to Route53.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::program::{productionize, run, stdout};

const NODES: [&str; 3] = ["example.com", "203.0.113.10", "2600::1"];

/// `dns-plan` for two nodes.
fn dns_plan(home: &Path, more: &[&str]) -> Output {
    let arguments: Vec<String> = NODES.iter().chain(more).map(|&word| word.to_owned()).collect();
    run(env!("CARGO_BIN_EXE_dns-plan"), home, &arguments)
}

fn record_sets(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    let batch: Value = serde_json::from_str(&stdout(output)).unwrap();
    let changes = batch["Changes"].as_array().unwrap();
    changes.iter().map(|change| change["ResourceRecordSet"].clone()).collect()
}

/// Runs a script with this in place of the AWS CLI.
fn with_aws(home: &Path, aws: &str, script: &str) -> Output {
    let program = home.join("aws");
    fs::write(&program, format!("#!/bin/sh\n{aws}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", home.display());
    Command::new("sh").args(["-c", script]).env("PATH", path).output().unwrap()
}

#[test]
fn the_batch_alone_is_on_stdout() {
    let home = tempfile::tempdir().unwrap();
    let sets = record_sets(&dns_plan(home.path(), &[]));
    assert_eq!(sets.len(), 3);
    assert_eq!((&sets[0]["Name"], &sets[0]["Weight"]), (&json!("example.com."), &json!(10)));
    assert_eq!(sets[0]["HealthCheckId"], Value::Null);
    let sets = record_sets(&dns_plan(home.path(), &["--multi-value"]));
    let ways = (&sets[1]["MultiValueAnswer"], &sets[1]["Weight"]);
    assert_eq!(ways, (&json!(true), &Value::Null));
}

#[test]
fn from_the_script_to_a_batch_that_drops_a_node() {
    let home = tempfile::tempdir().unwrap();
    let script = dns_plan(home.path(), &["--create-health-checks"]);
    assert!(script.status.success(), "{script:?}");
    let aws =
        r#"echo "$@" >>"$0.log"; case "$*" in *=203.0.113.10,*) echo id-a;; *) echo id-b;; esac"#;
    let made = with_aws(home.path(), aws, &stdout(&script));
    assert_eq!(stdout(&made), "--health-check=203.0.113.10=id-a\n--health-check=2600::1=id-b\n");
    let log = fs::read_to_string(home.path().join("aws.log")).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.starts_with("route53 create-health-check --caller-reference flynn-203.0.113.10-"));

    let checks = stdout(&made);
    let sets = record_sets(&dns_plan(home.path(), &checks.lines().collect::<Vec<_>>()));
    assert_eq!((&sets[0]["HealthCheckId"], &sets[0]["Type"]), (&json!("id-a"), &json!("A")));
    assert_eq!((&sets[1]["HealthCheckId"], &sets[1]["Type"]), (&json!("id-b"), &json!("AAAA")));

    let again = dns_plan(home.path(), &["--create-health-checks"]);
    assert_eq!(again.stdout, script.stdout, "other references would make second checks");
    let salted = dns_plan(home.path(), &["--create-health-checks=2"]);
    assert_ne!(salted.stdout, script.stdout);
}

#[test]
fn a_refused_check_ends_the_script() {
    let home = tempfile::tempdir().unwrap();
    let script = dns_plan(home.path(), &["--create-health-checks"]);
    let made =
        with_aws(home.path(), "echo HealthCheckAlreadyExists >&2; exit 254", &stdout(&script));
    assert_eq!(made.status.code(), Some(254), "{made:?}");
    assert_eq!(stdout(&made), "");
}

#[test]
fn what_makes_no_sense_is_one_line() {
    let home = tempfile::tempdir().unwrap();
    for (more, says) in [
        (&["--health-check", "203.0.113.10"][..], "IP=ID"),
        (&["--health-check", "x=y"], "IP"),
        (&["--health-check", "203.0.113.10="], "203.0.113.10"),
        (&["--health-check", "203.0.113.99=id"], "203.0.113.99"),
        (&["--health-check", "203.0.113.10=id"], "2600::1"),
        (&["--create-health-checks", "--multi-value"], "--create-health-checks"),
        (&["::ffff:203.0.113.10"], "twice"),
        (&["--nonsense"], "--nonsense"),
    ] {
        let output = dns_plan(home.path(), more);
        let line = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {line}");
        assert!(output.stdout.is_empty(), "{more:?}");
        assert!(line.contains(says) && line.lines().count() == 1, "{more:?}: {line}");
    }
}

#[test]
fn the_plans_of_two_domains_share_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    fs::create_dir(&out).unwrap();
    let domains = ["one.example.com", "two.example.com"];
    for domain in domains {
        let arguments = ["--domain", domain, "--out", "out"].map(str::to_owned);
        let output = productionize(home.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
        let command = format!("dns-plan {domain} 203.0.113.10");
        assert!(stdout(&output).contains(&command), "{}", stdout(&output));
    }
    for domain in domains {
        let script = fs::read_to_string(out.join(format!("health-checks-{domain}.sh"))).unwrap();
        assert!(script.contains(&format!("=controller.{domain},")), "{script}");
        assert!(out.join(format!("route53-{domain}.json")).exists());
    }
}
