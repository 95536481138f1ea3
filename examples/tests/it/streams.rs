//! Closed or full standard streams cause no panic, and lost output is not reported as success.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::process::{Command, Output, Stdio};

use flynn_mock::ServerAge;

use crate::world::World;

/// Every program, with arguments that make it print something and succeed on the cluster of a world.
fn programs(world: &World) -> Vec<(&'static str, Vec<String>)> {
    let address = world.demo.mock.addr().to_string();
    let on_cluster = |more: &[&str]| -> Vec<String> {
        let common = ["--cluster", "production", "--connect-to", &address];
        common.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    let plain = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let certificate = ["--cert", "certificate.pem", "--key", "certificate.key", "--ca", "ca.pem"];
    let install = [&["--dry-run", "--domain", "new.example.com"], &certificate[..]].concat();
    vec![
        (env!("CARGO_BIN_EXE_doctor"), on_cluster(&[])),
        (env!("CARGO_BIN_EXE_routes"), on_cluster(&[])),
        (env!("CARGO_BIN_EXE_productionize"), on_cluster(&install)),
        (env!("CARGO_BIN_EXE_install-certificate"), on_cluster(&install)),
        (
            env!("CARGO_BIN_EXE_migrate-domain"),
            on_cluster(&["--dry-run", "--domain", "new.example.com"]),
        ),
        (
            env!("CARGO_BIN_EXE_move-blobs"),
            on_cluster(&["--dry-run", "--bucket", "acme-blobs", "--region", "eu-west-1"]),
        ),
        (env!("CARGO_BIN_EXE_pin"), plain(&["certificate.pem"])),
        (
            env!("CARGO_BIN_EXE_check-certificate"),
            plain(&["--cert", "certificate.pem", "--ca", "ca.pem"]),
        ),
        (env!("CARGO_BIN_EXE_aws-plan"), plain(&["--example"])),
        (env!("CARGO_BIN_EXE_productionize"), plain(&["--help"])),
        (env!("CARGO_BIN_EXE_git-credential-flynn"), plain(&["--help"])),
    ]
}

fn run(world: &World, program: &str, arguments: &[String], redirection: &str) -> Output {
    // The shell's `>&-` closes a stream, which `Stdio` cannot.
    Command::new("sh")
        .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}"), program])
        .args(arguments)
        .env_clear()
        .env("HOME", world.demo.home())
        .current_dir(world.demo.home())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[tokio::test]
async fn lost_output_is_no_success_and_no_panic() {
    let world = World::new(ServerAge::V2021).await;
    for (program, arguments) in programs(&world) {
        let good = run(&world, program, &arguments, "");
        assert!(good.status.success(), "{program}: {good:?}");
        let output = run(&world, program, &arguments, ">/dev/full");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{program}: {errors}");
        assert!(errors.contains("standard output"), "{program}: {errors}");
        assert!(!errors.contains("panicked"), "{program}: {errors}");
        // Rust's runtime opens /dev/null in the place of a stream that is closed.
        for redirection in [">&-", "2>/dev/full", "2>&-"] {
            let output = run(&world, program, &arguments, redirection);
            assert!(output.status.success(), "{program} {redirection}: {output:?}");
        }
        // A failure to print an error does not change the exit status.
        for redirection in ["2>/dev/full", "2>&-", ">/dev/full 2>/dev/full"] {
            let output = run(&world, program, &["--nonsense".to_owned()], redirection);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{program} {redirection}");
        }
    }
}

/// Output into a pipe that closes early, as with `| head -1`.
#[tokio::test]
async fn a_reader_that_goes_away_is_no_panic() {
    let world = World::new(ServerAge::V2021).await;
    for (program, arguments) in programs(&world) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(program)
            .args(&arguments)
            .env_clear()
            .env("HOME", world.demo.home())
            .current_dir(world.demo.home())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{program}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{program}");
    }
}

/// Endless files are refused.
#[tokio::test]
async fn odd_files_are_refused() {
    let world = World::new(ServerAge::V2021).await;
    let fifo = world.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let fifo = fifo.display().to_string();
    for file in [fifo.as_str(), "/dev/zero"] {
        for (program, arguments) in [
            (env!("CARGO_BIN_EXE_pin"), vec![file]),
            (env!("CARGO_BIN_EXE_check-certificate"), vec!["--cert", file]),
            (
                env!("CARGO_BIN_EXE_install-certificate"),
                vec!["--cluster", "production", "--cert", file, "--key", "certificate.key"],
            ),
            (env!("CARGO_BIN_EXE_doctor"), vec!["--cluster", "production", "--ca", file]),
        ] {
            let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            let output = run(&world, program, &arguments, "");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{program} {file}: {errors}");
            assert!(errors.contains("not a regular file"), "{program} {file}: {errors}");
        }
    }
    // `-` is standard input.
    let output = Command::new(env!("CARGO_BIN_EXE_pin"))
        .arg("-")
        .stdin(File::open(world.path("certificate.pem")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let expected = Command::new(env!("CARGO_BIN_EXE_pin"))
        .arg(world.path("certificate.pem"))
        .output()
        .unwrap();
    assert_eq!(output.stdout, expected.stdout);
}
