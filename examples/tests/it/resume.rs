//! A step fails and says so, and a second run continues from there.

use std::fs;

use flynn_client::apps::NewApp;
use flynn_examples::runner::Mode;
use flynn_examples::screen::Mark;
use flynn_examples::step::Step;
use flynn_examples::text::one_line;
use flynn_mock::{Fault, Op, ServerAge};
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

/// A fault in one step, the text that its error must contain, and the repair.
struct Case {
    step: Step,
    says: &'static str,
    breaks: fn(&World),
    mends: fn(&World),
}

fn lift(world: &World) {
    world.demo.mock.lift_faults();
}

fn fails(world: &World, op: Op) {
    world.demo.mock.fail_next(op, Fault::status(500).retry(false)).until_lifted();
}

/// Creates a folder in the place of a file, so that not even root can write the file.
fn block(world: &World, name: &str) {
    let path = world.path(name);
    let _ = fs::remove_file(&path);
    fs::create_dir(path).unwrap();
}

fn unblock(world: &World, name: &str) {
    fs::remove_dir(world.path(name)).unwrap();
}

const CASES: &[Case] = &[
    Case {
        step: Step::Connect,
        says: "status 500",
        breaks: |w| fails(w, Op::AppList),
        mends: lift,
    },
    Case {
        step: Step::Certificate,
        says: "wrong-order",
        breaks: |w| {
            fs::copy(w.path("certificate.pem"), w.path("good.pem")).unwrap();
            let pem = w.read("certificate.pem");
            let at = pem.rfind("-----BEGIN").unwrap();
            w.demo.write("certificate.pem", &format!("{}{}", &pem[at..], &pem[..at])).unwrap();
        },
        mends: |w| fs::rename(w.path("good.pem"), w.path("certificate.pem")).unwrap(),
    },
    Case {
        step: Step::Domain,
        says: "migrat",
        breaks: |w| fails(w, Op::DomainMigrate),
        mends: lift,
    },
    Case {
        // The server has finished, but the files have not been written.
        step: Step::Domain,
        says: ".flynnrc",
        breaks: |w| block(w, ".flynnrc.lock"),
        mends: |w| unblock(w, ".flynnrc.lock"),
    },
    Case { step: Step::Domain, says: "CA", breaks: |w| fails(w, Op::CaCertificate), mends: lift },
    Case {
        step: Step::Routes,
        says: "cannot update",
        breaks: |w| fails(w, Op::RouteUpdate),
        mends: lift,
    },
    Case {
        // The server reports that it has updated the route, but has not.
        step: Step::Routes,
        says: "not stored",
        breaks: |w| {
            w.demo.mock.fail_next(Op::RouteUpdate, Fault::answer(200, "{}")).until_lifted();
        },
        mends: lift,
    },
    Case {
        step: Step::Pin,
        says: ".flynnrc",
        breaks: |w| block(w, ".flynnrc.lock"),
        mends: |w| unblock(w, ".flynnrc.lock"),
    },
    Case {
        step: Step::Router,
        says: "router",
        breaks: |w| fails(w, Op::ReleaseCreate),
        mends: lift,
    },
    Case { step: Step::Router, says: "router", breaks: |w| fails(w, Op::Deploy), mends: lift },
    Case {
        step: Step::Blobstore,
        says: "migration",
        breaks: |w| fails(w, Op::JobRun),
        mends: lift,
    },
    Case { step: Step::App, says: "www", breaks: |w| fails(w, Op::AppCreate), mends: lift },
    Case {
        step: Step::App,
        says: "new.example.com",
        breaks: |w| fails(w, Op::RouteCreate),
        mends: lift,
    },
    Case {
        step: Step::Git,
        says: ".gitconfig",
        breaks: |w| w.demo.write(".gitconfig.lock", "").unwrap(),
        mends: |w| fs::remove_file(w.path(".gitconfig.lock")).unwrap(),
    },
    Case {
        step: Step::Dns,
        says: "route53",
        breaks: |w| block(w, "route53-new.example.com.json"),
        mends: |w| unblock(w, "route53-new.example.com.json"),
    },
    Case { step: Step::Status, says: "status", breaks: |w| fails(w, Op::StatusApp), mends: lift },
];

/// One cluster with one fault after the other. Each run gets as far as its fault, and the next run continues from
/// there.
async fn breaks_and_goes_on(age: ServerAge) {
    let world = World::new(age).await;
    for case in CASES {
        let number = case.step.number();
        let before = world.run_steps(&Step::ALL[..number - 1], Mode::Do).await.0;
        assert!(before.is_complete(), "{:?}", before.failures);

        (case.breaks)(&world);
        // The later steps would succeed; they belong to the cases that follow.
        let (broken, output) = world.run_steps(&Step::ALL[..number], Mode::Do).await;
        let reports: Vec<_> =
            broken.reports.iter().map(|report| (report.step, report.mark)).collect();
        let at = reports.iter().position(|(_, mark)| *mark == Mark::Failed);
        let failure = one_line(broken.closing(Mode::Do).unwrap_err().as_ref());
        let context = format!("{:?} ({}): {failure}\n{output}", case.step, case.says);
        let (done, rest) = reports.split_at(at.unwrap_or_else(|| panic!("{context}")));
        assert_eq!(rest[0], (case.step, Mark::Failed), "{context}");
        assert!(done.iter().all(|(_, mark)| is_quiet(*mark)), "{context}");
        assert!(failure.contains(case.says) && !failure.contains('\n'), "{context}");
        assert!(failure.contains(&format!("step {number} ")), "{context}");
        (case.mends)(&world);
    }
    let (mended, output) = world.run(Mode::Do).await;
    assert!(mended.is_complete(), "{:?}\n{output}", mended.failures);
    // The last fault was in the last step: nothing was left to do.
    assert!(mended.reports.iter().all(|report| is_quiet(report.mark)), "{output}");
}

fn is_quiet(mark: Mark) -> bool {
    matches!(mark, Mark::Held | Mark::Checked)
}

#[tokio::test]
async fn on_the_guides_server() {
    breaks_and_goes_on(ServerAge::V2016).await;
}

#[tokio::test]
async fn on_the_last_server() {
    breaks_and_goes_on(ServerAge::V2021).await;
}

#[tokio::test]
async fn a_migration_job_that_says_nothing_did_nothing() {
    let world = World::new(ServerAge::V2016).await;
    assert!(world.run_steps(&Step::ALL[..6], Mode::Do).await.0.is_complete());
    // An existing broken backend makes the job exit with 0 and without output.
    let blobstore = world.demo.mock.client().app("blobstore");
    blobstore.env().set([("BACKEND_BROKEN", "nonsense")]).await.unwrap();
    let (broken, output) = world.run(Mode::Do).await;
    let (step, failure) = &broken.failures[0];
    let failure = one_line(failure.as_ref());
    assert!(failure.contains("status 0 without finishing"), "{failure}\n{output}");
    assert_eq!(*step, Step::Blobstore);

    blobstore.env().unset(["BACKEND_BROKEN"]).await.unwrap();
    let (mended, output) = world.run(Mode::Do).await;
    assert!(mended.is_complete(), "{:?}\n{output}", mended.failures);
    assert!(output.contains("2 files moved"), "{output}");
}

/// An interruption between the controller's route and the pin: the pin of `.flynnrc` no longer fits, and the next
/// run still gets in, because it holds the new certificate.
#[tokio::test]
async fn the_pin_may_be_behind() {
    let world = World::new(ServerAge::V2021).await;
    assert!(world.run_steps(&Step::ALL[..4], Mode::Do).await.0.is_complete());
    let rc = flynn_config::FlynnRc::load(world.path(".flynnrc")).unwrap();
    assert_ne!(rc.cluster("production").unwrap().tls_pin(), world.demo.mock.pin().to_string());
    let (summary, output) = world.run(Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    assert!(output.contains("an earlier run was interrupted"), "{output}");
}

/// An interrupted run has left a migration or a deployment behind: the next run waits for it and starts no other.
#[tokio::test]
async fn unfinished_operations_are_waited_for() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let world = World::new(age).await;
        let client = world.demo.mock.client();
        client.domain().migrate("new.example.com").await.unwrap();
        let (summary, output) = world.run_steps(&Step::ALL[..3], Mode::Do).await;
        assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
        let migrations = world.changes().iter().filter(|change| *change == "PUT /domain").count();
        assert_eq!(migrations, 1, "{output}");
        assert!(!output.contains("left out the route"), "{output}");

        // The controller has moved, and its certificate with it.
        let client = world.demo.mock.client();
        let router = client.request(Method::GET, "/apps/router/release");
        let mut release: Value = router.decode().await.unwrap();
        for own in ["id", "created_at"] {
            release.as_object_mut().unwrap().remove(own);
        }
        let release = client.request(Method::POST, "/releases").json(&release);
        let release: Value = release.decode().await.unwrap();
        client.app("router").deploy(release["id"].as_str().unwrap()).await.unwrap();
        let (summary, output) = world.run(Mode::Do).await;
        assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    }
}

/// A route that belongs to no app gets no counterpart.
#[tokio::test]
async fn a_detached_route_stays_behind() {
    let world = World::new(ServerAge::V2021).await;
    let client = world.demo.mock.client();
    client.apps().create(NewApp::named("shop")).await.unwrap();
    let routes = client.app("shop").routes();
    let route = routes.find("shop.old.example.com", "/").await.unwrap().unwrap();
    let detached =
        json!({"id": route.id(), "type": "http", "domain": route.domain, "service": "shop-web"});
    let path = format!("/apps/shop/routes/{}", route.id());
    client.request(Method::PUT, &path).json(&detached).await.unwrap();
    let (summary, output) = world.run_steps(&Step::ALL[..3], Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
}
