//! Connecting with the settings of a `.flynnrc`.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use flynn_client::Client;
use flynn_config::Locations;
use flynn_examples::connect::{self, Connected};
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_examples::text::one_line;
use flynn_mock::{MockController, ServerAge};

use crate::world::World;

async fn mock() -> MockController {
    MockController::builder().bootstrapped("example.com").tls().start().await
}

/// Creates a home folder whose only cluster has these lines in addition to its name and URL.
fn home(mock: &MockController, lines: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let url = mock.url();
    let rc = format!("[[cluster]]\n  Name = \"a\"\n  ControllerURL = \"{url}\"\n{lines}");
    fs::write(home.path().join(".flynnrc"), rc).unwrap();
    home
}

fn open(mock: &MockController, home: &Path) -> Result<Client> {
    let builder = connect::open(&Locations::in_home(home), Some("a"))?;
    Ok(builder.resolve("controller.example.com", mock.addr()).build().unwrap())
}

#[tokio::test]
async fn with_key_and_pin() {
    let mock = mock().await;
    let lines = format!("  Key = \"{}\"\n  TLSPin = \"{}\"\n", mock.key(), mock.pin());
    let flynn = open(&mock, home(&mock, &lines).path()).unwrap();
    assert!(flynn.routes().list().await.unwrap().len() > 3);
}

#[tokio::test]
async fn without_a_pin_a_private_certificate_is_refused() {
    let mock = mock().await;
    let lines = format!("  Key = \"{}\"\n", mock.key());
    let flynn = open(&mock, home(&mock, &lines).path()).unwrap();
    let error = flynn.routes().list().await.unwrap_err();
    assert_eq!(error.kind(), flynn_client::ErrorKind::Tls, "{error}");
    mock.requests().assert_none();
}

#[tokio::test]
async fn without_a_key_the_token_of_flynn_login_is_sent() {
    let mock = mock().await;
    let lines = format!("  OAuthURL = \"https://login.test\"\n  TLSPin = \"{}\"\n", mock.pin());
    let home = home(&mock, &lines);
    let error = open(&mock, home.path()).unwrap_err();
    let error = one_line(error.as_ref());
    assert!(error.contains("flynn login"), "{error}");

    let folder = home.path().join(".flynn/tokens/login.test");
    fs::create_dir_all(&folder).unwrap();
    let token = r#"{"access_token":"tok","expiry":"2999-01-01T00:00:00Z","token_type":"Bearer"}"#;
    let json = format!(r#"{{"access_tokens":{{"{}":{token}}}}}"#, mock.url());
    fs::write(folder.join("flynn-cli.json"), json).unwrap();
    let flynn = open(&mock, home.path()).unwrap();
    // The mock refuses the token, because it did not issue it.
    assert!(flynn.routes().list().await.unwrap_err().is_unauthorized());
    let requests = mock.requests();
    assert_eq!(requests.first().unwrap().header("authorization"), Some("Bearer tok"));
}

/// The steps and `doctor` select the same cluster.
#[tokio::test]
async fn without_a_pin_the_steps_trust_public_certificates() {
    let world = World::new(ServerAge::V2016).await;
    let pin = format!("TLSPin = \"{}\"", world.demo.mock.pin());
    world.demo.write(".flynnrc", &world.read(".flynnrc").replace(&pin, "")).unwrap();
    let (_, failure) = world.run_steps(&[Step::Connect], Mode::Do).await.0.failures.remove(0);
    let failure = one_line(failure.as_ref());
    assert!(failure.contains("UnknownIssuer"), "{failure}");
    let locations = world.job.locations.clone();
    let cluster = connect::cluster(&locations, Some("production")).unwrap();
    assert!(Connected::new(locations, cluster, world.job.connect_to).is_ok());
}

#[tokio::test]
async fn plain_http_is_for_clusters_without_a_pin() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let open = |lines: &str| {
        let home = home(&mock, &format!("  Key = \"{}\"\n{lines}", mock.key()));
        connect::open(&Locations::in_home(home.path()), Some("a")).unwrap().no_proxy().build()
    };
    assert!(!open("").unwrap().apps().list().await.unwrap().is_empty());
    let error = open("  TLSPin = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n").unwrap_err();
    assert!(error.to_string().contains("https://"), "{error}");
    assert_eq!(mock.requests().len(), 1, "the key did not leave");
}

/// A program names the missing setting. It does not send a request without a key, or a key in clear text.
#[tokio::test]
async fn programs_say_what_the_entry_lacks() {
    let mock = mock().await;
    let plain = mock.url().replace("https://", "http://");
    let pin = format!("  TLSPin = \"{}\"\n", mock.pin());
    let entry = |url: &str, lines: &str| {
        format!("[[cluster]]\n  Name = \"a\"\n  ControllerURL = \"{url}\"\n{lines}")
    };
    let key = format!("  Key = \"{}\"\n{pin}", mock.key());
    for (rc, says) in
        [(entry(&plain, &key), "https://"), (entry(mock.url().as_ref(), &pin), "neither a key nor")]
    {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".flynnrc"), &rc).unwrap();
        let address = mock.addr().to_string();
        for (program, more) in [
            (env!("CARGO_BIN_EXE_doctor"), &[][..]),
            (env!("CARGO_BIN_EXE_routes"), &[]),
            (env!("CARGO_BIN_EXE_migrate-domain"), &["--domain", "new.example.com"]),
            (
                env!("CARGO_BIN_EXE_move-blobs"),
                &["--bucket", "acme-blobs", "--region", "eu-west-1"],
            ),
        ] {
            let words = ["--cluster", "a", "--connect-to", &address];
            let words: Vec<String> = words.iter().chain(more).map(|w| (*w).to_owned()).collect();
            let output = crate::program::run(program, home.path(), &words);
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{program}: {error}");
            assert!(error.contains(says), "{program} does not say {says}: {error}");
            assert_eq!(error.lines().count(), 1, "{program}: {error}");
        }
    }
    mock.requests().assert_none();
}

/// Standard input can be read only once.
#[tokio::test]
async fn programs_read_the_file_once() {
    let mock = mock().await;
    let lines = format!("  Key = \"{}\"\n  TLSPin = \"{}\"\n", mock.key(), mock.pin());
    let home = home(&mock, &lines);
    let address = mock.addr().to_string();
    for program in [env!("CARGO_BIN_EXE_routes"), env!("CARGO_BIN_EXE_doctor")] {
        let output = Command::new(program)
            .args(["--cluster", "a", "--connect-to", &address])
            .env_clear()
            .env("HOME", home.path())
            .env("FLYNNRC", "-")
            .stdin(File::open(home.path().join(".flynnrc")).unwrap())
            .output()
            .unwrap();
        let shown = crate::program::stdout(&output);
        assert!(shown.contains("controller.example.com"), "{program}: {output:?}");
    }
    assert!(!mock.requests().is_empty());
}
