//! The plan of what a cluster needs on AWS.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::program::{productionize, run, stdout};

/// `aws-plan` in a folder that holds the example as `cluster.toml`.
fn aws_plan(home: &Path, arguments: &[&str]) -> Output {
    let example = run(env!("CARGO_BIN_EXE_aws-plan"), home, &["--example".to_owned()]);
    assert!(example.status.success(), "{example:?}");
    fs::write(home.join("cluster.toml"), example.stdout).unwrap();
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    run(env!("CARGO_BIN_EXE_aws-plan"), home, &arguments)
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_str(&stdout(output)).unwrap()
}

#[test]
fn the_example_gives_every_document() {
    let home = tempfile::tempdir().unwrap();
    let all = document(&aws_plan(home.path(), &["cluster.toml"]));
    assert_eq!(all["policy"]["Statement"][0]["Resource"][1], "arn:aws:s3:::example-flynn-blobs/*");
    let env = &all["blobstore_env"];
    assert_eq!(env["DEFAULT_BACKEND"], "s3main");
    assert!(
        env["BACKEND_S3MAIN"].as_str().unwrap().ends_with("secret_access_key=SECRET_ACCESS_KEY")
    );
    assert_eq!(all["change_batch"]["Changes"].as_array().unwrap().len(), 4);
    assert_eq!(all["zone_lines"][3], "*.example.com. 3600 IN CNAME example.com.");
    assert_eq!(all["security_groups"][1]["GroupName"], "production-elasticsearch");
    assert_eq!(all["preflight"], json!([]));
    let steps = all["plan"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["sentence"], "create the bucket example-flynn-blobs in us-east-1");
    assert!(steps.iter().all(|step| step["command"].as_str().unwrap().contains("aws ")));
    assert!(steps.iter().all(|step| step["inverse"].as_str().unwrap().contains("aws ")));
    assert_eq!(all["plan"]["findings"][0]["code"], "not-observed");
    // The same from standard input.
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{} - < cluster.toml", env!("CARGO_BIN_EXE_aws-plan")))
        .current_dir(home.path())
        .output()
        .unwrap();
    assert_eq!(document(&output), all);
}

#[test]
fn the_key_is_shown_on_request_only() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, shown) in [
        (&["cluster.toml"][..], false),
        (&["cluster.toml", "--script"], false),
        (&["cluster.toml", "--with-key"], true),
    ] {
        let output = aws_plan(home.path(), arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(stdout(&output).contains("MARKEDSECRET"), shown, "{arguments:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("MARKED"));
    }
}

#[test]
fn observed_resources_are_not_planned_again() {
    let home = tempfile::tempdir().unwrap();
    let tag = json!({"TagSet": [{"Key": "flynn-cluster", "Value": "example.com"}]});
    fs::write(home.path().join("tags.json"), tag.to_string()).unwrap();
    fs::write(home.path().join("status.json"), r#"{"Status": "Enabled"}"#).unwrap();
    let arguments = ["cluster.toml", "--observed", "tags.json", "status.json"];
    let all = document(&aws_plan(home.path(), &arguments));
    let first = &all["plan"]["steps"][0]["sentence"];
    assert_eq!(first, "block public access to the bucket example-flynn-blobs");
    // Another cluster's bucket is an error, in the exit status too.
    fs::write(home.path().join("tags.json"), tag.to_string().replace("example", "other")).unwrap();
    let output = aws_plan(home.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("bucket-of-another-cluster"));
}

#[test]
fn the_script_is_one_that_a_shell_takes() {
    let home = tempfile::tempdir().unwrap();
    let script = stdout(&aws_plan(home.path(), &["cluster.toml", "--script"]));
    let checked = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert!(
        script.contains(
            "\n# create the health check of 203.0.113.10\naws route53 create-health-check"
        )
    );
}

#[test]
fn invalid_input_fails_with_one_line() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("bad.toml"), "domain = \"example.com:8443\"\nnodes = []\n").unwrap();
    fs::write(home.path().join("pod.json"), r#"{"kind": "Pod"}"#).unwrap();
    fs::write(home.path().join("cut.json"), r#"{"Reservations": ["#).unwrap();
    for (arguments, says) in [
        (&["missing.toml"][..], "cannot read missing.toml"),
        (&["bad.toml"], "line 1, column 10"),
        (&["bad.toml"], "it has a port"),
        (&["cluster.toml", "--observed", "pod.json"], "pod.json"),
        (&["cluster.toml", "--observed", "cut.json"], "cut off at line 1"),
        (&["cluster.toml", "--observed", "/dev/zero"], "/dev/zero"),
    ] {
        let output = aws_plan(home.path(), arguments);
        let line = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(line.contains(says) && line.lines().count() == 1, "{arguments:?}: {line}");
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
        let command = format!("route53-{domain}.sh");
        assert!(stdout(&output).contains(&command), "{}", stdout(&output));
    }
    for domain in domains {
        let script = fs::read_to_string(out.join(format!("route53-{domain}.sh"))).unwrap();
        assert!(script.contains(&format!("=controller.{domain},")), "{script}");
        assert!(out.join(format!("route53-{domain}.json")).exists());
    }
}
