//! `.flynnrc` files against those that the original CLI wrote.

use std::path::{Path, PathBuf};

use flynn_config::{ErrorKind, FlynnRc, Locations, NewCluster};
use secrecy::{ExposeSecret as _, SecretString};

const KEY: &str = "e09dc5301d72be755a3d666f617c4600";
const PIN_2021: &str = "vmZd2u0Z07QgEPMkOtW4QduRzkzZ7T3ANwHJIAeVu+U=";

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/cli").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// A home with a `.flynnrc` in it.
struct Home(tempfile::TempDir);

impl Home {
    fn with(text: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::write(home.rc(), text).unwrap();
        home
    }

    fn rc(&self) -> PathBuf {
        self.0.path().join(".flynnrc")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.rc()).unwrap()
    }
}

/// The same steps as those of the original CLI of 2021 leave exactly the same files.
#[test]
fn the_files_of_2021_byte_for_byte() {
    let home = Home(tempfile::tempdir().unwrap());
    let new = |name, domain| NewCluster::from_domain(name, domain, KEY, PIN_2021);
    let check = |step: &str| {
        let expected = sample(&format!("2021/{step}.flynnrc"));
        assert_eq!(home.text(), expected, "step {step}");
    };
    let remove = |name| FlynnRc::edit(home.rc(), |rc| rc.remove(name)).unwrap();
    FlynnRc::edit(home.rc(), |rc| rc.add(&new("default", "flynn.test"))).unwrap();
    check("004");
    FlynnRc::edit(home.rc(), |rc| rc.add(&new("ported", "flynn.test:8443"))).unwrap();
    check("010");
    FlynnRc::edit(home.rc(), |rc| rc.set_default("ported")).unwrap();
    check("013");
    FlynnRc::edit(home.rc(), |rc| rc.set_default("default")).unwrap();
    check("016");
    assert!(remove("ported").unwrap().new_default.is_none());
    check("017");
    let url = "https://controller.flynn.test:8443";
    FlynnRc::edit(home.rc(), |rc| rc.add(&new("url", url))).unwrap();
    check("019");
    remove("url");
    check("020");
    FlynnRc::edit(home.rc(), |rc| rc.add(&new("nogit", "flynn.test:8443").without_git())).unwrap();
    check("028");
    remove("nogit");
    check("029");
    let custom = new("custom", "flynn.test:8443").git_url("https://git2.flynn.test");
    FlynnRc::edit(home.rc(), |rc| rc.add(&custom)).unwrap();
    check("033");
    remove("custom");
    check("034");
    let renewed = NewCluster::from_domain(
        "default",
        "flynn.test",
        KEY,
        "NWFWg0+n95x/qlj7a7/Sr6A18s3rcJRjiZrcdKHYl8c=",
    );
    let added = FlynnRc::edit(home.rc(), |rc| rc.add_or_replace(&renewed)).unwrap();
    assert!(added.is_default);
    assert_eq!(added.replaced.unwrap().tls_pin(), PIN_2021);
    check("198");
    FlynnRc::edit(home.rc(), |rc| {
        rc.cluster_mut("default")?.set_key(&SecretString::from("newkey0123456789"))
    })
    .unwrap();
    check("203");
    FlynnRc::edit(home.rc(), |rc| {
        let mut cluster = rc.cluster_mut("default")?;
        cluster.set_urls_from_domain("new.test")?;
        cluster.set_tls_pin("AOyC7XyrXplj8e6BteIVyMBXNASo/UKtbs676HPGpcc=")
    })
    .unwrap();
    check("211");
    remove("default");
    check("218");
    assert_eq!(home.text(), "");
}

#[test]
fn the_files_of_2016_are_read() {
    let rc = FlynnRc::parse(&sample("2016/010.flynnrc")).unwrap();
    let names: Vec<_> = rc.clusters().iter().map(flynn_config::Cluster::name).collect();
    assert_eq!(names, ["default", "ported"]);
    let ported = rc.cluster("ported").unwrap();
    assert_eq!(ported.domain(), Some("flynn.test:8443"));
    assert_eq!(ported.image_url(), "");
    assert_eq!(ported.docker_push_url(), "");
    assert_eq!(ported.key().expose_secret(), KEY);
}

/// A migration writes the same settings as the original CLI, without an image URL, which 2016 did not have.
#[test]
fn a_migration_of_2016() {
    let home = Home::with(&sample("2016/203.flynnrc"));
    FlynnRc::edit(home.rc(), |rc| {
        let mut cluster = rc.cluster_mut("default")?;
        cluster.set_urls_from_domain("new.test")?;
        cluster.set_tls_pin("VcKACvuMAmep6SXAAIL/WaT22utauolCEhGkaQcrx9U=")
    })
    .unwrap();
    assert_eq!(home.text(), sample("2016/211.flynnrc"));
}

#[test]
fn a_removed_pin_leaves_everything_else() {
    let before = sample("2021/010.flynnrc");
    let home = Home::with(&before);
    let remove = || FlynnRc::edit(home.rc(), |rc| rc.cluster_mut("default")?.remove_tls_pin());
    let pin = remove().unwrap().unwrap();
    let line = before.lines().find(|line| line.contains(&pin)).unwrap();
    assert_eq!(home.text(), before.replacen(&format!("{line}\n"), "", 1));
    assert_eq!(FlynnRc::load(home.rc()).unwrap().cluster("default").unwrap().pin(), None);
    assert_eq!(remove().unwrap(), None, "it is gone");
    let unknown = FlynnRc::edit(home.rc(), |rc| rc.cluster_mut("nosuch")?.remove_tls_pin());
    assert!(unknown.is_err());
}

/// The original CLI would leave a default that names no cluster.
#[test]
fn a_replacement_inherits_the_default() {
    let home = Home::with(&sample("2021/010.flynnrc"));
    let renamed = NewCluster::from_domain("renamed", "flynn.test", "k", "");
    let added = FlynnRc::edit(home.rc(), |rc| rc.add_or_replace(&renamed)).unwrap();
    assert!(added.is_default);
    assert_eq!(added.replaced.unwrap().name(), "default");
    let rc = FlynnRc::load(home.rc()).unwrap();
    assert_eq!(rc.default_cluster().unwrap().name(), "renamed");
    let names: Vec<_> = rc.clusters().iter().map(flynn_config::Cluster::name).collect();
    assert_eq!(names, ["ported", "renamed"]);
}

#[test]
fn conflicts() {
    let home = Home::with(&sample("2021/010.flynnrc"));
    let before = home.text();
    let add = |new: &NewCluster| FlynnRc::edit(home.rc(), |rc| rc.add(new)).unwrap_err();
    let by_name = NewCluster::from_domain("default", "x.test", "", "");
    assert_eq!(add(&by_name).to_string(), "cluster \"default\" already exists");
    let by_git = NewCluster::from_domain("x", "x.test", "", "").git_url("https://git.flynn.test");
    assert!(add(&by_git).to_string().contains("\"https://git.flynn.test\""));
    let by_url = NewCluster::from_domain("x", "flynn.test", "", "").without_git();
    assert!(add(&by_url).to_string().contains("\"https://controller.flynn.test\""));
    let by_both = NewCluster::from_domain("ported", "flynn.test", "", "");
    assert_eq!(add(&by_both).kind(), ErrorKind::Conflict);
    let forced = FlynnRc::edit(home.rc(), |rc| rc.add_or_replace(&by_both)).unwrap_err();
    assert!(forced.to_string().contains("several"));
    assert_eq!(home.text(), before);
}

/// The error names the file and the remedy.
#[test]
fn a_missing_file() {
    let home = Home(tempfile::tempdir().unwrap());
    let error = FlynnRc::load(home.rc()).unwrap_err();
    assert!(error.is_not_found());
    let expected = format!(
        "cannot read {}: it does not exist; create it with `flynn cluster add`, or set $FLYNNRC to \
         another file",
        home.rc().display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_empty_pin_is_none() {
    let rc =
        "[[cluster]]\nName = \"a\"\nTLSPin = \"p\"\n[[cluster]]\nName = \"b\"\nTLSPin = \"\"\n";
    let rc = FlynnRc::parse(rc).unwrap();
    let [a, b] = rc.clusters() else { panic!("two clusters") };
    assert_eq!((a.pin(), b.pin()), (Some("p"), None));
}

/// The fields that the fork added are in the place where it writes them.
#[test]
fn the_fields_of_the_fork() {
    let home = Home::with("");
    let new = NewCluster::from_domain("a", "a.test", "", "p")
        .oauth_url("https://auth.a.test")
        .with_dashboard()
        .with_docker()
        .context("team");
    FlynnRc::edit(home.rc(), |rc| rc.add(&new)).unwrap();
    let text = "default = \"a\"\n\n[[cluster]]\n  Name = \"a\"\n  OAuthURL = \"https://auth.a.test\"\n  DashboardURL = \"https://dashboard.a.test\"\n  TLSPin = \"p\"\n  ControllerURL = \"https://controller.a.test\"\n  GitURL = \"https://git.a.test\"\n  ImageURL = \"https://images.a.test\"\n  DockerPushURL = \"https://docker.a.test\"\n  Context = \"team\"\n\n";
    assert_eq!(home.text(), text);
    FlynnRc::edit(home.rc(), |rc| rc.cluster_mut("a")?.set_context("")).unwrap();
    assert_eq!(home.text(), text.replace("  Context = \"team\"\n", ""));
    FlynnRc::edit(home.rc(), |rc| rc.cluster_mut("a")?.set_context("team")).unwrap();
    assert_eq!(home.text(), text);
    FlynnRc::edit(home.rc(), |rc| rc.cluster_mut("a")?.set_urls_from_domain("b.test")).unwrap();
    assert_eq!(home.text(), text.replace("a.test", "b.test"));
}

/// Files of the CLIs of 2014 and 2015 are read and kept, and using them gives an error that names their age.
#[test]
fn files_of_2014() {
    let old = |keys: &str| format!("[[cluster]]\n  Name = \"old\"\n  Key = \"k\"\n{keys}\n");
    for (keys, named) in [
        ("  GitHost = \"example.com\"\n  URL = \"https://example.com\"", "GitHost and URL"),
        ("  url = \"https://example.com\"", "URL"),
        ("  Domain = \"example.com\"", "Domain"),
    ] {
        let text = old(keys) + "[[cluster]]\nName = \"new\"\nControllerURL = \"https://c.test\"\n";
        let home = Home::with(&text);
        let rc = FlynnRc::load(home.rc()).unwrap();
        assert_eq!(rc.as_str(), text);
        let error = rc.select_from(Some("old"), None).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Unsupported, Some(&*home.rc())));
        let message = error.to_string();
        assert!(message.contains("2014") && message.contains(named), "{message}");
        assert!(message.contains("`flynn cluster add`"), "{message}");
        assert_eq!(rc.select_from(Some("new"), None).unwrap().name(), "new");
    }
    // The CLI of 2015 wrote both. An unknown key has no effect.
    for keys in ["ControllerURL = \"https://c.test\"\nURL = \"\"", "DocsURL = \"x\""] {
        let rc = FlynnRc::parse(&old(keys)).unwrap();
        assert_eq!(rc.select_from(None, None).unwrap().name(), "old");
    }
    let servers = "[[server]]\n  Name = \"old\"\n  URL = \"https://example.com\"\n";
    let error = FlynnRc::parse(servers).unwrap().select_from(None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("[[server]]"), "{error}");
}

#[test]
fn urls_of_login_and_dashboard_are_set_in_a_file_at_any_path() {
    let home = Home::with("[[cluster]]\nName = \"a\"\nControllerURL = \"https://c.test\"\n");
    let files = Locations::in_home("/nowhere").with_flynnrc(home.rc()).with_flynn_dir("/ca");
    assert!(files.ca_files().dir().starts_with("/ca"));
    FlynnRc::edit(files.flynnrc(), |rc| {
        let mut cluster = rc.cluster_mut("a")?;
        cluster.set_oauth_url("https://login.test")?;
        cluster.set_dashboard_url("https://dashboard.test")
    })
    .unwrap();
    for line in
        ["OAuthURL = \"https://login.test\"\n", "DashboardURL = \"https://dashboard.test\"\n"]
    {
        assert!(home.text().contains(line), "{}", home.text());
    }
    let rc = FlynnRc::load(files.flynnrc()).unwrap();
    assert!(rc.select_from(Some("b"), None).unwrap_err().is_unknown_cluster());
}

/// The environment belongs to the whole process, so a child process reads the file.
#[test]
fn the_default_file_is_the_one_of_the_environment() {
    if std::env::var_os("FLYNN_TEST_LOADS_DEFAULT").is_some() {
        match FlynnRc::load_default() {
            Ok(rc) => println!("default: {}", rc.default_name()),
            Err(error) => println!("{:?}: {error}", error.kind()),
        }
        return;
    }
    let file = |name: &str| {
        format!(
            "default = {name:?}\n[[cluster]]\nName = {name:?}\nControllerURL = \"https://c.test\"\n"
        )
    };
    let (home, other) = (Home::with(&file("home")), Home::with(&file("other")));
    let empty = tempfile::tempdir().unwrap();
    let nothing = Path::new("");
    for (folder, flynnrc, prints) in [
        (home.0.path(), nothing, "default: home\n".to_owned()),
        (home.0.path(), &*other.rc(), "default: other\n".to_owned()),
        (empty.path(), nothing, format!("NotFound: cannot read {}", empty.path().display())),
    ] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "--nocapture",
            "flynnrc::the_default_file_is_the_one_of_the_environment",
        ]);
        child.env("FLYNN_TEST_LOADS_DEFAULT", "").env("HOME", folder).env("FLYNNRC", flynnrc);
        let output = child.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && printed.contains(&prints), "{prints}: {printed}");
    }
}
