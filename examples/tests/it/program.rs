//! The programs, run as a person runs them.

use std::process::{Command, Output};

use flynn_mock::ServerAge;

use crate::world::{World, files_under};

const AWS_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYMARKEDSECRET";

/// `productionize`, with an environment of its own.
pub(crate) fn productionize(home: &std::path::Path, arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_productionize"))
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
        ("--cert", job.certificate.display().to_string()),
        ("--key", job.key.display().to_string()),
        ("--ca", world.path("ca.pem").display().to_string()),
        ("--connect-to", world.demo.mock.addr().to_string()),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.to_owned(), value])
    .collect()
}

fn stdout(output: &Output) -> String {
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
    for server in ["2016", "2021"] {
        let arguments = ["--server".to_owned(), server.to_owned()];
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
    assert!(stdout(&output).contains("usage: productionize"));
}
