//! A marked key in every kind of broken file: no error, and no `Debug`, ever shows it.

use std::fmt::Debug;

use flynn_config::credential::Credential;
use flynn_config::{BlockChange, FlynnRc, GitConfig, Helper, NewCluster};
use secrecy::SecretString;

const MARK: &str = "MARKEDKEY";

fn check(what: impl Debug, shown: &str) {
    assert!(!shown.contains("MARK"), "{what:?} shows the key: {shown}");
}

/// Every prefix of a file, and the file with every byte replaced by something hostile.
fn broken(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let bytes = text.as_bytes().to_vec();
    let cuts = (0..bytes.len()).map({
        let bytes = bytes.clone();
        move |end| bytes[..end].to_vec()
    });
    let swaps = (0..bytes.len()).flat_map(move |at| {
        let bytes = bytes.clone();
        b"\"'\n=[]{}\\#\0\xff".iter().map(move |&with| {
            let mut bytes = bytes.clone();
            bytes[at] = with;
            bytes
        })
    });
    cuts.chain(swaps)
}

#[test]
fn flynnrc() {
    let whole = format!(
        "default = \"a\"\n[[cluster]]\n  Name = \"a\"\n  Key = \"{MARK}\"\n  TLSPin = \"p\"\n\
         [cluster.x]\ny = '{MARK}'\nz = \"\"\"{MARK}\n{MARK}\"\"\"\n"
    );
    let more = [
        format!("Key = {MARK}"),
        format!("Key = \"{MARK}\"\nKey = \"{MARK}\""),
        format!("[[cluster]]\nKey = \"{MARK}\"\nkey = \"{MARK}\""),
        format!("[[cluster]]\nKey = [\"{MARK}\"]"),
        format!("[[cluster]]\nName = {{ x = \"{MARK}\" }}"),
        format!("cluster = \"{MARK}\""),
        format!("cluster = [\"{MARK}\"]"),
        format!("default = [\"{MARK}\"]"),
        format!("\"{MARK}\" = 1\n\"{MARK}\" = 1"),
        format!("[{MARK}]\n[{MARK}]"),
        MARK.to_owned(),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rc");
    for text in broken(&whole).chain(more.into_iter().map(String::into_bytes)) {
        std::fs::write(&path, &text).unwrap();
        match FlynnRc::load(&path) {
            Ok(rc) => check(&path, &format!("{rc:?}").replace("Name: \"MARK", "")),
            Err(e) => check(String::from_utf8_lossy(&text), &format!("{e} {e:?} {e:#?}")),
        }
    }
    let new = NewCluster::from_domain("a", "a.test", MARK, "p");
    check("new", &format!("{new:?}"));
    let rc = FlynnRc::parse(&whole).unwrap();
    check("whole", &format!("{rc:?} {:#?} {:?}", rc.clusters(), rc.select_from(Some("b"), None)));
    FlynnRc::edit(dir.path().join("new"), |rc| {
        rc.add(&new)?;
        check("edit", &format!("{rc:?}"));
        check("add", &format!("{:?}", rc.add(&new)));
        check("replace", &format!("{:?}", rc.add_or_replace(&new)?));
        check("cluster", &format!("{:?}", rc.cluster_mut("a")?));
        rc.cluster_mut("a")?.set_key(&SecretString::from(format!("{MARK}2")))?;
        check("remove", &format!("{:?}", rc.remove("a")?));
        Ok::<_, flynn_config::Error>(())
    })
    .unwrap();
}

#[test]
fn gitconfig() {
    let whole = format!(
        "[http \"https://git.a.test\"]\n\textraHeader = \"Authorization: {MARK}\"\n\
         [url \"https://u:{MARK}@x\"]\n\tinsteadOf = x \\\n{MARK}\n"
    );
    let helper = format!("!f() {{ echo password={MARK}; }}; f");
    let own = format!("[credential \"https://git.a.test\"]\n\thelper = \"{helper}\"\n");
    let config = GitConfig::parse(own).unwrap();
    let blocks = config.flynn_blocks("https://git.a.test");
    for new in [Helper::named(&helper), Helper::named("flynn")] {
        let change = BlockChange::Install { ca_file: None, helper: new };
        check("change", &format!("{change:?} {blocks:?}"));
        let plan = config.plan("https://git.a.test", change).unwrap();
        check("plan", &format!("{plan} {plan:?}"));
    }
    for text in broken(&whole) {
        match GitConfig::parse(&text) {
            Ok(config) => {
                check("debug", &format!("{config:?} {:?}", config.get_all("http.extraHeader")));
                let plan = config.plan("https://git.a.test", BlockChange::Remove).unwrap();
                check("plan", &format!("{plan} {plan:?}"));
            }
            Err(e) => check(String::from_utf8_lossy(&text), &format!("{e} {e:?}")),
        }
    }
}

#[test]
fn credentials() {
    let whole = format!("protocol=https\nhost=a\nusername=u\npassword={MARK}\nstate[]={MARK}\n");
    let url = format!("url=https://u:{MARK}@host/path\n");
    for text in broken(&whole).chain(broken(&url)) {
        let shown = match Credential::parse(&text) {
            // A swapped byte can make the password the value of another key.
            Ok(credential) if credential.password().is_some() => format!("{credential:?}"),
            Ok(_) => continue,
            Err(e) => format!("{e} {e:?}"),
        };
        check(String::from_utf8_lossy(&text), &shown);
    }
    let error = Credential::for_url(&format!("https:/{MARK}")).unwrap_err();
    check("url", &format!("{error:?}"));
}
