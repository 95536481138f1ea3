//! `doctor` finds problems, and fewer of them after `productionize`.

use flynn_aws::{Finding, Severity};
use flynn_client::users::NewUser;
use flynn_config::FlynnRc;
use flynn_examples::connect::{self, Connected};
use flynn_examples::doctor;
use flynn_examples::runner::Mode;
use flynn_mock::{Fault, Op, ServerAge, Token};
use flynn_tls::Roots;
use serde_json::json;

use crate::world::World;

async fn examine(world: &World) -> Vec<Finding> {
    let address = Some(world.demo.mock.addr());
    let locations = world.job.locations.clone();
    let cluster = connect::cluster(&locations, Some("production")).unwrap();
    let connected = Connected::new(locations, cluster, address).unwrap();
    let ca = Roots::from_pem(world.read("ca.pem")).unwrap();
    doctor::examine(&connected, Some(&ca)).await
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

#[tokio::test]
async fn what_a_user_may_not_read_is_a_finding_and_the_rest_is_examined() {
    let world = World::new(ServerAge::Fork2026September).await;
    let mock = &world.demo.mock;
    let client = mock.client();
    client.acme().enable("ops@example.com").await.unwrap();
    let routes = client.app("status").routes();
    let mut listed = routes.list().await.unwrap();
    let route = listed.pop().unwrap();
    routes.update(&route).managed_certificate(&route.domain).await.unwrap();

    // An administrator, except for one list.
    let refusal = r#"{"code":"forbidden","message":"not allowed","retry":false}"#;
    let refused = mock.fail_next(Op::ManagedCertificateList, Fault::answer(403, refusal));
    let refused = refused.until_lifted();
    let findings = examine(&world).await;
    for text in ["[not-examined] managed certificates: ", "use the cluster's key"] {
        assert!(has(&findings, Severity::Error, text), "{text}: {findings:#?}");
    }
    for text in ["[cluster-ca]", "[not-issued] status."] {
        assert!(has(&findings, Severity::Warning, text), "{text}: {findings:#?}");
    }
    refused.lift();

    // A user who may read the routes, but neither the domain nor the cluster's certificates.
    let user = NewUser::new("u@example.com", "user");
    let user = client.users().create(user).await.unwrap();
    let token = mock.issue_token(Token::new().user(user.id.as_str()));
    let tokens = json!({mock.url(): {"access_token": token, "expiry": "2999-01-01T00:00:00Z"}});
    let folder = world.path(".flynn/tokens/production");
    std::fs::create_dir_all(&folder).unwrap();
    let cache = json!({"access_tokens": tokens}).to_string();
    std::fs::write(folder.join("flynn-cli.json"), cache).unwrap();
    let findings = examine(&world).await;
    for text in ["[not-examined] domain", "[not-examined] status.old.example.com"] {
        assert!(has(&findings, Severity::Error, text), "{text}: {findings:#?}");
    }
    assert!(has(&findings, Severity::Warning, "[no-apex]"), "{findings:#?}");
    assert!(!has(&findings, Severity::Error, "[unreachable]"), "{findings:#?}");
}
