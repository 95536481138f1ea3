//! A step that fails stops only the steps that need it.

use flynn_examples::runner::Mode;
use flynn_examples::screen::Mark;
use flynn_examples::step::Step;
use flynn_examples::text::one_line;
use flynn_mock::{Fault, Op, ServerAge};

use crate::world::World;

fn fails(world: &World, op: Op) {
    world.demo.mock.fail_next(op, Fault::status(500).retry(false)).until_lifted();
}

#[tokio::test]
async fn later_steps_that_do_not_need_it_are_done() {
    let world = World::new(ServerAge::V2021).await;
    fails(&world, Op::JobRun);
    let (summary, output) = world.run(Mode::Do).await;
    let failed: Vec<Step> = summary
        .reports
        .iter()
        .filter(|report| report.mark == Mark::Failed)
        .map(|report| report.step)
        .collect();
    assert_eq!(failed, [Step::Blobstore], "{output}");
    assert_eq!(summary.reports.len(), Step::ALL.len(), "{output}");
    let error = one_line(summary.closing(Mode::Do).unwrap_err().as_ref());
    assert!(error.contains("Move the blobstore to S3"), "{error}");

    world.demo.mock.lift_faults();
    let (mended, output) = world.run(Mode::Do).await;
    let done: Vec<Step> = mended
        .reports
        .iter()
        .filter(|report| report.mark == Mark::Done)
        .map(|report| report.step)
        .collect();
    assert_eq!(done, [Step::Blobstore], "{output}");
}

#[tokio::test]
async fn steps_that_need_it_are_not_tried() {
    let world = World::new(ServerAge::V2021).await;
    fails(&world, Op::DomainMigrate);
    let (summary, output) = world.run(Mode::Do).await;
    let marks: Vec<Mark> = [Step::Domain, Step::Routes, Step::Pin, Step::Dns]
        .iter()
        .map(|step| summary.reports.iter().find(|report| report.step == *step).unwrap().mark)
        .collect();
    assert_eq!(marks, [Mark::Failed, Mark::Blocked, Mark::Blocked, Mark::Done], "{output}");
    let changes = world.changes();
    assert!(!changes.iter().any(|change| change.starts_with("PUT /apps/")), "{changes:?}");
}

#[tokio::test]
async fn a_dry_run_that_fails_has_done_nothing() {
    let world = World::new(ServerAge::V2021).await;
    fails(&world, Op::StatusApp);
    let (summary, output) = world.run(Mode::DryRun).await;
    let error = one_line(summary.closing(Mode::DryRun).unwrap_err().as_ref());
    assert!(error.contains("nothing was changed"), "{error}\n{output}");
    assert!(!error.contains("done"), "{error}\n{output}");
    assert_eq!(world.changes(), Vec::<String>::new());
}

/// The routes of a cluster change before its router is deployed again, because the old router still serves them while
/// the new one starts.
#[tokio::test]
async fn routes_change_before_the_router_is_deployed() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let world = World::new(age).await;
        assert!(world.run(Mode::Do).await.0.is_complete());
        let changes = world.changes();
        let last_route = changes.iter().rposition(|change| change.starts_with("PUT /apps/"));
        let router = changes.iter().position(|change| change == "POST /apps/router/deploy");
        assert!(last_route.unwrap() < router.unwrap(), "{changes:#?}");
    }
}

/// Clusters of 2016 have no image service.
#[tokio::test]
async fn the_image_url_is_for_clusters_that_have_one() {
    for (age, has) in [(ServerAge::V2016, false), (ServerAge::V2021, true)] {
        let world = World::new(age).await;
        let steps = [Step::Connect, Step::Domain];
        assert!(world.run_steps(&steps, Mode::Do).await.0.is_complete());
        let rc = world.read(".flynnrc");
        assert_eq!(rc.contains("ImageURL = \"https://images.new.example.com"), has, "{rc}");
    }
}

/// git trusts only the CAs in the file of `sslCAInfo`, so a private CA must be in it.
#[tokio::test]
async fn with_a_private_ca_git_gets_the_file_of_that_ca() {
    let world = World::new(ServerAge::V2021).await;
    let (summary, output) = world.run(Mode::Do).await;
    assert!(summary.is_complete(), "{output}");
    let config = world.read(".gitconfig");
    let ca = world.path("ca.pem").canonicalize().unwrap();
    let expected = format!("sslCAInfo = {}", ca.display());
    assert!(config.contains(&expected), "{config}");
    assert!(config.contains("https://git.new.example.com"), "{config}");
}

/// A private key whose file has text in another encoding around it.
#[tokio::test]
async fn text_around_a_key_need_not_be_utf8() {
    let mut world = World::new(ServerAge::V2021).await;
    for (name, bytes) in [
        ("certificate.pem", &include_bytes!("../data/latin1.chain.pem")[..]),
        ("certificate.key", include_bytes!("../data/latin1.key")),
        ("ca.pem", include_bytes!("../data/latin1.root.pem")),
    ] {
        std::fs::write(world.path(name), bytes).unwrap();
    }
    world.job.domain = "example.com".parse().unwrap();
    let (summary, output) = world.run_steps(&Step::ALL[..6], Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    let env = world.demo.mock.client().app("router").env().get().await.unwrap();
    assert!(env["TLSKEY"].starts_with("-----BEGIN PRIVATE KEY-----\n"), "the key is canonical");
}

/// A killed run leaves an unfinished file.
#[tokio::test]
async fn unfinished_files_of_a_killed_run_are_removed() {
    let world = World::new(ServerAge::V2021).await;
    let unfinished = "route53-new.example.com.json.flynn-config-AbC123.tmp";
    world.demo.write(unfinished, "{\"Chan").unwrap();
    assert!(world.run_steps(&[Step::Dns], Mode::Do).await.0.is_complete());
    assert!(!world.path(unfinished).exists());
}
