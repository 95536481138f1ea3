//! `aws-apply` and `move-blobs` against the emulator that `cargo xtask test-aws` starts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy exempts `#[test]` functions, but not their helpers"
)]

mod blobs;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use flynn_aws::live::route53::Client;
use flynn_aws::live::route53::sdk::config::{Credentials, SharedCredentialsProvider};

fn endpoint() -> String {
    std::env::var("FLYNN_AWS_EMULATOR")
        .unwrap_or_else(|_| panic!("run these tests by `cargo xtask test-aws`"))
}

/// The settings of the emulator's clients.
fn emulator() -> SdkConfig {
    let key = Credentials::new("AKIAADMIN", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint())
        .credentials_provider(SharedCredentialsProvider::new(key))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// A folder with a specification that has unique names, and the hosted zone of its domain.
async fn home(name: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let word = format!("p{}-{name}", std::process::id());
    let spec = format!(
        "domain = \"{word}.example.com\"\nnodes = [{{ name = \"a\", public_ip = \"203.0.113.10\" }}]\n\
         [blobstore]\nbucket = \"{word}-blobs\"\nregion = \"us-east-1\"\n\
         [network]\nssh_from = [\"198.51.100.0/24\"]\n"
    );
    fs::write(home.path().join("cluster.toml"), spec).unwrap();
    let client = Client::new(&emulator());
    let zone = client.create_hosted_zone().name(format!("{word}.example.com"));
    zone.caller_reference(&word).send().await.unwrap();
    home
}

fn aws_apply(home: &Path, arguments: &[&str]) -> Output {
    with_endpoint(home, &endpoint(), arguments)
}

fn with_endpoint(home: &Path, endpoint: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aws-apply"))
        .arg("cluster.toml")
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "AKIAADMIN")
        .env("AWS_SECRET_ACCESS_KEY", "MARKEDADMIN")
        .env("AWS_MAX_ATTEMPTS", "1")
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!text.contains("MARKEDADMIN"));
    text
}

fn failure(output: &Output) -> String {
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(line.lines().count() == 1 && !line.contains("MARKEDADMIN"), "{line}");
    line
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn apply_repeat_and_undo() {
    let home = home("whole").await;
    let home = home.path();
    let plan = stdout(&aws_apply(home, &["--dry-run"]));
    assert!(
        plan.contains("create the bucket") && plan.contains("aws s3api create-bucket"),
        "{plan}"
    );
    assert!(plan.contains("run yourself: create the security group"), "{plan}");

    // There is no terminal for the question, and a key needs a file.
    assert!(failure(&aws_apply(home, &[])).contains("--yes"));
    assert!(failure(&aws_apply(home, &["--yes"])).contains("--key-file"));
    // A failure before the key is created leaves no file that the next run would refuse.
    for key in ["key", "missing/key"] {
        let arguments = ["--yes", "--key-file", key, "--undo-file", "missing/undo"];
        assert!(failure(&aws_apply(home, &arguments)).contains("missing/"));
        assert!(!home.join("key").exists());
    }
    assert_eq!(stdout(&aws_apply(home, &["--dry-run"])), plan, "nothing was changed");

    let done = stdout(&aws_apply(home, &["--yes", "--key-file", "key", "--undo-file", "undo"]));
    let key = fs::read_to_string(home.join("key")).unwrap();
    let secret = key.split("AWS_SECRET_ACCESS_KEY=").nth(1).unwrap().trim();
    assert!(secret.len() > 20 && !done.contains(secret), "{done}");
    let undo = fs::read_to_string(home.join("undo")).unwrap();
    assert!(!undo.contains(secret) && undo.lines().count() > 8, "{undo}");
    assert_eq!((mode(&home.join("key")), mode(&home.join("undo"))), (0o600, 0o600));

    let again = stdout(&aws_apply(home, &["--yes", "--undo-file", "undo"]));
    assert!(again.contains("everything holds"), "{again}");
    assert_eq!(fs::read_to_string(home.join("undo")).unwrap(), undo);
    // A key file is never overwritten.
    let refused = failure(&aws_apply(home, &["--yes", "--new-key", "--key-file", "key"]));
    assert!(refused.contains("must not exist"), "{refused}");
    assert_eq!(fs::read_to_string(home.join("key")).unwrap(), key);

    let undone = stdout(&aws_apply(home, &["--undo", "undo", "--yes"]));
    assert!(undone.contains("everything is undone"), "{undone}");
    assert!(!home.join("undo").exists());
    assert_eq!(stdout(&aws_apply(home, &["--dry-run"])), plan);
}

/// A run that was killed can leave half a line: its step did not run.
#[tokio::test]
async fn a_killed_run_is_undone() {
    let home = home("killed").await;
    let home = home.path();
    let plan = stdout(&aws_apply(home, &["--dry-run"]));
    stdout(&aws_apply(home, &["--yes", "--key-file", "key", "--undo-file", "undo"]));
    let undo = fs::read_to_string(home.join("undo")).unwrap();
    let half = undo.lines().next().unwrap();
    fs::write(home.join("undo"), format!("{undo}{}", &half[..half.len() / 2])).unwrap();
    assert!(
        stdout(&aws_apply(home, &["--undo", "undo", "--yes"])).contains("everything is undone")
    );
    assert_eq!(stdout(&aws_apply(home, &["--dry-run"])), plan);

    fs::write(home.join("undo"), "not a step\n").unwrap();
    assert!(
        failure(&aws_apply(home, &["--undo", "undo", "--yes"])).contains("line 1 is not a step")
    );
}

#[tokio::test]
async fn failures_are_one_line() {
    let home = home("failures").await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line =
        failure(&with_endpoint(home.path(), &format!("http://127.0.0.1:{port}"), &["--yes"]));
    assert!(line.contains("s3:ListBucket") && line.contains("check the network"), "{line}");
    fs::write(home.path().join("cluster.toml"), "domain = \"example.com:80\"\nnodes = []\n")
        .unwrap();
    assert!(failure(&aws_apply(home.path(), &["--yes"])).contains("line 1, column 10"));
}
