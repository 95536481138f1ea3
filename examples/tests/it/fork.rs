//! Clusters of the fork randy-girard/flynn.

use flynn_examples::cli::Arguments;
use flynn_examples::demo::Demo;
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_mock::{MockController, ServerAge};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param_is_missing};
use wiremock::{Mock, ResponseTemplate};

use crate::program::{productionize, real_arguments, stdout};
use crate::world::World;

/// A cluster whose `GET /apps` leaves system apps out, and shows them for `?all=1` if `shows`.
async fn hiding(shows: bool) -> World {
    let world = World::new(ServerAge::V2021).await;
    let mock = &world.demo.mock;
    let none = ResponseTemplate::new(200).set_body_json(json!([]));
    let stub = Mock::given(method("GET")).and(path("/apps"));
    if shows {
        stub.and(query_param_is_missing("all"))
            .respond_with(none)
            .mount(mock.wiremock().await)
            .await;
    } else {
        stub.respond_with(none).mount(mock.wiremock().await).await;
    }
    world
}

#[tokio::test]
async fn hidden_system_apps_are_found() {
    let world = hiding(true).await;
    let (summary, output) = world.run_steps(&Step::ALL[..6], Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    assert!(output.contains("controller.new.example.com (controller) presents"), "{output}");
}

#[tokio::test]
async fn nothing_changes_where_the_controllers_app_cannot_be_found() {
    let world = hiding(false).await;
    let output = productionize(world.demo.home(), &real_arguments(&world));
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}{}", stdout(&output));
    assert!(error.contains("the controller's own app"), "{error}");
    assert_eq!(world.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_reserved_name_is_refused_before_the_first_change() {
    let world = hiding(true).await;
    let mut arguments = real_arguments(&world);
    let output = productionize(world.demo.home(), &arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("www is reserved") && error.contains("--app"), "{error}");
    assert_eq!(world.changes(), Vec::<String>::new());

    arguments.extend(["--app", "site"].map(str::to_owned));
    let output = productionize(world.demo.home(), &arguments);
    assert!(output.status.success(), "{output:?}");
    let routes = world.demo.mock.client().app("site").routes().list().await.unwrap();
    assert!(routes.iter().any(|route| route.domain == "new.example.com"), "{routes:?}");
}

/// The controller has a second route, for the login.
#[tokio::test]
async fn the_route_of_the_login_is_certified_and_survives() {
    let demo = Demo::start_on(MockController::builder(), ServerAge::V2021).await.unwrap();
    let world = World::of(demo, &Arguments::default());
    let client = world.demo.mock.client();
    let controller = client.app("controller").routes();
    let own = controller.find("controller.old.example.com", "/").await.unwrap().unwrap();
    let own: Value = serde_json::to_value(own).unwrap();
    let login = json!({
        "type": "http", "domain": "auth.old.example.com", "service": "controller",
        "certificate": own["certificate"],
    });
    let create = client.request(http::Method::POST, "/apps/controller/routes").json(&login);
    create.await.unwrap();

    let (summary, output) = world.run(Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    assert!(output.contains("auth.new.example.com (controller) presents the new leaf"), "{output}");
    let mut updated = output.lines().filter(|line| line.contains(") presents the new leaf"));
    assert!(updated.next_back().unwrap().contains("controller.new.example.com"), "{output}");
}

/// Gives the controller's route a certificate that the cluster manages.
async fn managed(world: &World) {
    let client = world.demo.mock.client();
    let id = client.app("controller").get().await.unwrap().id;
    let listed = client.request(http::Method::GET, "/apps/controller/routes");
    let mut routes: Value = listed.decode().await.unwrap();
    routes[0]["managed_certificate_domain"] = routes[0]["domain"].clone();
    for name in ["controller", id.as_str()] {
        Mock::given(method("GET"))
            .and(path(format!("/apps/{name}/routes")))
            .respond_with(ResponseTemplate::new(200).set_body_json(&routes))
            .mount(world.demo.mock.wiremock().await)
            .await;
    }
    let all = client.request(http::Method::GET, "/routes");
    let mut all: Value = all.decode().await.unwrap();
    for route in all.as_array_mut().unwrap() {
        if route["id"] == routes[0]["id"] {
            *route = routes[0].clone();
        }
    }
    Mock::given(method("GET"))
        .and(path("/routes"))
        .respond_with(ResponseTemplate::new(200).set_body_json(all))
        .mount(world.demo.mock.wiremock().await)
        .await;
}

#[tokio::test]
async fn a_managed_certificate_is_replaced_only_when_asked_for() {
    let arguments =
        Arguments { domain: Some("old.example.com".to_owned()), ..Arguments::default() };
    let mut world = World::with(ServerAge::V2021, &arguments).await;
    managed(&world).await;
    let output = productionize(world.demo.home(), &real_arguments(&world));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("controller.old.example.com") && error.contains("--detach-managed"),
        "{error}"
    );
    assert_eq!(world.changes(), Vec::<String>::new());

    world.job.detach_managed = true;
    let (summary, output) = world.run_steps(&[Step::Connect, Step::Routes], Mode::DryRun).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    assert!(
        output.contains(
            "update controller.old.example.com and end the management of its certificate"
        ),
        "{output}"
    );
}

#[tokio::test]
async fn doctor_knows_managed_certificates() {
    let world = World::new(ServerAge::V2021).await;
    managed(&world).await;
    let address = world.demo.mock.addr().to_string();
    let arguments = ["--cluster", "production", "--connect-to", &address].map(str::to_owned);
    let doctor = crate::program::run(env!("CARGO_BIN_EXE_doctor"), world.demo.home(), &arguments);
    assert!(doctor.status.success(), "{}", stdout(&doctor));
    assert!(stdout(&doctor).contains("pinned-and-renewed"), "{}", stdout(&doctor));
}
