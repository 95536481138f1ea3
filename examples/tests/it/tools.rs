//! The tools for daily work, each against a mocked cluster.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use flynn_config::FlynnRc;
use flynn_examples::cli::Arguments;
use flynn_examples::demo::{Demo, OLD_DOMAIN};
use flynn_mock::{AppSeed, MockController, ServerAge};
use secrecy::ExposeSecret as _;

use crate::world::World;

async fn world() -> World {
    let builder = MockController::builder().app(AppSeed::new("shop").process("worker", 1));
    let arguments = Arguments { domain: Some(OLD_DOMAIN.to_owned()), ..Arguments::default() };
    World::of(Demo::start_on(builder, ServerAge::V2021).await.unwrap(), &arguments)
}

/// Runs a tool on the cluster of a world, with this input.
fn run(world: &World, program: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(["--cluster", "production", "--connect-to", &world.demo.mock.addr().to_string()])
        .args(arguments)
        .env_clear()
        .env("HOME", world.demo.home())
        .env("RENEWED_LINEAGE", world.path("live"))
        .current_dir(world.demo.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Returns the output of a tool that succeeds.
fn succeeds(world: &World, program: &str, arguments: &[&str], input: &str) -> String {
    let output = run(world, program, arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn status() {
    let world = world().await;
    let program = env!("CARGO_BIN_EXE_status");
    assert!(succeeds(&world, program, &[], "").starts_with("healthy "));
    let metrics = succeeds(&world, program, &["--prometheus"], "");
    assert!(metrics.contains("flynn_healthy 1\n"), "{metrics}");
    assert!(metrics.contains("flynn_service_healthy{service=\"controller\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn logs() {
    let world = world().await;
    let lines = succeeds(&world, env!("CARGO_BIN_EXE_logs"), &["controller", "-n", "1"], "");
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[tokio::test]
async fn run_attached() {
    let world = world().await;
    let program = env!("CARGO_BIN_EXE_run");
    assert_eq!(succeeds(&world, program, &["blobstore", "cat"], "hello"), "hello");
    assert_eq!(run(&world, program, &["blobstore", "exit", "3"], "").status.code(), Some(3));
}

#[tokio::test]
async fn backup() {
    let world = world().await;
    let said = succeeds(&world, env!("CARGO_BIN_EXE_backup"), &["cluster.tar"], "");
    let size = world.path("cluster.tar").metadata().unwrap().len();
    assert!(size > 0 && said.contains(&size.to_string()), "{said}");
    assert!(!world.path("cluster.part").exists());
}

#[tokio::test]
async fn autoscale() {
    let world = world().await;
    let arguments = ["shop", "worker", "--per", "100", "--max", "3"];
    let said = succeeds(&world, env!("CARGO_BIN_EXE_autoscale"), &arguments, "50\n250\n900\n0\n");
    assert_eq!(said, "load 250: 1 -> 3 worker\nload 0: 3 -> 2 worker\n");
    let output = run(&world, env!("CARGO_BIN_EXE_autoscale"), &arguments, "many\n");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn renew_certificate() {
    let world = world().await;
    std::fs::create_dir(world.path("live")).unwrap();
    for (from, to) in [("certificate.pem", "fullchain.pem"), ("certificate.key", "privkey.pem")] {
        std::fs::copy(world.path(from), world.path("live").join(to)).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_renew-certificate");
    for done in ["4 done now", "0 done now, 4 held"] {
        let said = succeeds(&world, program, &["--ca", "ca.pem"], "");
        assert!(said.contains(done), "{said}");
    }
}

#[tokio::test]
async fn deploy_and_env() {
    let world = world().await;
    let (deploy, env) = (env!("CARGO_BIN_EXE_deploy"), env!("CARGO_BIN_EXE_env"));
    let client = world.demo.mock.client();
    let before = client.app("shop").release().await.unwrap().id;
    let plan = succeeds(&world, deploy, &["shop", "--env", "A=1", "--dry-run"], "");
    assert!(plan.contains('A'), "{plan}");
    assert_eq!(client.app("shop").release().await.unwrap().id, before);
    let said = succeeds(&world, deploy, &["shop", "--env", "A=1"], "");
    let now = client.app("shop").release().await.unwrap();
    assert!(said.contains(&format!("release {} runs", now.id)), "{said}");
    assert_eq!(now.env["A"], "1");
    assert!(
        succeeds(&world, deploy, &["shop", "--env", "A=1"], "").contains("nothing had to change")
    );

    let dotenv = "export B='two words'\n";
    succeeds(&world, env, &["shop", "C=3", "--file", "-", "--unset", "A"], dotenv);
    assert_eq!(succeeds(&world, env, &["shop"], ""), "B='two words'\nC=3\n");
}

#[tokio::test]
async fn rotate_key() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let world = World::new(age).await;
        let old = world.demo.mock.key().to_owned();
        let said = succeeds(&world, env!("CARGO_BIN_EXE_rotate-key"), &[], "");
        let rc = FlynnRc::load(world.path(".flynnrc")).unwrap();
        let new = rc.cluster("production").unwrap().key().expose_secret().to_owned();
        assert_ne!(new, old);
        assert!(!said.contains(&old) && !said.contains(&new), "{said}");
        // The old key opens nothing, and no app has it.
        let client = world.demo.mock.client().with_key(old.as_str()).unwrap();
        assert!(client.apps().list().await.unwrap_err().is_unauthorized());
        let client = client.with_key(new.as_str()).unwrap();
        for app in client.apps().list().await.unwrap() {
            let Some(release) = client.app(app.id).release_opt().await.unwrap() else { continue };
            assert!(!release.env.values().any(|value| value.contains(&old)), "{}", app.name);
        }
    }
}

#[test]
fn the_table_of_lines_is_true() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = include_str!("../../README.md");
    let (_, table) =
        readme.split_once("| tool | lines then | lines now |\n|---|---|---|\n").unwrap();
    let (mut then, mut now, mut tools) = (0, 0, 0);
    for row in table.lines().take_while(|row| row.starts_with('|')) {
        let [_, name, before, after, _] = row.split('|').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let numbers: Vec<usize> = [before, after].map(|n| n.trim().parse().unwrap()).into();
        let Some((_, file)) = name.split_once("](") else {
            assert_eq!((numbers[0], numbers[1]), (then, now), "the sum");
            continue;
        };
        let file = folder.join(file.trim_end_matches([' ', ')']));
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), numbers[1], "{name}");
        (then, now, tools) = (then + numbers[0], now + numbers[1], tools + 1);
    }
    assert!(tools == 10 && now <= 450, "{tools} tools, {now} lines");
}
