//! Real git pushes over HTTPS, and asks `git-credential-flynn` for the key.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flynn_config::credential::reject_with;
use flynn_config::{BlockChange, FlynnRc, GitConfig, Helper, Locations, NewCluster};
use flynn_tls::generate::Ca;
use secrecy::SecretString;
use server::GitServer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_git-credential-flynn");
const KEY: &str = "e09dc5301d72be755a3d666f617c4600";

/// A cluster's git server, and a home that knows the cluster.
struct World {
    dir: tempfile::TempDir,
    server: GitServer,
    files: Locations,
}

impl World {
    /// Creates a world. `program` is the path of the helper under the home folder.
    fn new(program: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let repositories = dir.path().join("served");
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&repositories).unwrap();
        let ca = Ca::new("Flynn Ephemeral CA").unwrap();
        let issued = ca.issue(&["git.a.test"]).unwrap();
        let server = GitServer::start(&repositories, &issued, KEY);
        let world = Self { dir, server, files: Locations::in_home(&home) };
        ok(Command::new("git").args(["init", "-q", "--bare"]).arg(repositories.join("demo.git")));

        let domain = format!("a.test:{}", world.server.addr.port());
        let new = NewCluster::from_domain("default", &domain, KEY, &issued.pin().to_string());
        FlynnRc::edit(world.files.flynnrc(), |rc| rc.add(&new)).unwrap();
        let ca_file = world.files.ca_files().write("default", &ca.certificate_pem()).unwrap();
        let program = program.map_or(PathBuf::from(PROGRAM), |path| {
            let program = home.join(path);
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            fs::copy(PROGRAM, &program).unwrap();
            program
        });
        world.edit_git(BlockChange::Install {
            ca_file: Some(ca_file),
            helper: Helper::command(&program, &[]),
        });
        ok(world.git(&["init", "-q", "."]).current_dir(world.files.home()));
        ok(&mut world.git(&["remote", "add", "flynn", &world.remote()]));
        world
    }

    fn git_url(&self) -> String {
        format!("https://git.a.test:{}", self.server.addr.port())
    }

    fn remote(&self) -> String {
        format!("{}/demo.git", self.git_url())
    }

    fn edit_git(&self, change: BlockChange) {
        GitConfig::edit(self.files.gitconfig(), |git| {
            let plan = git.plan(&self.git_url(), change)?;
            git.apply(&plan)
        })
        .unwrap();
    }

    /// Returns git with this home folder. `git.a.test` resolves to the server.
    fn git(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        let port = self.server.addr.port();
        git.env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.files.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(self.files.home())
            .arg("-c")
            .arg(format!("http.curloptResolve=git.a.test:{port}:127.0.0.1"))
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@a.test"])
            .args(arguments);
        git
    }

    fn push(&self, message: &str) -> Output {
        ok(&mut self.git(&["commit", "-q", "--allow-empty", "-m", message]));
        self.git(&["push", "flynn", "HEAD:refs/heads/master"]).output().unwrap()
    }

    /// Returns the message of the server's last commit.
    fn served(&self) -> String {
        let repository = self.dir.path().join("served/demo.git");
        let mut git = Command::new("git");
        let log = git.arg("-C").arg(repository).args(["log", "-1", "--format=%s", "master"]);
        String::from_utf8(ok(log).stdout).unwrap().trim().to_owned()
    }

    fn set_key(&self, key: &str) {
        FlynnRc::edit(self.files.flynnrc(), |rc| {
            rc.cluster_mut("default")?.set_key(&SecretString::from(key))
        })
        .unwrap();
    }
}

fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn helper(home: &Path, argument: &str, message: &str) -> Output {
    let input = home.join("message");
    fs::write(&input, message).unwrap();
    Command::new(PROGRAM)
        .arg(argument)
        .env_clear()
        .env("HOME", home)
        .stdin(fs::File::open(input).unwrap())
        .output()
        .unwrap()
}

#[test]
fn a_push_asks_the_helper() {
    let world = World::new(None);
    let pushed = world.push("one");
    assert!(pushed.status.success(), "{}", stderr(&pushed));
    assert_eq!(world.served(), "one");
    let remote = world.remote();
    let rc = FlynnRc::load(world.files.flynnrc()).unwrap();
    let (cluster, app) = rc.of_git_remote(&remote).unwrap();
    assert_eq!((cluster.name(), app), ("default", "demo"));
    ok(&mut world.git(&["clone", "-q", "--branch", "master", &remote, "clone"]));
    assert!(world.files.home().join("clone/.git").is_dir());

    world.server.rotate_key("another key");
    let refused = world.push("two");
    assert!(!refused.status.success());
    assert!(!stderr(&refused).contains(KEY));
    world.set_key("another key");
    let pushed = world.push("three");
    assert!(pushed.status.success(), "{}", stderr(&pushed));
    assert_eq!(world.served(), "three");
}

#[test]
fn a_helper_in_a_folder_with_spaces() {
    let world = World::new(Some("Bob's Programs/git-credential-flynn"));
    let pushed = world.push("one");
    assert!(pushed.status.success(), "{}", stderr(&pushed));
}

/// A cache in front of the helper keeps the old key until a rejection removes it.
#[test]
fn a_cached_key_goes_with_reject() {
    let world = World::new(None);
    GitConfig::edit(world.files.gitconfig(), |git| git.set("credential.helper", "store")).unwrap();
    assert!(world.push("one").status.success());
    let store = world.files.home().join(".git-credentials");
    assert!(fs::read_to_string(&store).unwrap().contains(KEY), "git stored the key");

    // Otherwise the next push would send the old key and fail.
    world.set_key("new");
    world.server.rotate_key("new");
    reject_with(world.git(&[]), &world.git_url()).unwrap();
    assert!(!fs::read_to_string(&store).unwrap().contains(KEY));
    let pushed = world.push("two");
    assert!(pushed.status.success(), "{}", stderr(&pushed));
}

/// After `cluster remove`, git knows nothing of the cluster.
#[test]
fn git_cannot_push_after_the_blocks_are_removed() {
    let world = World::new(None);
    world.edit_git(BlockChange::DropCa);
    assert!(stderr(&world.push("one")).contains("certificate"));
    world.edit_git(BlockChange::Remove);
    assert!(fs::read_to_string(world.files.gitconfig()).unwrap().is_empty());
}

#[test]
fn the_program_alone() {
    let home = tempfile::tempdir().unwrap();
    let asked = "protocol=https\nhost=git.a.test\n\n";
    let silent = helper(home.path(), "get", asked);
    assert!(silent.status.success() && silent.stdout.is_empty() && silent.stderr.is_empty());

    let files = Locations::in_home(home.path());
    let new = NewCluster::from_domain("a", "a.test", KEY, "");
    FlynnRc::edit(files.flynnrc(), |rc| rc.add(&new)).unwrap();
    let answer = helper(home.path(), "get", asked);
    let expected = format!("protocol=https\nusername=user\nhost=git.a.test\npassword={KEY}\n");
    assert_eq!(String::from_utf8(answer.stdout).unwrap(), expected);
    for argument in ["store", "erase", "capability"] {
        let silent = helper(home.path(), argument, asked);
        assert!(silent.status.success() && silent.stdout.is_empty(), "{argument}");
    }

    let unknown = helper(home.path(), "get", "protocol=https\nhost=git.b.test\n\n");
    assert!(unknown.status.success() && unknown.stdout.is_empty() && unknown.stderr.is_empty());
    let help = helper(home.path(), "--help", "");
    let usage = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && usage.contains("Usage: git-credential-flynn"), "{usage}");
    let wrong = helper(home.path(), "--get", asked);
    assert!(!wrong.status.success() && wrong.stdout.is_empty());

    fs::write(files.flynnrc(), format!("[[cluster]]\nKey = \"{KEY}\n")).unwrap();
    let broken = helper(home.path(), "get", asked);
    assert_eq!(broken.status.code(), Some(1));
    let message = stderr(&broken);
    assert!(message.contains(".flynnrc: line 2, column 40") && !message.contains(KEY), "{message}");
}
