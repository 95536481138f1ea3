//! git and openssl agree with the files that a run leaves.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use flynn_config::FlynnRc;
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_mock::ServerAge;

use crate::world::World;

/// `openssl x509 -outform DER | openssl dgst -binary -sha256 | openssl base64`.
fn openssl_pin(certificate: &Path) -> String {
    let pem = std::fs::read(certificate).unwrap();
    let der = pipe(&["x509", "-outform", "DER"], &pem);
    let digest = pipe(&["dgst", "-binary", "-sha256"], &der);
    String::from_utf8(pipe(&["base64"], &digest)).unwrap().trim().to_owned()
}

fn pipe(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

/// Returns the keys and values that git reads in a file.
fn git_list(file: &Path) -> Vec<String> {
    let output = Command::new("git")
        .args(["config", "--list", "-z", "--file"])
        .arg(file)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[tokio::test]
async fn openssl_computes_the_pin_that_was_written() {
    let world = World::new(ServerAge::V2016).await;
    let (summary, output) = world.run(Mode::Do).await;
    assert!(summary.is_complete(), "{output}");
    let rc = FlynnRc::load(world.path(".flynnrc")).unwrap();
    let written = rc.cluster("production").unwrap().tls_pin().to_owned();
    assert_eq!(written, openssl_pin(&world.path("certificate.pem")));
    assert_eq!(written, world.demo.mock.pin().to_string());
}

#[tokio::test]
async fn git_reads_the_same_but_for_the_ca_file() {
    let mut world = World::new(ServerAge::V2016).await;
    assert!(world.run_steps(&Step::ALL[..8], Mode::Do).await.0.is_complete());
    // From here on the certificate counts as publicly trusted.
    world.job.certificate = None;
    let path = world.path(".gitconfig");
    let (text, list) = (world.read(".gitconfig"), git_list(&path));
    assert!(world.run_steps(&[Step::Git], Mode::Do).await.0.is_complete());

    let port = world.demo.mock.addr().port();
    let gone: Vec<String> = {
        let after: BTreeSet<String> = git_list(&path).into_iter().collect();
        list.iter().filter(|entry| !after.contains(*entry)).cloned().collect()
    };
    let ca_file = world.path(".flynn/ca-certs/production.pem");
    let expected =
        format!("http.https://git.new.example.com:{port}.sslcainfo\n{}", ca_file.display());
    assert_eq!(gone, [expected]);
    assert_eq!(git_list(&path).len(), list.len() - 1);
    // Every other byte is unchanged: with the removed lines, the file is the old one.
    let after = world.read(".gitconfig");
    let kept: Vec<&str> =
        text.lines().filter(|line| !after.lines().any(|kept| kept == *line)).collect();
    assert!(
        kept.iter().all(|line| line.contains("sslCAInfo")
            || line.contains("[http \"https://git.new.example.com"))
    );
    assert!(after.contains(&format!("[credential \"https://git.new.example.com:{port}\"]")));
}

#[tokio::test]
async fn the_rest_of_both_files_stays() {
    let world = World::new(ServerAge::V2021).await;
    let (rc, git) = (world.read(".flynnrc"), world.read(".gitconfig"));
    assert!(world.run(Mode::Do).await.0.is_complete());
    let foreign = |text: &str, ours: &[&str]| -> Vec<String> {
        text.lines()
            .filter(|line| !ours.iter().any(|part| line.contains(part)))
            .map(str::to_owned)
            .collect()
    };
    let ours = ["example.com", "TLSPin"];
    let new_rc = world.read(".flynnrc");
    assert_eq!(foreign(&new_rc, &[&ours[..], &["ImageURL"]].concat()), foreign(&rc, &ours));
    let ours = ["example.com", "production.pem", "ca.pem"];
    let helper = |lines: Vec<String>| {
        lines.into_iter().filter(|line| !line.contains("helper =")).collect::<Vec<_>>()
    };
    assert_eq!(helper(foreign(&world.read(".gitconfig"), &ours)), helper(foreign(&git, &ours)));
}
