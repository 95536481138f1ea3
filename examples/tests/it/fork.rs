//! Clusters of the fork randy-girard/flynn, in both of its states, with and without certificates that the cluster
//! obtains itself.

use flynn_client::routes::Route;
use flynn_config::FlynnRc;
use flynn_examples::cli::Arguments;
use flynn_examples::demo::{NEW_DOMAIN, OLD_DOMAIN};
use flynn_examples::runner::{Mode, Summary};
use flynn_examples::screen::Mark;
use flynn_examples::step::Step;
use flynn_mock::ServerAge::{Fork2026June, Fork2026September};
use flynn_mock::{MockController, ServerAge};
use flynn_tls::generate::Ca;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::program::{productionize, real_arguments, run, stdout};
use crate::world::{World, files_under};

const STATES: [ServerAge; 2] = [Fork2026June, Fork2026September];
/// The states, each without and with managed certificates.
const CLUSTERS: [(ServerAge, bool); 4] = [
    (Fork2026June, false),
    (Fork2026June, true),
    (Fork2026September, false),
    (Fork2026September, true),
];
const MIGRATE_DOMAIN: [Step; 2] = [Step::Connect, Step::Domain];

/// A cluster that will have this domain. The name `www` is reserved in September.
async fn world(age: ServerAge, domain: &str) -> World {
    let (domain, app) = (Some(domain.to_owned()), Some("site".to_owned()));
    World::with(age, &Arguments { domain, app, ..Arguments::default() }).await
}

/// Makes the cluster obtain the certificates of its system routes, as `flynn-host acme enable-system-routes` does. The
/// user's files get the controller's new pin and the authority.
async fn manage(world: &World) {
    let mock = &world.demo.mock;
    mock.client().acme().enable("ops@example.com").await.unwrap();
    let authority = Ca::new("Example ACME").unwrap();
    for name in certified(mock) {
        make_managed(mock, &name).await;
        let issued = authority.issue(&[&name]).unwrap();
        mock.issue_certificate_pem(&name, &issued.chain_pem(), &issued.key_pem()).unwrap();
    }
    for file in ["acme.pem", ".flynn/ca-certs/production.pem"] {
        world.demo.write(file, &authority.certificate_pem()).unwrap();
    }
    let pin = mock.pin().to_string();
    FlynnRc::edit(world.path(".flynnrc"), |rc| rc.cluster_mut("production")?.set_tls_pin(&pin))
        .map_err(|error: flynn_config::Error| error)
        .unwrap();
}

/// Returns a cluster that will have the new domain, and its name for messages.
async fn about_to_move(age: ServerAge, is_managed: bool) -> (World, String) {
    let world = world(age, NEW_DOMAIN).await;
    if is_managed {
        manage(&world).await;
    }
    (world, format!("{age:?}, managed {is_managed}"))
}

async fn make_managed(mock: &MockController, name: &str) {
    let route = mock.state().routes().into_iter().find(|route| route.domain == name).unwrap();
    let routes = mock.client().app(route.parent_ref.rsplit('/').next().unwrap()).routes();
    routes.update(&route).managed_certificate(name).await.unwrap();
}

/// The domains of all routes with a certificate, or with one that is not issued yet.
fn certified(mock: &MockController) -> Vec<String> {
    let has_one =
        |route: &Route| route.certificate.is_some() || !route.managed_certificate_domain.is_empty();
    mock.state().routes().into_iter().filter(has_one).map(|route| route.domain).collect()
}

/// The domains of all routes whose certificate the cluster manages.
fn managed(mock: &MockController) -> Vec<String> {
    let routes = mock.state().routes().into_iter();
    let managed = routes.filter(|route| !route.managed_certificate_domain.is_empty());
    managed.map(|route| route.domain).collect()
}

fn all_is_well((summary, output): (Summary, String), what: &str) -> (Summary, String) {
    assert!(summary.is_complete(), "{what}: {:?}\n{output}", summary.failures);
    (summary, output)
}

/// Runs steps twice: the first run succeeds, and the second changes nothing. Returns the output of the first.
async fn twice(world: &World, steps: &[Step], what: &str) -> String {
    let (_, output) = all_is_well(world.run_steps(steps, Mode::Do).await, what);
    let (files, routes) = (world.files(), world.demo.mock.state().routes());
    world.demo.mock.clear_requests();
    let (second, again) = all_is_well(world.run_steps(steps, Mode::Do).await, what);
    let held = |mark: Mark| matches!(mark, Mark::Held | Mark::Checked);
    assert!(second.reports.iter().all(|report| held(report.mark)), "{what}: {again}");
    assert_eq!(world.changes(), Vec::<String>::new(), "{what}");
    assert!(world.files() == files, "{what}: a file changed in the second run");
    assert_eq!(world.demo.mock.state().routes(), routes, "{what}");
    output
}

/// Runs a program that must refuse, and returns the reason. Nothing may have changed.
fn refused(world: &World, program: &str, arguments: &[String]) -> String {
    world.demo.mock.clear_requests();
    let (files, routes) = (files_under(world.demo.home()), world.demo.mock.state().routes());
    let output = run(program, world.demo.home(), arguments);
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}{}", stdout(&output));
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(world.changes(), Vec::<String>::new(), "{error}");
    assert!(files_under(world.demo.home()) == files, "{error}");
    assert_eq!(world.demo.mock.state().routes(), routes, "{error}");
    error
}

/// Returns the output of `doctor` about certificates of this CA. There are no errors in it.
fn doctor(world: &World, ca: &str) -> String {
    let address = world.demo.mock.addr().to_string();
    let arguments = ["--cluster", "production", "--connect-to", &address, "--ca", ca];
    let arguments = arguments.map(str::to_owned);
    let output = run(env!("CARGO_BIN_EXE_doctor"), world.demo.home(), &arguments);
    let shown = stdout(&output);
    assert!(output.status.success() && shown.contains("\n0 errors, "), "{shown}");
    shown
}

#[tokio::test]
async fn productionize_succeeds_and_then_changes_nothing() {
    for (age, is_managed) in CLUSTERS {
        let (world, what) = about_to_move(age, is_managed).await;
        let before = managed(&world.demo.mock);
        let output = twice(&world, &Step::ALL, &what).await;
        // The old domain keeps its certificates. Those of the new one are the user's.
        assert_eq!(managed(&world.demo.mock), before, "{what}");
        let mut steps = output.lines().filter(|line| line.contains(" presents the new leaf"));
        let mut steps = steps.by_ref().filter(|line| line.contains("route ")).rev();
        let (last, login) = (steps.next().unwrap(), steps.next().unwrap());
        assert!(last.contains("controller.new.example.com"), "{output}");
        let has_login = login.contains("auth.new.example.com of controller");
        assert_eq!(has_login, age == Fork2026September, "{output}");
        doctor(&world, "ca.pem");
    }
}

#[tokio::test]
async fn install_certificate_succeeds_and_then_changes_nothing() {
    for age in STATES {
        let world = world(age, OLD_DOMAIN).await;
        twice(&world, &Step::INSTALL_CERTIFICATE, &format!("{age:?}")).await;
        doctor(&world, "ca.pem");
    }
}

#[tokio::test]
async fn a_managed_certificate_is_replaced_only_when_asked_for() {
    for age in STATES {
        let mut world = world(age, OLD_DOMAIN).await;
        manage(&world).await;
        let names = certified(&world.demo.mock);
        let mut arguments = real_arguments(&world);
        for program in
            [env!("CARGO_BIN_EXE_install-certificate"), env!("CARGO_BIN_EXE_productionize")]
        {
            arguments.push("--dry-run".to_owned());
            let error = refused(&world, program, &arguments);
            assert!(error.contains("--detach-managed"), "{error}");
            arguments.pop();
            let error = refused(&world, program, &arguments);
            assert!(error.contains("--detach-managed"), "{error}");
        }
        world.job.detach_managed = true;
        let planned = world.run_steps(&Step::INSTALL_CERTIFICATE, Mode::DryRun).await;
        let (_, output) = all_is_well(planned, &format!("{age:?}"));
        for name in names {
            let line = format!("update {name} and end the management of its certificate");
            assert!(output.contains(&line), "{output}");
        }
        assert_eq!(world.changes(), Vec::<String>::new());
        twice(&world, &Step::INSTALL_CERTIFICATE, &format!("{age:?}")).await;
        assert_eq!(managed(&world.demo.mock), Vec::<String>::new());
        doctor(&world, "ca.pem");
    }
}

#[tokio::test]
async fn migrate_domain_succeeds_and_then_changes_nothing() {
    for (age, is_managed) in CLUSTERS {
        let (world, what) = about_to_move(age, is_managed).await;
        let before = certified(&world.demo.mock).len();
        twice(&world, &MIGRATE_DOMAIN, &what).await;
        let names = certified(&world.demo.mock);
        assert_eq!(names.len(), 2 * before, "{names:?}");
        let has_login = names.contains(&"auth.new.example.com".to_owned());
        assert_eq!(has_login, age == Fork2026September, "{names:?}");
    }
}

#[tokio::test]
async fn doctor_knows_managed_certificates() {
    for age in STATES {
        let world = world(age, OLD_DOMAIN).await;
        assert!(!doctor(&world, "ca.pem").contains("pinned-and-renewed"));
        // Until it is issued, the router presents its default certificate.
        world.demo.mock.client().acme().enable("ops@example.com").await.unwrap();
        make_managed(&world.demo.mock, "git.old.example.com").await;
        let shown = doctor(&world, "ca.pem");
        assert!(shown.contains("warning [not-issued] git.old.example.com"), "{shown}");
        world.demo.mock.refuse_certificate("git.old.example.com", "no A record").unwrap();
        let shown = doctor(&world, "ca.pem");
        let failed = "warning [acme-failed] git.old.example.com: the certificate of git.old.example.com could not be issued";
        assert!(shown.contains(failed) && shown.contains("no A record"), "{shown}");

        manage(&world).await;
        let shown = doctor(&world, "acme.pem");
        let remedy = "remove-pin --cluster production";
        assert!(shown.contains("warning [pinned-and-renewed] controller.old."), "{shown}");
        assert!(shown.contains(remedy), "{shown}");
        assert!(!shown.contains("not-issued"), "{shown}");
    }
}

#[tokio::test]
async fn a_reserved_name_is_refused_before_the_first_change() {
    let world = world(Fork2026September, NEW_DOMAIN).await;
    let mut arguments = real_arguments(&world);
    let error = refused(&world, env!("CARGO_BIN_EXE_productionize"), &arguments);
    assert!(error.contains("www is reserved") && error.contains("--app"), "{error}");

    arguments.extend(["--app", "site"].map(str::to_owned));
    let output = productionize(world.demo.home(), &arguments);
    assert!(output.status.success(), "{output:?}");
    let routes = world.demo.mock.client().app("site").routes().list().await.unwrap();
    assert!(routes.iter().any(|route| route.domain == NEW_DOMAIN), "{routes:?}");
}

/// A list without the controller's own app.
#[tokio::test]
async fn nothing_changes_where_the_controllers_app_cannot_be_found() {
    let world = world(Fork2026September, NEW_DOMAIN).await;
    let none = ResponseTemplate::new(200).set_body_json(json!([]));
    let stub = Mock::given(method("GET")).and(path("/apps")).respond_with(none);
    stub.mount(world.demo.mock.wiremock().await).await;
    let arguments = real_arguments(&world);
    let error = refused(&world, env!("CARGO_BIN_EXE_productionize"), &arguments);
    assert!(error.contains("the controller's own app"), "{error}");
}
