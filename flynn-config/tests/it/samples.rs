//! Realistic files: they are read without loss, and every edit is applied to them.

use std::path::{Path, PathBuf};

use flynn_config::{BlockChange, Error, FlynnRc, GitConfig, GitConfigEdit, Helper, NewCluster};

use crate::git_oracle::by_git;

/// All sample files with an extension, those of the original CLI and the odd ones.
fn samples(extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut files = Vec::new();
    for folder in ["cli/2016", "cli/2021", "odd"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    assert!(files.len() >= 20, "{} samples of {extension}", files.len());
    files
}

fn odd(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/odd").join(name);
    std::fs::read(path).unwrap()
}

fn changed<T>(name: &str, edit: impl FnOnce(&Path) -> Result<T, Error>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, odd(name)).unwrap();
    edit(&path).unwrap();
    String::from_utf8(std::fs::read(&path).unwrap()).unwrap()
}

fn git(name: &str, edit: impl FnOnce(&mut GitConfigEdit) -> Result<(), Error>) -> String {
    changed(name, |path| GitConfig::edit(path, edit))
}

fn block(name: &str, change: BlockChange) -> String {
    git(name, |git| {
        let plan = git.plan("https://git.a.test", change)?;
        git.apply(&plan)
    })
}

#[test]
fn every_sample_is_read_and_kept() {
    for path in samples("flynnrc") {
        let text = std::fs::read_to_string(&path).unwrap();
        let rc = FlynnRc::load(&path).unwrap();
        assert_eq!(rc.as_str(), text, "{}", path.display());
    }
    for path in samples("gitconfig") {
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(GitConfig::load(&path).unwrap().as_bytes(), bytes, "{}", path.display());
    }
}

/// Runs every plan on every sample. git reads the same values as before, except those that the plan changes.
#[test]
fn plans_change_what_they_are_about_and_nothing_else() {
    let url = "https://git.a.test";
    let about = |key: &[u8], variables: &[&str]| {
        let key = String::from_utf8_lossy(key).to_lowercase();
        let of_url = [".https://git.a.test.", ".https://git.a.test:443/."];
        of_url.iter().any(|part| key.contains(part)) && variables.iter().any(|v| key.ends_with(v))
    };
    let helper = Helper::flynn_cli("/opt/My Flynn/flynn".as_ref());
    let ca_file = Some(PathBuf::from(r"C:\ca certs\a.pem"));
    for path in samples("gitconfig") {
        let before = by_git(&path).unwrap();
        for (change, variables) in [
            (BlockChange::DropCa, &["sslcainfo"][..]),
            (BlockChange::Remove, &["sslcainfo", "helper"]),
            (
                BlockChange::Install { ca_file: None, helper: helper.clone() },
                &["sslcainfo", "helper"],
            ),
            (
                BlockChange::Install { ca_file: ca_file.clone(), helper: helper.clone() },
                &["sslcainfo", "helper"],
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let copy = dir.path().join("config");
            std::fs::copy(&path, &copy).unwrap();
            let what = format!("{change:?} of {}", path.display());
            let plan = GitConfig::load(&copy).unwrap().plan(url, change.clone()).unwrap();
            GitConfig::edit(&copy, |git| git.apply(&plan)).unwrap();
            let after = by_git(&copy).unwrap();
            let others = |entries: &[(Vec<u8>, Vec<u8>)]| -> Vec<_> {
                entries.iter().filter(|(key, _)| !about(key, variables)).cloned().collect()
            };
            assert_eq!(others(&before), others(&after), "{what}");
            assert_eq!(
                plan.is_empty(),
                std::fs::read(&copy).unwrap() == std::fs::read(&path).unwrap()
            );
            let now = GitConfig::load(&copy).unwrap();
            let blocks = now.flynn_blocks(url);
            match &change {
                BlockChange::Install { ca_file, .. } => {
                    assert!(blocks.has_flynn_helper(), "{what}");
                    assert_eq!(blocks.ca_file(), ca_file.as_deref(), "{what}");
                }
                BlockChange::DropCa => assert_eq!(blocks.ca_file(), None, "{what}"),
                _ => assert!(blocks.ca_files.is_empty() && !blocks.has_flynn_helper(), "{what}"),
            }
            assert!(now.plan(url, change).unwrap().is_empty(), "{what}: not done after all");
        }
    }
}

#[test]
fn dropping_the_ca_takes_its_line_alone() {
    let before = String::from_utf8(odd("comments.gitconfig")).unwrap();
    let line = "\tsslCAInfo = /ca/a.pem ; self-signed\n";
    assert_eq!(block("comments.gitconfig", BlockChange::DropCa), before.replace(line, ""));
    let crlf = String::from_utf8(odd("crlf.gitconfig")).unwrap();
    let start = crlf.find("[http").unwrap();
    let end = crlf.find("[credential").unwrap();
    let expected = format!("{}{}", &crlf[..start], &crlf[end..]);
    assert_eq!(block("crlf.gitconfig", BlockChange::DropCa), expected);
    assert_eq!(
        block("header-line.gitconfig", BlockChange::DropCa),
        "[user] name = Ann\n[http \"https://git.a.test\"] ; of the cluster\n\
         [credential \"https://git.a.test\"] helper = \
         \"!'/Apps/My Flynn/flynn' git-credentials\"\n"
    );
    assert_eq!(
        block("two-headers.gitconfig", BlockChange::DropCa),
        "[color] \n[alias] st = status\n"
    );
    assert_eq!(block("hanging.gitconfig", BlockChange::DropCa), "");
}

#[test]
fn removing_the_blocks_keeps_the_comments_of_others() {
    assert_eq!(
        block("comments.gitconfig", BlockChange::Remove),
        "# my git\n; since 2011\n\n[user]\n\tname = Ann # me\n\n# --- aliases ---\n[alias]\n\tci = \
         commit ; short\n"
    );
    assert_eq!(
        block("duplicates.gitconfig", BlockChange::Remove),
        "[HTTP \"https://git.a.test\"]\n\tsslVerify\n\
         [http \"https://git.b.test\"]\n\tsslCAInfo = /ca/b.pem\n"
    );
}

/// Settings that do not belong to Flynn stay.
#[test]
fn removing_the_blocks_keeps_the_settings_of_others() {
    assert_eq!(
        block("several-helpers.gitconfig", BlockChange::Remove),
        "[credential]\n\thelper = osxkeychain\n[credential \"https://git.a.test\"]\n\thelper =\n\
         \thelper = store\n\tusername = user\n"
    );
    let own = "[http \"https://git.a.test\"]\n\tproxy = p # of the office\n";
    let added = ["", "\tsslCAInfo = /ca\n"].map(|line| own.to_owned() + line);
    let plan = GitConfig::parse(&added[1]).unwrap().plan("https://git.a.test", BlockChange::Remove);
    assert_eq!(plan.as_ref().unwrap().to_string(), "- \tsslCAInfo = /ca\n");
    let done = GitConfig::parse(&added[1]).unwrap().preview(|git| git.apply(&plan.unwrap()));
    assert_eq!(done.unwrap().as_bytes(), own.as_bytes());

    for helper in [
        Helper::flynn_cli("/opt/My Flynn/flynn".as_ref()),
        Helper::command("/opt/git-credential-flynn".as_ref(), &[]),
        Helper::command("C:\\My Tools\\git-credential-flynn.exe".as_ref(), &[]),
        Helper::named("flynn"),
        Helper::key_from_variable("FLYNN_KEY").unwrap(),
    ] {
        let install = BlockChange::Install { ca_file: Some("/ca".into()), helper };
        let there = |git: &mut GitConfigEdit, change: &BlockChange| {
            let plan = git.plan("https://git.a.test", change.clone())?;
            git.apply(&plan)
        };
        let config = GitConfig::parse("[user]\n\tname = Ann\n").unwrap();
        let installed = config.preview(|git| there(git, &install)).unwrap();
        assert!(installed.flynn_blocks("https://git.a.test").has_flynn_helper(), "{install:?}");
        let removed = installed.preview(|git| there(git, &BlockChange::Remove)).unwrap();
        assert_eq!(removed.as_bytes(), config.as_bytes(), "{install:?}");
    }
}

#[test]
fn installing_beside_what_is_there() {
    let helper = Helper::flynn_cli("/new/flynn".as_ref());
    let change = BlockChange::Install { ca_file: None, helper: helper.clone() };
    assert_eq!(
        block("several-helpers.gitconfig", change),
        String::from_utf8(odd("several-helpers.gitconfig")).unwrap().replace("/opt/old", "/new")
    );
    let ca_file = Some("/ca/b.pem".into());
    assert_eq!(
        block("hanging.gitconfig", BlockChange::Install { ca_file, helper: helper.clone() }),
        "[http \"https://git.a.test\"]\n\tsslCAInfo = /ca/b.pem\n\
         [credential \"https://git.a.test\"]\n\thelper = /new/flynn git-credentials"
    );
    let only_helper = BlockChange::Install { ca_file: None, helper };
    assert_eq!(
        block("bom.gitconfig", only_helper),
        "\u{feff}[user]\n\tname = Ann\n[credential \"https://git.a.test\"]\n\thelper = /new/flynn \
         git-credentials\n"
    );
}

/// A value that continues at the end of the file must not absorb the added text.
#[test]
fn adding_after_a_hanging_continuation() {
    assert_eq!(
        git("hanging.gitconfig", |git| git.set("user.name", "Ann")),
        "[http \"https://git.a.test\"]\n\tsslCAInfo = /ca/a.pem\\\n\n[user]\n\tname = Ann"
    );
}

/// The same with a line end after it: the next line still belongs to the value (seed 2968).
#[test]
fn adding_after_a_continuation_at_the_end() {
    let text = "[x]\r\n\ty = go \\\r\n";
    for (key, added) in [("u.v", "\r\n[u]\r\n\tv = 1\r\n"), ("x.v", "\r\n\tv = 1")] {
        let after = GitConfig::parse(text).unwrap().preview(|git| git.add(key, "1")).unwrap();
        assert_eq!(after.as_bytes(), format!("{text}{added}").as_bytes());
        assert_eq!(after.get("x.y").unwrap(), "go ");
        assert_eq!(after.get(key).unwrap(), "1");
    }
}

#[test]
fn plans_are_shown_without_the_secrets_of_others() {
    let config =
        "# HUSH\n\n# HUSH\n[http \"https://git.a.test\"]\n\t# HUSH\n\tsslCAInfo = /ca # HUSH\n";
    let plan = GitConfig::parse(config).unwrap().plan("https://git.a.test", BlockChange::Remove);
    assert_eq!(
        plan.unwrap().to_string(),
        "- # ...\n- [http \"https://git.a.test\"]\n- # ...\n- \tsslCAInfo = /ca\n"
    );
    let config = "[http \"https://git.a.test\"] extraHeader = HUSH\n\tsslCAInfo = /ca\n";
    let plan = GitConfig::parse(config).unwrap().plan("https://git.a.test", BlockChange::Remove);
    assert_eq!(plan.unwrap().to_string(), "- \tsslCAInfo = /ca\n");
}

fn rc(
    name: &str,
    edit: impl FnOnce(&mut flynn_config::FlynnRcEdit) -> Result<(), Error>,
) -> String {
    changed(name, |path| FlynnRc::edit(path, edit))
}

#[test]
fn a_pin_is_all_that_changes() {
    let set = |cluster: &'static str| {
        move |rc: &mut flynn_config::FlynnRcEdit| rc.cluster_mut(cluster)?.set_tls_pin("NEW")
    };
    for (name, cluster, old, new) in [
        ("comments.flynnrc", "prod", "\"pin\" # until", "\"NEW\" # until"),
        ("crlf.flynnrc", "a", "\"pin\"", "\"NEW\""),
        ("lower-case.flynnrc", "b", "'pin'", "\"NEW\""),
        ("inline.flynnrc", "b", "\"pin\"", "\"NEW\""),
        ("escapes.flynnrc", "a \"b\" \u{fc}", "\"\"\"\\\n   pin\"\"\"", "\"NEW\""),
        ("bom.flynnrc", "a", "Key = \"k\"\n", "Key = \"k\"\n  TLSPin = \"NEW\"\n"),
        ("unknown.flynnrc", "a", "Key = \"k\"\nC", "Key = \"k\"\nTLSPin = \"NEW\"\nC"),
        ("inline.flynnrc", "a", "Key = \"k\",", "Key = \"k\", TLSPin = \"NEW\","),
        ("default-last.flynnrc", "a", "\"k\"\n", "\"k\"\n\tTLSPin = \"NEW\"\n"),
        ("dangling-default.flynnrc", "a", "\"a\"\n", "\"a\"\nTLSPin = \"NEW\"\n"),
    ] {
        let expected = String::from_utf8(odd(name)).unwrap().replacen(old, new, 1);
        assert_eq!(rc(name, set(cluster)), expected, "{name}");
    }
}

#[test]
fn a_removed_cluster_takes_what_is_its_own() {
    let remove = |cluster: &'static str| {
        move |rc: &mut flynn_config::FlynnRcEdit| rc.remove(cluster).map(drop)
    };
    assert_eq!(
        rc("comments.flynnrc", remove("prod")),
        "# Flynn clusters of the team\n# ask ops before you change them\n\n\
         default = \"a\" # be careful\n\n# to play with\n[[cluster]]\n  Name = \"a\"\n  \
         Key = \"k\"\n  ControllerURL = \"https://controller.a.test\"\n  \
         GitURL = \"https://git.a.test\"\n\n# written by hand\n"
    );
    assert_eq!(
        rc("unknown.flynnrc", remove("a")),
        "editor = \"vim\"\ndefault = \"b\"\n[ui]\ncolor = true\n\n[[cluster]]\nName = \"b\"\nKey = \
         \"k\"\nControllerURL = \"https://controller.b.test\"\n\n[[hosts]]\nip = \"10.0.0.1\"\n"
    );
    assert_eq!(
        rc("inline.flynnrc", remove("a")),
        "default = \"b\"\ncluster = [\n  { Name = \"b\", Key = \"k\", ControllerURL = \
         \"https://controller.b.test\", TLSPin = \"pin\" }\n]\n"
    );
    assert_eq!(
        rc("inline.flynnrc", remove("b")),
        "default = \"a\"\ncluster = [\n  { Name = \"a\", Key = \"k\", ControllerURL = \
         \"https://controller.a.test\" }, # first\n]\n"
    );
    assert_eq!(rc("bom.flynnrc", remove("a")), "");
}

#[test]
fn a_removed_key_takes_its_comma_along() {
    for (before, after) in [
        (r#"{ Name = "a", x = [1, ","], TLSPin = "p" }"#, r#"{ Name = "a", x = [1, ","]  }"#),
        (r#"{ TLSPin = "p", Name = "a" }"#, r#"{ Name = "a" }"#),
        (r#"{ Name = "a", TLSPin = 'p,', y = 1 }"#, r#"{ Name = "a", y = 1 }"#),
    ] {
        let rc = FlynnRc::parse(&format!("cluster = [{before}]")).unwrap();
        let rc = rc.preview(|rc| rc.cluster_mut("a")?.set_tls_pin("")).unwrap();
        assert_eq!(rc.as_str(), format!("cluster = [{after}]"));
    }
}

/// In a file with both kinds of line ends, a new line uses that of the previous line.
#[test]
fn the_lines_of_others_keep_their_ends() {
    let text = "[a]\n\tx = 1\n[b]\r\n\ty = 1\r\n";
    let set = |key: &str| {
        let done = GitConfig::parse(text).unwrap().preview(|git| git.set(key, "2"));
        String::from_utf8(done.unwrap().as_bytes().to_vec()).unwrap()
    };
    assert_eq!(set("a.z"), text.replace("x = 1\n", "x = 1\n\tz = 2\n"));
    assert_eq!(set("b.z"), format!("{text}\tz = 2\r\n"));
    assert_eq!(set("c.z"), format!("{text}[c]\r\n\tz = 2\r\n"));

    let text = "[[cluster]]\r\nName = \"a\"\r\n[[cluster]]\nName = \"b\"\nKey = \"k\"\n";
    let edited = |edit: fn(&mut flynn_config::FlynnRcEdit) -> Result<(), Error>| {
        FlynnRc::parse(text).unwrap().preview(edit).unwrap().as_str().to_owned()
    };
    let pin = edited(|rc| rc.cluster_mut("a")?.set_tls_pin("p"));
    assert_eq!(pin, text.replacen("\r\n[", "\r\nTLSPin = \"p\"\r\n[", 1));
    let default = edited(|rc| rc.set_default("a"));
    assert_eq!(default, format!("default = \"a\"\r\n\r\n{text}"));
    let added = edited(|rc| rc.add(&NewCluster::from_domain("c", "c.test", "k", "")));
    assert!(added.starts_with(text) && !added[text.len()..].contains('\r'), "{added:?}");
}

/// An entry without known keys (found by fuzzing).
#[test]
fn an_inserted_key_gets_its_comma() {
    for (before, after) in [
        ("{ x.y = 1 }", r#"{ TLSPin = "p", x.y = 1 }"#),
        ("{ x = { y = 1 } }", r#"{ TLSPin = "p", x = { y = 1 } }"#),
        ("{}", r#"{ TLSPin = "p" }"#),
        ("{ }", r#"{ TLSPin = "p"  }"#),
        (r#"{ Key = "k" }"#, r#"{ Key = "k", TLSPin = "p" }"#),
    ] {
        let rc = FlynnRc::parse(&format!("cluster = [{before}]")).unwrap();
        let rc = rc.preview(|rc| rc.cluster_mut("")?.set_tls_pin("p")).unwrap();
        assert_eq!(rc.as_str(), format!("cluster = [{after}]"));
    }
}

#[test]
fn an_added_cluster_stands_at_the_end() {
    let add = |rc: &mut flynn_config::FlynnRcEdit| {
        rc.add(&NewCluster::from_domain("new", "new.test", "k", ""))
    };
    let entry = |nl: &str| {
        [
            "[[cluster]]",
            "  Name = \"new\"",
            "  Key = \"k\"",
            "  ControllerURL = \"https://controller.new.test\"",
            "  GitURL = \"https://git.new.test\"",
            "  ImageURL = \"https://images.new.test\"",
        ]
        .join(nl)
    };
    let old = |name| String::from_utf8(odd(name)).unwrap();
    let crlf = format!("{}{}\r\n\r\n", old("crlf.flynnrc"), entry("\r\n"));
    assert_eq!(rc("crlf.flynnrc", add), crlf);
    let lower = format!("{}\n\n{}", old("lower-case.flynnrc"), entry("\n"));
    assert_eq!(rc("lower-case.flynnrc", add), lower.replace("[[cluster]]", "[[Cluster]]"));
    let first = format!("# nothing here yet\n\ndefault = \"new\"\n\n{}\n", entry("\n"));
    assert_eq!(rc("only-comments.flynnrc", add), first);
    let inline = rc("inline.flynnrc", add);
    assert!(inline.contains("\"pin\" },\n  { Name = \"new\", Key"), "{inline}");
}

/// Each entry of an inline list is on its own line, with its own comment.
#[test]
fn inline_entries_keep_their_lines() {
    let entry = "{ Name = \"new\", ControllerURL = \"https://controller.new.test\", GitURL = \
                 \"https://git.new.test\", ImageURL = \"https://images.new.test\" }";
    for (before, removed, added) in [
        (
            "[\n  {Name='a'}, # A\n  # of b\n  {Name='b'} # B\n]",
            "[\n  {Name='a'}, # A\n]",
            "[\n  {Name='a'}, # A\n  NEW,\n]",
        ),
        (
            "[ # all\n\t{Name='a'},\n\t{Name='b'}, # B\n\t# end\n]",
            "[ # all\n\t{Name='a'},\n\t# end\n]",
            "[ # all\n\t{Name='a'},\n\tNEW,\n\t# end\n]",
        ),
        ("[\r\n  {Name='b'},\r\n  {Name='c'} ]", "[\r\n  {Name='c'} ]", "[\r\n  {Name='c'}, NEW ]"),
        ("[\n {Name='b'}, {Name='c'} ]", "[\n {Name='c'} ]", "[\n {Name='c'}, NEW ]"),
        (
            "[\n {Name='c'} # C\n ,{Name='b'}\n]",
            "[\n {Name='c'} # C\n \n]",
            "[\n {Name='c'}, # C\n NEW\n \n]",
        ),
        ("[\n {Name='b'}\n]", "[\n]", "[NEW\n]"),
        ("[]", "[]", "[NEW]"),
    ] {
        let rc = FlynnRc::parse(&format!("cluster = {before}\n")).unwrap();
        let rc = rc.preview(|rc| rc.remove("b").map(drop)).unwrap();
        assert_eq!(rc.as_str(), format!("cluster = {removed}\n"), "{before}");
        let rc =
            rc.preview(|rc| rc.add(&NewCluster::from_domain("new", "new.test", "", ""))).unwrap();
        let added = format!("cluster = {}\n", added.replace("NEW", entry));
        assert!(rc.as_str().contains(&added), "{before}: {}", rc.as_str());
    }
}
