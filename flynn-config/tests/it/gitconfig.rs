//! `.gitconfig` files against git itself.

use std::path::Path;

use flynn_config::{BlockChange, GitConfig, Helper};

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
