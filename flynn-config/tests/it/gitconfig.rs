//! `.gitconfig` files against git itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use flynn_config::{BlockChange, Error, ErrorKind, GitConfig, Helper, Includes, Locations};

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/cli").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The same steps as those of the original CLI leave exactly the same files.
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
    // A plan that is made inside an edit knows it too.
    let inside = GitConfig::edit(&path, |git| git.plan(url, BlockChange::DropCa)).unwrap();
    assert_eq!(inside.out_of_reach(), plan.out_of_reach());
    assert_eq!(inside.to_string(), plan.to_string());

    write("flynn/deep", "[include]\npath = ../.gitconfig\n");
    let circle = includes.load(&path).unwrap_err();
    assert_eq!(circle.kind(), ErrorKind::Invalid);
    let refused = GitConfig::edit(&path, |git| git.plan(url, BlockChange::DropCa)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    write("flynn/deep", "[user\n");
    let broken = includes.load(&path).unwrap_err();
    assert_eq!((broken.line(), broken.path()), (Some(1), Some(&*home.join("flynn/deep"))));
}

/// git expands `~/` to the home folder, so the returned file is the one that git opens.
#[test]
fn the_ca_file_is_the_one_that_git_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".gitconfig");
    let url = "https://git.a.test";
    let includes = Includes::new(Some(dir.path().to_owned()));
    for written in ["~/ca.pem", "/ca.pem", "ca.pem", "~"] {
        let text = format!("[http \"{url}\"]\n\tsslCAInfo = {written}\n");
        fs::write(&path, text).unwrap();
        let output = Command::new("git")
            .args(["config", "--type=path", "--file", path.to_str().unwrap()])
            .arg(format!("http.{url}.sslCAInfo"))
            .env("HOME", dir.path())
            .output()
            .unwrap();
        let by_git = String::from_utf8(output.stdout).unwrap();
        let blocks = includes.load(&path).unwrap().flynn_blocks(url);
        assert_eq!(blocks.ca_file(), Some(Path::new(by_git.trim_end())), "{written}");
        assert_eq!(blocks.ca_files[0].value, written);
    }
    // In an edit, too, `~` is the home of the person running it.
    fs::write(&path, format!("[http \"{url}\"]\n\tsslCAInfo = ~/ca.pem\n")).unwrap();
    let home = Locations::from_env().unwrap().home().join("ca.pem");
    let ca_file = |git: &GitConfig| git.flynn_blocks(url).ca_file().map(Path::to_owned);
    GitConfig::edit(&path, |git| {
        assert_eq!(ca_file(git.current()).as_ref(), Some(&home));
        git.set("a.b", "c")?;
        assert_eq!(ca_file(git.current()).as_ref(), Some(&home));
        Ok::<(), Error>(())
    })
    .unwrap();
    let nowhere = GitConfig::parse(fs::read(&path).unwrap()).unwrap();
    assert_eq!(ca_file(&nowhere).as_deref(), Some(Path::new("~/ca.pem")));
}

/// Each condition holds exactly if it holds for git in the repository.
#[cfg(unix)]
#[test]
fn conditions_of_includes() {
    let dir = tempfile::tempdir().unwrap();
    let home = fs::canonicalize(dir.path()).unwrap();
    let path = home.join(".gitconfig");
    fs::write(home.join("it"), "[it]\n\tholds\n").unwrap();
    let git = |arguments: &[&str], folder: &Path| {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        git.env("HOME", &home).env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("PWD", folder).current_dir(folder);
        let output = git.args(arguments).output().unwrap();
        output.status.success().then_some(output.stdout)
    };
    let repositories = ["work/x", "w\u{f6}rk [a]*/y"].map(|name| home.join(name));
    for repository in &repositories {
        fs::create_dir_all(repository).unwrap();
        git(&["init", "-q", "-b", "team/main"], repository).unwrap();
    }
    std::os::unix::fs::symlink(home.join("work"), home.join("link")).unwrap();
    let ways = [&repositories[..], &[home.join("link/x")]].concat();
    let mut held = 0;
    for condition in [
        "gitdir:~/work/",
        "gitdir:~/work",
        "gitdir:~/work/**",
        "gitdir:~/work/*",
        "gitdir:~/WORK/",
        "gitdir/i:~/WORK/",
        "gitdir:./",
        "gitdir:./work/",
        "gitdir:work/",
        "gitdir:x/.git",
        "gitdir:x",
        "gitdir:**",
        "gitdir:/",
        "gitdir:",
        "gitdir",
        "gitdir:link/",
        "GITDIR:work/",
        "gitdir:work/?/",
        "gitdir:w[[:alpha:]]rk/",
        "gitdir:w[!a-m]rk/",
        "gitdir/i:W[A-Z]RK/",
        "gitdir:wor[",
        "gitdir:w**k/",
        "gitdir:w?rk*/",
        "gitdir:w??rk*/",
        "gitdir/i:W\u{d6}RK*/",
        "gitdir:./w\u{f6}rk [a]*/",
        "gitdir:~/w\u{f6}rk [a]*/",
        "gitdir:**/y/.git",
        "gitdir:~root/",
        "onbranch:team/main",
        "onbranch:team/",
        "onbranch:team",
        "onbranch:*",
        "onbranch:**/main",
    ] {
        fs::write(&path, format!("[includeIf \"{condition}\"]\n\tpath = it\n")).unwrap();
        for way in &ways {
            let by_git = git(&["config", "--get", "it.holds"], way).is_some();
            let includes = Includes::new(Some(home.clone())).in_repository(way.join(".git"));
            let by_us = includes.load(&path).unwrap().get("it.holds").is_some();
            assert_eq!(by_us, by_git, "{condition} in {}", way.display());
            held += usize::from(by_git);
        }
    }
    assert!(held > 30, "only {held} held");
}

/// Missing includes are skipped, as by git. Includes that git refuses are errors.
#[test]
fn includes_that_are_missing_or_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    fs::write(dir.path().join("file"), "").unwrap();
    let load = |line: &str| {
        fs::write(&path, format!("[include]\n\t{line}\n[a]\n\tb\n")).unwrap();
        Includes::new(None).load(&path)
    };
    for passed in ["path = none", "path = none/x", "path = file/x", "path = /none"] {
        assert!(load(passed).unwrap().get("a.b").is_some(), "{passed}");
    }
    for wrong in ["path", "path =", "path = ~/x", "path = ~ann/x"] {
        let error = load(wrong).unwrap_err();
        assert_eq!((error.kind(), error.line()), (ErrorKind::Invalid, Some(2)), "{wrong}");
    }
    assert_eq!(load("path = .").unwrap_err().kind(), ErrorKind::Invalid);
    let deep = |count: u8| {
        for n in 0..count {
            let text = format!("[include]\n\tpath = {}\n[d]\n\tn = {n}\n", n + 1);
            fs::write(dir.path().join(n.to_string()), text).unwrap();
        }
        fs::write(dir.path().join(count.to_string()), "[d]\n\tend\n").unwrap();
        Includes::new(None).load(dir.path().join("0"))
    };
    assert_eq!(deep(10).unwrap().entries().count(), 21);
    assert_eq!(deep(11).unwrap_err().kind(), ErrorKind::Invalid);
}

/// A file that git refuses is an error that names the place, and the file is not changed.
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

/// An edit sets one value. Like git, it refuses to choose among several.
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

/// A comment on a continuation line ends the value.
#[test]
fn a_comment_that_ends_a_value_stays() {
    let config = "[a]\n\tb = 1\\\n; end\n[c]\n\td = 1\n[e]\n\tf = 1\n";
    let config = GitConfig::parse(config).unwrap();
    let left = config.preview(|git| git.remove_section("c").map(drop)).unwrap();
    assert_eq!(left.as_bytes(), b"[a]\n\tb = 1\\\n; end\n[e]\n\tf = 1\n");
}

/// The file is read once for any number of values. Reading it once per value took minutes here.
#[test]
fn many_values_and_sections_go_at_once() {
    let section = "[credential \"https://git.a.test\"]\n\thelper = flynn\n";
    let text = ["[a]\n\tb = 1\n", &section.repeat(20_000)].concat();
    let config = GitConfig::parse(&text).unwrap();
    let left = |config: GitConfig| {
        assert_eq!(config.as_bytes(), b"[a]\n\tb = 1\n");
    };
    let name = "credential.https://git.a.test";
    left(config.preview(|git| git.unset_all(&format!("{name}.helper")).map(drop)).unwrap());
    left(config.preview(|git| git.remove_section(name).map(drop)).unwrap());
    let plan = config.plan("https://git.a.test", BlockChange::Remove).unwrap();
    assert_eq!(plan.to_string().lines().count(), 40_000);
    left(config.preview(|git| git.apply(&plan)).unwrap());
}

/// A helper is shown as `...` before and after, but the plan still changes it.
#[test]
fn a_plan_that_changes_the_file_is_not_empty() {
    let url = "https://git.a.test";
    let config =
        GitConfig::parse("[credential \"https://git.a.test\"]\n\thelper = store\n").unwrap();
    let plan = |name: &str| {
        let helper = Helper::named(name);
        config.plan(url, BlockChange::Install { ca_file: None, helper }).unwrap()
    };
    assert!(!plan("cache").is_empty());
    assert_eq!(plan("cache").to_string(), "- \thelper = ...\n+ \thelper = ...\n");
    assert!(plan("store").is_empty() && plan("store").to_string().is_empty());
    // A line that already exists is still shown where it is added again.
    let twice = GitConfig::parse("\thelper = flynn\n").unwrap();
    let change = BlockChange::Install { ca_file: None, helper: Helper::named("flynn") };
    let shown = twice.plan(url, change).unwrap().to_string();
    assert_eq!(shown, "+ [credential \"https://git.a.test\"]\n+ \thelper = flynn\n");
}

/// A section without keys is removed as by `git config --unset`, but not if a comment may belong to it.
#[test]
fn an_empty_section_goes_as_with_git() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, gits) = (dir.path().join("ours"), dir.path().join("gits"));
    for text in [
        "[a]\n\tb = 1\n",
        "[a]\n\tb = 1 # of b\n[c]\n\td = 1\n",
        "# of the file\n[a]\n\tb = 1\n",
        "[c]\n\td = 1\n\n# free\n\n[a]\n\tb = 1\n",
        "[c]\n\td = 1\n# of a\n[a]\n\tb = 1\n",
        "[c]\n\td = 1 # of d\n[a]\n\tb = 1\n",
        "[c]\n[a]\n\tb = 1\n",
        "[a] # of a\n\tb = 1\n",
        "[a]\n\t# of b\n\tb = 1\n",
        "[a]\n\tb = 1\n# of c\n[c]\n\td = 1\n",
        "[a]\n\tb = 1\n\te = 1\n",
    ] {
        fs::write(&ours, text).unwrap();
        fs::write(&gits, text).unwrap();
        assert!(GitConfig::edit(&ours, |git| git.unset("a.b")).unwrap());
        let unset = ["config", "--file", gits.to_str().unwrap(), "--unset", "a.b"];
        assert!(Command::new("git").args(unset).status().unwrap().success());
        let [ours, gits] = [&ours, &gits].map(|path| fs::read_to_string(path).unwrap());
        assert_eq!(ours, gits, "{text:?}");
    }
}
