//! Runs the programs as users do.

use std::path::Path;
use std::process::{Command, Output};

use flynn_mock::ServerAge;

use crate::world::{World, files_under};

const AWS_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYMARKEDSECRET";

/// `productionize`, with a clean environment.
pub(crate) fn productionize(home: &Path, arguments: &[String]) -> Output {
    run(env!("CARGO_BIN_EXE_productionize"), home, arguments)
}

/// A program, with a clean environment and a new folder.
pub(crate) fn run(program: &str, home: &Path, arguments: &[String]) -> Output {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
        .current_dir(home)
        .output()
        .unwrap()
}

/// The arguments for a world's cluster, as if it were a real one.
pub(crate) fn real_arguments(world: &World) -> Vec<String> {
    let job = &world.job;
    [
        ("--cluster", "production".to_owned()),
        ("--domain", job.domain.to_string()),
        ("--cert", world.path("certificate.pem").display().to_string()),
        ("--key", world.path("certificate.key").display().to_string()),
        ("--ca", world.path("ca.pem").display().to_string()),
        ("--connect-to", world.demo.mock.addr().to_string()),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.to_owned(), value])
    .collect()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn a_real_cluster_in_a_real_home() {
    let world = World::new(ServerAge::V2016).await;
    let mut arguments = real_arguments(&world);
    arguments.extend(
        [
            "--bucket",
            "acme-blobs",
            "--region",
            "eu-west-1",
            "--node-ip",
            "203.0.113.7",
            "203.0.113.8",
        ]
        .map(str::to_owned),
    );
    let first = productionize(world.demo.home(), &arguments);
    assert!(first.status.success(), "{first:?}");
    assert!(stdout(&first).contains("All steps hold: 8 done now"), "{}", stdout(&first));
    assert!(world.path("route53-new.example.com.json").exists());
    let env = world.demo.mock.client().app("blobstore").env().get().await.unwrap();
    assert!(env["BACKEND_S3MAIN"].ends_with(&format!("secret_access_key={AWS_SECRET}")));
    for secret in [AWS_SECRET, world.demo.mock.key(), "PRIVATE KEY"] {
        assert!(!stdout(&first).contains(secret), "{}", stdout(&first));
    }

    world.demo.mock.clear_requests();
    let files = files_under(world.demo.home());
    let second = productionize(world.demo.home(), &arguments);
    assert!(stdout(&second).contains("0 done now, 8 held already"), "{}", stdout(&second));
    assert_eq!(world.changes(), Vec::<String>::new());
    assert!(files_under(world.demo.home()) == files);
}

#[test]
fn without_arguments_it_makes_everything_itself() {
    let home = tempfile::tempdir().unwrap();
    for server in ["2016", "2021", "fork-2026-06", "fork-2026-09"] {
        let arguments = ["--server", server].map(str::to_owned);
        let output = productionize(home.path(), &arguments);
        let shown = stdout(&output);
        assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
        for line in [
            "11/11",
            "All steps hold: 8 done now",
            "http:new.example.com",
            "\"s3:DeleteObject\"",
            "\"CNAME\"",
        ] {
            assert!(shown.contains(line), "{line} is missing:\n{shown}");
        }
        assert!(!shown.contains("PRIVATE KEY"));
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn help_is_help() {
    let home = tempfile::tempdir().unwrap();
    let output = productionize(home.path(), &["--help".to_owned()]);
    assert!(output.status.success());
    assert!(stdout(&output).contains("Usage: productionize"));
}

/// Each program carries out its own steps, and reports on a second run that there is nothing to do.
#[tokio::test]
async fn one_program_a_task() {
    let world = World::new(ServerAge::V2021).await;
    let arguments = |more: &[&str]| -> Vec<String> {
        let address = world.demo.mock.addr().to_string();
        let common = ["--cluster", "production", "--connect-to", &address];
        common.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    };
    let (chain, key, ca) = ("certificate.pem", "certificate.key", "ca.pem");
    let tasks = [
        (env!("CARGO_BIN_EXE_migrate-domain"), arguments(&["--domain", "new.example.com"]), 1),
        (
            env!("CARGO_BIN_EXE_install-certificate"),
            arguments(&["--cert", chain, "--key", key, "--ca", ca]),
            4,
        ),
        (
            env!("CARGO_BIN_EXE_move-blobs"),
            arguments(&["--bucket", "acme-blobs", "--region", "eu-west-1"]),
            1,
        ),
    ];
    for (program, arguments, steps) in tasks {
        for done in [format!("{steps} done now, 0 held"), format!("0 done now, {steps} held")] {
            let output = run(program, world.demo.home(), &arguments);
            let shown = stdout(&output);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program}: {errors}{shown}");
            assert!(shown.contains(&done), "{program}: {shown}");
        }
    }
    // Missing options are reported. The program does not fall back to a mock if the cluster was forgotten.
    for (program, arguments, asks) in [
        (env!("CARGO_BIN_EXE_migrate-domain"), arguments(&[]), "needs --domain"),
        (env!("CARGO_BIN_EXE_move-blobs"), arguments(&[]), "needs --bucket"),
        (
            env!("CARGO_BIN_EXE_migrate-domain"),
            vec!["--domain".to_owned(), "new.example.com".to_owned()],
            "--cluster is missing",
        ),
    ] {
        let output = run(program, world.demo.home(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{program}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains(asks), "{program}: {errors}");
    }
}

#[tokio::test]
async fn doctor_exits_with_1_when_something_is_broken() {
    let world = World::new(ServerAge::V2016).await;
    let address = world.demo.mock.addr().to_string();
    let arguments = ["--cluster", "production", "--connect-to", &address].map(str::to_owned);
    let doctor = || run(env!("CARGO_BIN_EXE_doctor"), world.demo.home(), &arguments);
    let healthy = doctor();
    assert!(healthy.status.success(), "{}", stdout(&healthy));
    assert!(stdout(&healthy).contains("0 errors"), "{}", stdout(&healthy));
    let rc = world.read(".flynnrc").replace(world.demo.mock.key(), "another");
    world.demo.write(".flynnrc", &rc).unwrap();
    let sick = doctor();
    assert_eq!(sick.status.code(), Some(1));
    assert!(stdout(&sick).contains("401"), "{}", stdout(&sick));
}
