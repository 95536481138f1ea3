//! The requests of a run: no more than necessary, and in the right order.

use flynn_config::FlynnRc;
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_mock::{Op, RecordedRequest, ServerAge};

use crate::world::World;

/// The requests of one step that change something.
async fn changes_of(world: &World, step: Step) -> Vec<String> {
    world.demo.mock.clear_requests();
    let (summary, output) = world.run_steps(&[step], Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    world.changes()
}

#[tokio::test]
async fn each_step_changes_as_little_as_can_be() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let world = World::new(age).await;
        assert_eq!(changes_of(&world, Step::Domain).await, ["PUT /domain"]);
        let one_release_one_deploy = ["POST /releases", "POST /apps/router/deploy"];
        assert_eq!(changes_of(&world, Step::Router).await, one_release_one_deploy);

        let updates = changes_of(&world, Step::Routes).await;
        assert!(updates.iter().all(|update| update.starts_with("PUT /apps/")), "{updates:?}");
        assert!(
            updates.len() >= 4 && updates.last().unwrap().contains("/controller/"),
            "{updates:?}"
        );

        assert_eq!(changes_of(&world, Step::Pin).await, [""; 0]);
        let one_release_one_deploy_one_job = [
            "POST /releases",
            "POST /apps/blobstore/deploy",
            "POST /apps/blobstore/jobs",
            "POST /apps/blobstore",
        ];
        assert_eq!(changes_of(&world, Step::Blobstore).await, one_release_one_deploy_one_job);
        assert_eq!(changes_of(&world, Step::App).await, ["POST /apps", "POST /apps/www/routes"]);
        for step in [Step::Git, Step::Dns, Step::Status] {
            assert_eq!(changes_of(&world, step).await, [""; 0]);
        }
    }
}

/// Both variables of the blobstore are in the release that the migration job ran with, and the job got its env.
#[tokio::test]
async fn the_migration_job_has_the_backend_in_its_env() {
    let world = World::new(ServerAge::V2021).await;
    assert!(world.run_steps(&[Step::Blobstore], Mode::Do).await.0.is_complete());
    let requests = world.demo.mock.requests();
    let release = requests.of(Op::ReleaseCreate).assert_one().json();
    assert_eq!(release["env"]["DEFAULT_BACKEND"], "s3main");
    let backend = "backend=s3 region=us-east-1 bucket=example-flynn-blobs ec2_role=true";
    assert_eq!(release["env"]["BACKEND_S3MAIN"], backend);
    let job = requests.of(Op::JobRun).assert_one().json();
    assert_eq!(job["release_env"], true);
    assert_eq!(job["args"], serde_json::json!(["/bin/flynn-blobstore", "migrate", "--delete"]));
}

/// The port of the URLs is not part of the domain, and stays in the URLs.
#[tokio::test]
async fn the_port_stays_in_the_urls() {
    let world = World::new(ServerAge::V2016).await;
    assert!(world.run_steps(&[Step::Domain], Mode::Do).await.0.is_complete());
    let sent = world.demo.mock.requests().of(Op::DomainMigrate).assert_one().json();
    assert_eq!(
        (&sent["old_domain"], &sent["domain"]),
        (&"old.example.com".into(), &"new.example.com".into())
    );
    let rc = FlynnRc::load(world.path(".flynnrc")).unwrap();
    let cluster = rc.cluster("production").unwrap();
    let port = world.demo.mock.addr().port();
    assert_eq!(cluster.controller_url(), format!("https://controller.new.example.com:{port}"));
    assert_eq!(cluster.git_url(), format!("https://git.new.example.com:{port}"));
    let ca = std::fs::read_to_string(world.path(".flynn/ca-certs/production.pem")).unwrap();
    assert_eq!(ca, world.demo.mock.ca_pem());
}

/// The server replaces whole routes: what is sent has every field that the route had.
#[tokio::test]
async fn routes_are_written_back_whole() {
    let world = World::new(ServerAge::V2021).await;
    assert!(world.run_steps(&Step::ALL[..3], Mode::Do).await.0.is_complete());
    let client = world.demo.mock.client();
    let before = client.app("gitreceive").routes().find("git.new.example.com", "/").await.unwrap();
    let before = serde_json::to_value(before.unwrap()).unwrap();
    world.demo.mock.clear_requests();
    assert!(world.run_steps(&[Step::Routes], Mode::Do).await.0.is_complete());
    let updates = world.demo.mock.requests().of(Op::RouteUpdate);
    let sent = updates.iter().map(RecordedRequest::json).find(|r| r["id"] == before["id"]).unwrap();
    for (field, value) in before.as_object().unwrap() {
        if field != "certificate" {
            assert_eq!(&sent[field], value, "{field}");
        }
    }
    let certificate = &sent["certificate"]["cert"];
    assert_eq!(certificate.as_str().unwrap().trim(), world.read("certificate.pem").trim());
}

/// A private key in the certificate's file stays there.
#[tokio::test]
async fn only_certificates_are_sent_as_the_certificate() {
    let world = World::new(ServerAge::V2016).await;
    let (chain, key) = (world.read("certificate.pem"), world.read("certificate.key"));
    world.demo.write("certificate.pem", &format!("my certificate\n{chain}{key}")).unwrap();
    assert!(world.run_steps(&Step::ALL[..6], Mode::Do).await.0.is_complete());
    let env = world.demo.mock.client().app("router").env().get().await.unwrap();
    assert_eq!(env["TLSCERT"], chain);
    for update in &world.demo.mock.requests().of(Op::RouteUpdate) {
        assert_eq!(update.json()["certificate"]["cert"], chain);
    }
}
