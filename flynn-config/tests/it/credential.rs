//! Real git and its credential store.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flynn_config::credential::{Credential, GitAnswer, ask as ask_git, reject_with};
use flynn_config::login::Tokens;
use flynn_config::{Environment, ErrorKind, FlynnRc, GitConfig, Helper};
use proptest::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};

const URL: &str = "https://git.a.test:8443";

/// git with a separate home folder.
fn git(home: &Path) -> Command {
    let mut git = Command::new("git");
    git.env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(home);
    git
}

/// Returns the answer of `git credential fill`.
fn fill(git: Command) -> Option<Credential> {
    let mut message = Vec::new();
    Credential::for_url(URL).unwrap().write(&mut message).unwrap();
    let output = ask(git, &message);
    output.status.success().then(|| Credential::parse(&output.stdout).unwrap())
}

fn ask(mut git: Command, message: &[u8]) -> Output {
    let mut child = git
        .args(["credential", "fill"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message).unwrap();
    child.wait_with_output().unwrap()
}

fn password(git: Command) -> Option<String> {
    Some(fill(git)?.password()?.expose_secret().to_owned())
}

/// After a key change, git would keep using the old key from its store.
#[test]
fn reject_empties_the_store() {
    let home = tempfile::tempdir().unwrap();
    GitConfig::edit(home.path().join(".gitconfig"), |git| git.set("credential.helper", "store"))
        .unwrap();
    let store = home.path().join(".git-credentials");
    let other = "https://user:other@git.b.test\n";
    fs::write(&store, format!("https://user:old@git.a.test%3a8443\n{other}")).unwrap();
    assert_eq!(password(git(home.path())).as_deref(), Some("old"));
    reject_with(git(home.path()), URL).unwrap();
    assert_eq!(password(git(home.path())), None);
    assert_eq!(fs::read_to_string(&store).unwrap(), other);
    reject_with(git(home.path()), URL).unwrap();
}

#[test]
fn reject_tells_what_goes_wrong() {
    let home = tempfile::tempdir().unwrap();
    let none = reject_with(Command::new(home.path().join("no-git")), URL).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Git);
    fs::write(home.path().join(".gitconfig"), "[broken").unwrap();
    let failed = reject_with(git(home.path()), URL).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Git);
    for url in ["", "git.a.test", "https://", "https://a\nb"] {
        let invalid = reject_with(git(home.path()), url).unwrap_err();
        assert_eq!(invalid.kind(), ErrorKind::Invalid, "{url:?}");
    }
}

/// `store` has kept a password since before the key changed. Tests every remedy.
#[test]
fn a_stale_answer_of_another_helper_is_found() {
    let home = tempfile::tempdir().unwrap();
    let gitconfig = home.path().join(".gitconfig");
    let rc = FlynnRc::parse(&format!(
        "[[cluster]]\nName = \"a\"\nKey = \"new\"\nGitURL = \"{URL}\"\n[[cluster]]\nName = \"nogit\"\nKey = \"k\"\n"
    ))
    .unwrap();
    let tokens = Tokens::new(home.path().join("tokens"));
    let answer = || ask_git(git(home.path()), rc.cluster("a").unwrap(), &tokens).unwrap();
    assert_eq!(answer(), GitAnswer::Missing);
    assert!(answer().remedy(URL).unwrap().contains("git config --global"));
    let own = "!f() { test $1 = get && echo username=user && echo password=new; }; f";
    GitConfig::edit(&gitconfig, |git| {
        git.set("credential.helper", "store")?;
        git.set(&format!("credential.{URL}.helper"), own)
    })
    .unwrap();
    assert_eq!(answer(), GitAnswer::Current);
    assert_eq!(answer().remedy(URL), None);
    let store = home.path().join(".git-credentials");
    fs::write(&store, "https://user:old@git.a.test%3a8443\n").unwrap();
    let stale = answer();
    assert_eq!(stale, GitAnswer::Stale { username: Some("user".into()) });
    let remedy = stale.remedy(URL).unwrap();
    assert!(!remedy.contains("old@") && !format!("{stale:?}").contains("old"), "{remedy}");
    // The command of the remedy works.
    let command = remedy.split('`').nth(1).unwrap();
    let mut shell = Command::new("sh");
    let git_env = git(home.path());
    shell.args(["-c", command]).env_clear();
    for (name, value) in git_env.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        shell.env(name, value);
    }
    assert!(shell.current_dir(home.path()).status().unwrap().success());
    assert_eq!(answer(), GitAnswer::Current);
    // The user `Bearer` is only for tokens. The controller refuses a key from it.
    fs::write(&store, "https://Bearer:new@git.a.test%3a8443\n").unwrap();
    assert_eq!(answer(), GitAnswer::Stale { username: Some("Bearer".into()) });
    let nogit = ask_git(git(home.path()), rc.cluster("nogit").unwrap(), &tokens).unwrap_err();
    assert_eq!(nogit.kind(), ErrorKind::Invalid);
    let none = Command::new(home.path().join("no-git"));
    let none = ask_git(none, rc.cluster("a").unwrap(), &tokens).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Git);
}

/// A CI job without any file, with the key in a variable.
#[test]
fn the_environment_form_needs_no_file() {
    let home = tempfile::tempdir().unwrap();
    let helper = Helper::key_from_variable("FLYNN_KEY").unwrap();
    let ca = Path::new("/ci/ca file.pem");
    let settings = Environment::after("1").unwrap().flynn(URL, Some(ca), &helper).unwrap();
    let with_settings = || {
        let mut git = git(home.path());
        git.envs(settings.variables())
            .env("GIT_CONFIG_KEY_0", "user.name")
            .env("GIT_CONFIG_VALUE_0", "CI")
            .env("FLYNN_KEY", "k\"e'y $x");
        git
    };
    assert_eq!(password(with_settings()).as_deref(), Some("k\"e'y $x"));
    let read = |key: &str| {
        let output = with_settings().args(["config", key]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(read(&format!("http.{URL}.sslCAInfo")), "/ci/ca file.pem\n");
    assert_eq!(read("user.name"), "CI\n");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    assert!(Environment::new().set("nodot", "x").is_err());
}

/// A helper whose path has spaces and quotes is run by git.
#[cfg(unix)]
#[test]
fn a_helper_with_an_odd_path_is_run() {
    use std::os::unix::fs::PermissionsExt as _;

    use flynn_config::BlockChange;

    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("Bob's \"Apps\" \\ $HOME; #1");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("flynn");
    let script =
        "#!/bin/sh\n[ \"$1 $2\" = 'git-credentials get' ] && echo password=odd; echo username=u\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    GitConfig::edit(home.path().join(".gitconfig"), |git| {
        let helper = Helper::flynn_cli(&program);
        let plan = git.plan(URL, BlockChange::Install { ca_file: None, helper })?;
        git.apply(&plan)
    })
    .unwrap();
    assert_eq!(password(git(home.path())).as_deref(), Some("odd"));
}

#[test]
fn messages_of_git() {
    let message = "protocol=https\r\nhost=h\nhost=git.a.test\ncapability[]=authtype\n\
                   capability[]=state\nwwwauth[]=Basic realm=x\nurl=https://u%40x@new:1/a%20b/\n\
                   username=late\n\nignored";
    let credential = Credential::parse(message.as_bytes()).unwrap();
    assert_eq!(credential.host(), Some("new:1"));
    assert_eq!(credential.path(), Some("a b"));
    assert_eq!(credential.username(), Some("late"));
    let capabilities: Vec<_> =
        credential.attribute("capability[]").map(SecretString::expose_secret).collect();
    assert_eq!(capabilities, ["authtype", "state"]);
    for (bad, line, column) in [("a=b\nnothing\n", 2, 1), ("a=\0", 1, 3), ("protocol", 1, 1)] {
        let error = Credential::parse(bad.as_bytes()).unwrap_err();
        assert_eq!((error.line(), error.column()), (Some(line), Some(column)), "{bad:?}");
    }
    let endless = std::io::repeat(b'x');
    let error = Credential::read(std::io::BufReader::new(endless)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let split = answer_with("a\nb").write(&mut Vec::new()).unwrap_err();
    assert_eq!(split.kind(), std::io::ErrorKind::InvalidData);
}

/// A message with a new attribute per line. Reading it in quadratic time would take minutes.
#[test]
fn a_message_of_the_greatest_length_is_read() {
    let mut message = String::new();
    for number in 0.. {
        let line = format!("k{number}=\n");
        if message.len() + line.len() > Credential::LONGEST {
            break;
        }
        message += &line;
    }
    let credential = Credential::read(message.as_bytes()).unwrap();
    assert_eq!(credential.attribute("k99999").count(), 1);
    let twice = Credential::parse(b"a=1\nb=2\na=3\nl[]=1\nl[]=1\n").unwrap();
    let mut written = Vec::new();
    twice.write(&mut written).unwrap();
    assert_eq!(written, b"b=2\na=3\nl[]=1\nl[]=1\n");
}

/// Returns how git splits a URL: the request to a helper, or the answer if the URL is complete.
#[cfg(unix)]
fn url_by_git(home: &Path, url: &str) -> Option<Credential> {
    let asked = home.join("asked");
    let _ = fs::remove_file(&asked);
    let mut git = git(home);
    git.args(["-c", "credential.useHttpPath=true"])
        .args(["-c", "credential.helper=!f() { cat >asked; echo quit=1; }; f"]);
    let output = ask(git, format!("url={url}\n\n").as_bytes());
    let told = if output.status.success() { output.stdout } else { fs::read(asked).ok()? };
    Some(Credential::parse(&told).unwrap())
}

#[cfg(unix)]
#[test]
fn urls_are_taken_apart_as_by_git() {
    let home = tempfile::tempdir().unwrap();
    let parts = |credential: &Credential| {
        let password = credential.password().map(|password| password.expose_secret().to_owned());
        let rest =
            [credential.protocol(), credential.host(), credential.path(), credential.username()];
        (rest.map(|part| part.map(str::to_owned)), password)
    };
    let given = [
        "https://user:p@ss@git.a.test/x",
        "https://git%2ea.test/x",
        "https://git%2ea.test:8443/x",
        "https://u%40:p%3a%40@h/a%20b//?c#d/",
        "https://u:@h",
        "https://h?u@x",
        "https://h/%2f%2f",
        "https://h%0a/",
        "https://u:%0A@h",
        "://h",
        "h/x",
    ];
    let mut rng = fastrand::Rng::with_seed(9);
    let pieces =
        ["h", "u", "@", ":", "/", "?", "#", "%2e", "%40", "%3A", "%2f", "%zz", "%00", "%C3%A4"];
    let made = (0..300).map(|_| {
        let pieces = (0..rng.usize(1..9)).map(|_| pieces[rng.usize(..pieces.len())]);
        format!("https://{}", pieces.collect::<String>())
    });
    let mut understood = 0;
    for url in given.map(str::to_owned).into_iter().chain(made) {
        // URLs without a host are skipped.
        let by_git = url_by_git(home.path(), &url).filter(|git| git.host() != Some(""));
        let by_us = Credential::parse(format!("url={url}\n").as_bytes());
        understood += usize::from(by_us.is_ok());
        assert_eq!(by_us.ok().as_ref().map(parts), by_git.as_ref().map(parts), "{url}");
    }
    assert!(understood > 100, "only {understood}");
    let error = Credential::parse(b"a=b\nurl=https://u:hush%0a@h\n").unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(2), Some(5)));
    assert!(!format!("{error} {error:?}").contains("hush"));
}

fn answer_with(password: &str) -> Credential {
    Credential::for_url(URL).unwrap().answered("user", SecretString::from(password))
}

proptest! {
    #[test]
    fn a_message_reads_back(password in "[^\n\r\0]{0,40}", user in "[^\n\r\0]{0,20}") {
        let credential = Credential::for_url(URL)
            .unwrap()
            .answered(&user, SecretString::from(password.clone()));
        let mut message = Vec::new();
        credential.write(&mut message).unwrap();
        let read = Credential::parse(&message).unwrap();
        prop_assert_eq!(read.username(), Some(&*user));
        prop_assert_eq!(read.password().unwrap().expose_secret(), password);
        prop_assert_eq!(read.host(), Some("git.a.test:8443"));
    }
}
