//! `.gitconfig` files against git itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use flynn_config::{BlockChange, ErrorKind, GitConfig, Helper, Includes};

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/cli").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The steps of the original CLI, done by us, leave the very files that it left.
#[test]
fn the_files_of_2021_byte_for_byte() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".gitconfig");
    let change = |domain: &str, ca: Option<&str>| {
        let change = match ca {
            Some(name) => BlockChange::Install {
                ca_file: Some(format!("/home/dev/.flynn/ca-certs/{name}.pem").into()),
                helper: Helper::flynn_cli("/usr/local/bin/flynn".as_ref()),
            },
            None => BlockChange::Remove,
        };
        GitConfig::edit(&path, |git| {
            let plan = git.plan(&format!("https://git.{domain}"), change)?;
            git.apply(&plan)
        })
        .unwrap();
    };
    let check = |step: &str| {
        let expected = sample(&format!("2021/{step}.gitconfig"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "step {step}");
    };
    change("flynn.test", Some("default"));
    check("004");
    change("flynn.test:8443", Some("ported"));
    check("010");
    change("flynn.test:8443", None);
    check("017");
    change("flynn.test:8443", Some("url"));
    check("019");
    change("flynn.test:8443", None);
    check("020");
    change("new.test", Some("default"));
    change("flynn.test", None);
    check("211");
    change("new.test", None);
    check("218");
}

/// Includes are followed as git follows them, and their settings are reported but not reached.
#[test]
fn includes() {
    let dir = tempfile::tempdir().unwrap();
    let home = fs::canonicalize(dir.path()).unwrap();
    let path = home.join(".gitconfig");
    let write = |name: &str, text: &str| {
        let path = home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        ".gitconfig",
        "[user]\n\tname = first\n[include]\n\tpath = flynn/inc\n\tpath = missing\n\tpath = ~/tilde\n\
         [includeIf \"gitdir:~/work/\"]\n\tpath = at-work\n[includeIf \"gitdir/i:WORK/\"]\n\tpath = \
         folded\n[includeIf \"gitdir:play/\"]\n\tpath = play\n[includeIf \"onbranch:x\"]\n\tpath = \
         play\n[user]\n\tname = last\n",
    );
    write(
        "flynn/inc",
        "[http \"https://git.a.test\"]\n\tsslCAInfo = /ca\n[include]\npath = deep\n",
    );
    write("flynn/deep", "[user]\n\tname = deep\n");
    write("tilde", "[user]\n\tname = tilde\n");
    write("at-work", "[user]\n\tname = work\n");
    write("folded", "[user]\n\tname = folded\n");
    write("play", "[user]\n\tname = play\n");
    let repository = home.join("work/x");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        git.env("HOME", &home).env("GIT_CONFIG_NOSYSTEM", "1").args(arguments);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q", repository.to_str().unwrap()]);
    let by_git = git(&["-C", repository.to_str().unwrap(), "config", "--get-all", "user.name"]);
    let includes = Includes::new(Some(home.clone()));
    let names = |config: &GitConfig| {
        let names = config.get_all("user.name");
        let names = names.iter().map(|name| name.to_string_lossy().into_owned() + "\n");
        names.collect::<String>()
    };
    let inside = includes.clone().in_repository(repository.join(".git")).load(&path).unwrap();
    assert_eq!(names(&inside), by_git);
    assert_eq!(names(&inside), "first\ndeep\ntilde\nwork\nfolded\nlast\n");
    let outside = includes.load(&path).unwrap();
    assert_eq!(names(&outside), "first\ndeep\ntilde\nlast\n");

    let url = "https://git.a.test";
    assert_eq!(outside.flynn_blocks(url).ca_file(), Some(Path::new("/ca")));
    let plan = outside.plan(url, BlockChange::DropCa).unwrap();
    assert!(plan.is_empty());
    let beyond = &plan.out_of_reach()[0];
    assert_eq!(beyond.included_from.as_deref(), Some(&*home.join("flynn/inc")));
    assert!(plan.to_string().contains("inc, which is not changed"));

    write("flynn/deep", "[include]\npath = ../.gitconfig\n");
    let circle = includes.load(&path).unwrap_err();
    assert_eq!(circle.kind(), ErrorKind::Invalid);
    write("flynn/deep", "[user\n");
    let broken = includes.load(&path).unwrap_err();
    assert_eq!((broken.line(), broken.path()), (Some(1), Some(&*home.join("flynn/deep"))));
}

/// What git refuses is an error that says where, and the file stays as it is.
#[test]
fn what_git_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    for (text, line, column) in [
        ("[http]\n\tsslCAInfo = C:\\Users\\ann\\ca.pem\n", 2, 16),
        ("[a]\n\tb = \"open\n\tc = d\n", 2, 6),
        ("[a \"b]\n", 1, 1),
        ("[a b]\n", 1, 4),
        ("[a]\n\n  b c = d\n", 3, 5),
        ("[a]\n\u{fc} = 1\n", 2, 1),
        ("[]\n", 1, 1),
        ("[a", 1, 1),
        ("[a \"x\" ]", 1, 7),
    ] {
        fs::write(&path, text).unwrap();
        assert!(crate::git_oracle::by_git(&path).is_none(), "{text:?} is fine with git");
        let error = GitConfig::edit(&path, |git| git.set("a.b", "c")).unwrap_err();
        assert_eq!((error.line(), error.column()), (Some(line), Some(column)), "{text:?} {error}");
        assert_eq!(error.path(), Some(&*path));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

/// One value at a time: git too refuses to choose among several.
#[test]
fn several_values() {
    let config = GitConfig::parse("[a]\n\tb = 1\n[A]\n\tB = 2\n\tc\n").unwrap();
    assert_eq!(config.get("a.b").unwrap(), "2");
    assert_eq!(config.get_all("a.b").len(), 2);
    assert!(config.get("a.c").unwrap().is_implicit());
    assert!(config.get("a.d").is_none() && config.get("nodot").is_none());
    for refused in [
        config.preview(|git| git.set("a.b", "3")).unwrap_err(),
        config.preview(|git| git.unset("a.b").map(drop)).unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::SeveralValues);
    }
    let all = config.preview(|git| git.unset_all("A.B").map(|n| assert_eq!(n, 2))).unwrap();
    assert_eq!(all.as_bytes(), b"[A]\n\tc\n");
    let set = config.preview(|git| git.set("a.c", "x;y")).unwrap();
    assert_eq!(set.as_bytes(), b"[a]\n\tb = 1\n[A]\n\tB = 2\n\tc = \"x;y\"\n");
}
