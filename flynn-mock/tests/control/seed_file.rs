//! Seed files in TOML.

use std::fs;

use flynn_mock::control::SeedFile;
use flynn_mock::{MockController, ServerAge};

const ALL: &str = r#"
[[apps]]
name = "www"
strategy = "one-by-one"
deploy_timeout = 30
meta = { team = "web" }
resources = ["postgres"]

[apps.release]
env = { GREETING = "hello" }
meta = { git = "true" }
artifacts = [{ uri = "https://images.example.com/www" }]
[apps.release.processes.web]
count = 2
args = ["/bin/server", "-v"]
env = { PORT = "8080" }
data = true
[apps.release.processes.worker]

[[apps.earlier_releases]]
env = { GREETING = "hi" }
processes = { web = { count = 1 } }

[[apps.routes]]
domain = "shop.example.org"
sticky = true
[[apps.routes]]
type = "tcp"
service = "www-tcp"
port = 3100

[[apps.jobs]]
args = ["sleep", "60"]
env = { KIND = "report" }

[[apps]]
name = "empty"
"#;

#[test]
fn every_field_of_a_seed_file_is_seeded() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let seed = SeedFile::parse(ALL).unwrap();
        assert_eq!(seed.names().collect::<Vec<_>>(), ["www", "empty"]);
        assert!(!format!("{seed:?}").contains("hello"));
        let builder = MockController::builder().server(age);
        let mock = seed.into_apps().into_iter().fold(builder, flynn_mock::Builder::app);
        let mock = mock.start_blocking();
        let state = mock.state();
        assert!(state.app("empty").unwrap().release_opt().is_none());
        let www = state.app("www").unwrap();
        assert_eq!((&*www.strategy.clone(), www.deploy_timeout), ("one-by-one", 30));
        assert_eq!(www.meta["team"], "web");
        let release = www.release();
        assert_eq!(release.env["GREETING"], "hello");
        assert_eq!(release.meta["git"], "true");
        assert!(release.env.get("PGUSER").is_some(), "the env of the resource");
        let web = &release.processes["web"];
        assert_eq!(web.args, ["/bin/server", "-v"]);
        assert_eq!(web.env["PORT"], "8080");
        let artifact = state.artifacts().into_iter().find(|a| release.artifact_ids.contains(&a.id));
        assert_eq!(artifact.unwrap().uri, "https://images.example.com/www");
        assert_eq!((www.running("web"), www.running("worker")), (2, 0));
        assert_eq!(www.releases().len(), 2);
        assert_eq!(www.releases()[1].env["GREETING"], "hi");
        assert_eq!(www.resources().len(), 1);
        assert_eq!(www.routes().len(), 3, "the default one, too");
        assert!(www.routes().iter().any(|route| route.sticky));
        let one_off = www.jobs().into_iter().filter(|job| job.process_type.is_empty()).count();
        assert_eq!(one_off, 1);
        if age == ServerAge::V2021 {
            assert_eq!(www.volumes().len(), 2);
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, line, column, says) in [
        ("[[app]]\n", 1, 3, "unknown field `app`"),
        ("[[apps]]\nname = \"a\"\ncolour = 1\n", 3, 1, "unknown field `colour`"),
        ("[[apps]]\nname = \"a\"\n[apps.release.processes.web]\ncuont = 2\n", 4, 1, "cuont"),
        ("[[apps]]\nname = 7\n", 2, 8, "string"),
        ("[[apps]]\n\u{fc} = 1\n", 2, 1, ""),
        ("[[apps]]\n", 1, 1, "missing field `name`"),
        ("[[apps]]\nname = \"a\"\n  routes = [{ domian = \"x\" }]\n", 3, 15, "domian"),
    ] {
        let error = SeedFile::parse(text).unwrap_err();
        assert_eq!((error.line(), error.column()), (Some(line), Some(column)), "{text}: {error}");
        let message = error.to_string();
        assert!(message.contains(says) && message.lines().count() == 1, "{text}: {message}");
        let place = format!("line {line}, column {column}");
        assert!(message.contains(&place), "{text}: {message}");
    }
    let dir = std::env::temp_dir().join(format!("flynn-seed-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("seed.toml");
    let missing = SeedFile::load(&path).unwrap_err();
    assert!(missing.to_string().contains("seed.toml") && missing.line().is_none(), "{missing}");
    fs::write(&path, ALL).unwrap();
    assert_eq!(SeedFile::load(&path).unwrap().names().count(), 2);
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn an_app_that_the_controller_refuses_is_named() {
    let seed = SeedFile::parse("[[apps]]\nname = \"Not A Name\"\n").unwrap();
    let builder = MockController::builder();
    let started = seed.into_apps().into_iter().fold(builder, flynn_mock::Builder::app).try_start();
    let error = started.err().unwrap().to_string();
    assert!(error.contains("Not A Name"), "{error}");
}
