//! Runs each short example as a newcomer would.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use flynn_client::releases::{NewRelease, ProcessType};
use flynn_mock::{AppSeed, MockController};
use flynn_tls::generate::Ca;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// A cluster, a home folder with its files, and a proxy that sends every name to the cluster.
struct Place {
    mock: MockController,
    home: tempfile::TempDir,
    proxy: SocketAddr,
}

impl Place {
    async fn new() -> Self {
        let mock = MockController::builder()
            .bootstrapped("example.com")
            .app(AppSeed::new("www").process("web", 1))
            .tls()
            .start()
            .await;
        let home = tempfile::tempdir().unwrap();
        let rc = format!(
            "[[cluster]]\n  Name = \"default\"\n  Key = \"{}\"\n  TLSPin = \"{}\"\n  \
             ControllerURL = \"https://controller.example.com\"\n  \
             GitURL = \"https://git.example.com\"\n",
            mock.key(),
            mock.pin()
        );
        let place = Self { proxy: proxy(mock.addr()).await, mock, home };
        place.write(".flynnrc", &rc);
        std::fs::create_dir_all(place.path(".flynn/ca-certs")).unwrap();
        place.write(".flynn/ca-certs/default.pem", &place.mock.ca_pem());
        let issued = Ca::new("Example CA").unwrap().issue(&["*.example.com", "example.com"]);
        let issued = issued.unwrap();
        place.write("chain.pem", &issued.chain_pem());
        place.write("key.pem", &issued.key_pem());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let test = std::env::current_exe().unwrap();
        let program = test.parent().unwrap().parent().unwrap().join("examples").join(name);
        assert!(program.exists(), "run `cargo build -p flynn-examples --examples` first");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("HTTPS_PROXY", format!("http://{}", self.proxy))
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs an example to its end.
    async fn run(&self, name: &str, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(name, arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap()
    }

    /// The first line of an example that runs until it is stopped.
    async fn first_line(&self, name: &str, arguments: &[&str]) -> String {
        let mut child = self.command(name, arguments).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).await.unwrap();
        child.kill().await.unwrap();
        line
    }
}

/// An HTTP proxy that connects to one address for every request.
async fn proxy(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                let mut server = TcpStream::connect(target).await?;
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    address
}

fn shown(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_short_example_works() {
    let place = Place::new().await;
    let client = place.mock.client();
    let www = client.app("www").get().await.unwrap();
    let release = NewRelease::of_app(&www.id).process("web", ProcessType::running(["/bin/web"]));
    let release = client.releases().create(release).await.unwrap();
    let config =
        "[user]\n\tname = Ada\n[http \"https://git.example.com\"]\n\tsslCAInfo = /ca.pem\n";
    place.write(".gitconfig", config);

    let address = place.mock.addr().to_string();
    let mut seen = BTreeSet::new();
    for (name, arguments, input, status, says) in [
        ("connect", &[][..], "", 0, "the cluster is healthy"),
        ("deploy", &["www", release.id.as_str()], "", 0, "runs"),
        ("env", &["www"], "", 0, "GREETING"),
        (
            "route_certificate",
            &["dashboard", "chain.pem", "key.pem"],
            "",
            0,
            "dashboard.example.com",
        ),
        ("run_attached", &["blobstore", "cat"], "hello", 0, "hello"),
        ("run_attached", &["blobstore", "exit", "3"], "", 3, ""),
        ("test_with_mock", &[], "", 0, "works"),
        ("stub_one_call", &[], "", 0, "the mock answers: www"),
        ("backup", &["backup.tar"], "", 0, "bytes saved"),
        ("check_certificate", &["chain.pem", "key.pem", "example.com"], "", 0, "pin "),
        ("check_certificate", &["chain.pem", "key.pem", "example.net"], "", 1, "example.net"),
        ("edit_gitconfig", &["https://git.example.com"], "", 0, "sslCAInfo"),
        ("plan_dns", &["example.com", "203.0.113.1", "203.0.113.2"], "", 0, "203.0.113.2"),
        ("install_certificate", &["chain.pem", "key.pem", &address], "", 0, "the pin is now"),
        ("env", &["www"], "", 0, "nothing to change"), // with the new pin
    ] {
        let output = place.run(name, arguments, input).await;
        let text = shown(&output);
        assert_eq!(output.status.code(), Some(status), "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
        assert!(!text.contains(place.mock.key()), "{name} shows the key: {text}");
        seen.insert(name.to_owned());
    }
    for (name, says) in [("logs", ": "), ("events", "web up")] {
        let app = if name == "logs" { "controller" } else { "www" };
        let line = place.first_line(name, &[app]).await;
        assert!(!line.is_empty(), "{name} ({says})");
        seen.insert(name.to_owned());
    }

    assert_eq!(client.app("www").env().get().await.unwrap()["GREETING"], "hello");
    assert!(place.path("backup.tar").metadata().unwrap().len() > 0);
    assert_eq!(
        std::fs::read_to_string(place.path(".gitconfig")).unwrap(),
        "[user]\n\tname = Ada\n"
    );
    let routes = client.app("dashboard").routes().list().await.unwrap();
    let chain = std::fs::read_to_string(place.path("chain.pem")).unwrap();
    assert_eq!(routes[0].certificate.as_ref().unwrap().cert.trim(), chain.trim());

    // No example is left out, here or in the README, and none is long.
    let readme = include_str!("../../README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(seen.contains(name), "{name} is not run");
        assert!(readme.contains(&format!("examples/{name}.rs")), "{name} is not in the README");
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 60, "{name} has {lines} lines");
    }
}
