//! The program `mock-controller`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::http;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mock-controller");

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flynn-mock-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running program, which is killed on drop.
struct Running {
    child: Child,
    introduction: String,
}

impl Running {
    /// Starts it and reads what it prints once it is ready.
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            Command::new(PROGRAM).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut introduction = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            introduction.push_str(&line);
            introduction.push('\n');
            if line.starts_with("The control API") {
                break;
            }
        }
        Self { child, introduction }
    }

    #[cfg(unix)]
    fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_it_cannot_serve_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = Folder::new("refused");
    let seed = folder.path("seed.toml");
    fs::write(&seed, "[[apps]]\nname = \"a\"\ncolour = \"red\"\n").unwrap();
    let nowhere = folder.path("no/such/folder");
    for (arguments, says) in [
        (["--listen", &taken], taken.as_str()),
        // An address reserved for documentation does not belong to this machine.
        (["--listen", "192.0.2.1:0"], "192.0.2.1:0"),
        (["--listen", "here"], "here"),
        (["--control", &taken], taken.as_str()),
        (["--control", "0.0.0.0:0"], "loopback"),
        (["--domain", ""], "domain"),
        (["--domain", "https://x y"], "https://x y"),
        (["--key", ""], "key is empty"),
        (["--server", "2018"], "2016"),
        (["--pace", "fast"], "by-hand"),
        (["--clock", "noon"], "noon"),
        (["--seed", &seed], "line 3, column 1"),
        (["--seed", &nowhere], &nowhere),
        (["--ready-file", &nowhere], &nowhere),
        (["--journal", &nowhere], &nowhere),
    ] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let line = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(line.contains(says) && line.lines().count() == 1, "{arguments:?}: {line}");
    }
}

#[test]
fn the_page_about_tests_lists_every_option() {
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let page = include_str!("../../TESTING.md");
    let options = help.split_whitespace().filter(|word| word.starts_with("--"));
    for option in options.filter(|option| !["--help", "--version"].contains(option)) {
        assert!(page.contains(&format!("| `{option}")), "{option}");
    }
}

#[test]
fn what_another_program_needs_is_in_the_ready_file() {
    let folder = Folder::new("ready");
    let [ready, journal, seed] = ["ready.json", "journal", "seed.toml"].map(|n| folder.path(n));
    fs::write(&seed, "[[apps]]\nname = \"www\"\n").unwrap();
    let running = Running::start(&[
        "--domain",
        "flynn.test",
        "--key",
        "the-key",
        "--seed",
        &seed,
        "--ready-file",
        &ready,
        "--journal",
        &journal,
    ]);
    let file: Value = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
    let text = |field: &str| file[field].as_str().unwrap_or_default().to_owned();
    for said in ["cluster_add", "control_url", "key", "pin", "url"].map(text) {
        assert!(!said.is_empty() && running.introduction.contains(&said), "{said}");
    }
    let token = text("token");
    assert!(!running.introduction.contains(&token), "a token is not for a terminal");
    let names = "controller.flynn.test git.flynn.test images.flynn.test dashboard.flynn.test \
                 status.flynn.test";
    assert!(running.introduction.contains(&format!("127.0.0.1 {names}\n")));
    assert_eq!(file["pid"], running.child.id());
    let control = text("control_url").strip_prefix("http://").unwrap().parse().unwrap();
    let call = |method: &str, target: &str| {
        http::send(control, method, target, &format!("Bearer {token}"), "").unwrap()
    };
    assert_eq!(call("GET", "/state/apps/www").json()["name"], "www");
    let cluster = format!("{}:{}", text("ip"), file["port"]).parse().unwrap();
    let answer = http::send(
        cluster,
        "POST",
        "/apps?key=hunter2",
        "Basic OnRoZS1rZXk=",
        r#"{"name":"made","meta":{"password":"hunter2"}}"#,
    );
    assert_eq!(answer.unwrap().status, 200);
    // Once the API shows the request, the journal will soon contain it.
    call("GET", "/requests?min=1");
    let line = first_line(&journal);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["op"], &line["number"]), (&"AppCreate".into(), &1.into()));
    assert_eq!((&line["body"]["name"], &line["answer"]["status"]), (&"made".into(), &200.into()));
    assert_eq!(line["answer"]["body"]["name"], "made");
    assert_eq!(line["answer"]["body"]["meta"]["password"], "[redacted]");
    let line = line.to_string();
    assert!(!line.contains("hunter2") && !line.contains("OnRoZS1rZXk"), "{line}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&ready).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(running.terminate(), Some(0));
        assert!(!std::path::Path::new(&ready).exists());
    }
}

/// Returns the first line of a file as soon as it exists.
fn first_line(path: &str) -> String {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Some((line, _)) = text.split_once('\n') {
            return line.to_owned();
        }
        assert!(std::time::Instant::now() < until, "{path} has no line");
        std::thread::yield_now();
    }
}

#[test]
fn the_same_number_makes_the_same_cluster() {
    let introduction = |number: &str| {
        let running = Running::start(&["--deterministic", number, "--listen", "127.0.0.1:0"]);
        let key = running.introduction.lines().find(|line| line.starts_with("key")).unwrap();
        key.to_owned()
    };
    assert_eq!(introduction("7"), introduction("7"));
    assert_ne!(introduction("7"), introduction("8"));
}
