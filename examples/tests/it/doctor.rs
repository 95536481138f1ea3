//! `doctor` finds problems, and fewer of them after `productionize`.

use flynn_aws::{Finding, Severity};
use flynn_config::FlynnRc;
use flynn_examples::doctor::Patient;
use flynn_examples::runner::Mode;
use flynn_mock::{Fault, Op, ServerAge};
use flynn_tls::Roots;

use crate::world::World;

async fn examine(world: &World) -> Vec<Finding> {
    let address = Some(world.demo.mock.addr());
    let patient = Patient::open(world.job.locations.clone(), Some("production"), address).unwrap();
    let ca = Roots::from_pem(world.read("ca.pem")).unwrap();
    patient.with_ca(ca).examine().await
}

fn has(findings: &[Finding], severity: Severity, text: &str) -> bool {
    findings.iter().any(|found| found.severity == severity && found.to_string().contains(text))
}

#[tokio::test]
async fn productionize_cures_what_it_is_for() {
    let world = World::new(ServerAge::V2021).await;
    let before = examine(&world).await;
    assert!(before.iter().all(|found| found.severity == Severity::Warning), "{before:#?}");
    for text in ["blobs are in Postgres", "no app serves the apex"] {
        assert!(has(&before, Severity::Warning, text), "{text}: {before:#?}");
    }
    assert_eq!(world.changes(), Vec::<String>::new());

    assert!(world.run(Mode::Do).await.0.is_complete());
    let after = examine(&world).await;
    assert!(after.iter().all(|found| found.severity == Severity::Warning), "{after:#?}");
    for text in ["blobs are in Postgres", "no app serves the apex"] {
        assert!(!has(&after, Severity::Warning, text), "{text}: {after:#?}");
    }
    assert!(has(&after, Severity::Warning, "routes of an earlier domain"), "{after:#?}");
}

#[tokio::test]
async fn doctor_finds_what_is_broken() {
    let world = World::new(ServerAge::V2016).await;
    let blobstore = world.demo.mock.client().app("blobstore");
    let env = [("BACKEND_S3MAIN", "backend=s3 bucket"), ("DEFAULT_BACKEND", "s3")];
    blobstore.env().set(env).await.unwrap();
    let unhealthy = serde_json::json!({"data": {"status": "unhealthy", "version": "v1",
        "detail": {"postgres": {"status": "unhealthy"}, "router": {"status": "healthy"}}}});
    world
        .demo
        .mock
        .fail_next(Op::StatusApp, Fault::answer(500, unhealthy.to_string()))
        .until_lifted();
    let git = world.read(".gitconfig").replace("ca-certs/production.pem", "ca-certs/gone.pem");
    world.demo.write(".gitconfig", &git).unwrap();
    let findings = examine(&world).await;
    for text in ["token 2 has no", "no backend \"s3\"", "gone.pem, which does not exist"] {
        assert!(has(&findings, Severity::Error, text), "{text}: {findings:#?}");
    }
    // Like git, it expands `~/` to the home folder.
    let home = world.demo.home().to_str().unwrap();
    for (file, is_there) in [("production.pem", true), ("gone.pem", false)] {
        let tilde = git.replace(home, "~").replace("gone.pem", file);
        assert!(tilde.contains("sslCAInfo = ~/"), "{tilde}");
        world.demo.write(".gitconfig", &tilde).unwrap();
        let findings = examine(&world).await;
        assert_eq!(!has(&findings, Severity::Error, "does not exist"), is_there, "{findings:#?}");
    }

    let pin = "mc47PfOhOMCKTsOxiHqvQ5vIuytHSETeWB/eVzGcL/o=";
    let set = |rc: &mut flynn_config::FlynnRcEdit| rc.cluster_mut("production")?.set_tls_pin(pin);
    FlynnRc::edit(world.path(".flynnrc"), set).map_err(|e: flynn_config::Error| e).unwrap();
    let findings = examine(&world).await;
    assert!(has(&findings, Severity::Error, pin), "{findings:#?}");
}
