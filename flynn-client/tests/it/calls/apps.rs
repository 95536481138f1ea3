//! Calls about apps and what belongs to them.

use flynn_client::AppId;
use flynn_client::apps::NewApp;
use flynn_client::jobs::Job;
use flynn_client::releases::NewRelease;
use flynn_client::routes::NewRoute;

use super::{APP, APP_ID, Call, ENV_VALUE, PRIVATE_KEY, run};

const APPS: &str = r#"[{"id":"11111111-0000-4000-8000-000000000001","name":"www"}]"#;
const RELEASE: &str = r#"{"id":"22222222-0000-4000-8000-000000000002","env":{"SECRET":"marked-env-value"},"processes":{"web":{"env":{"SECRET":"marked-env-value"}}}}"#;
const DEPLOYMENT: &str = r#"{"id":"d1","app":"11111111-0000-4000-8000-000000000001","new_release":"22222222-0000-4000-8000-000000000002","status":"complete","finished_at":"2026-11-22T21:54:49Z"}"#;
/// The stand-in for a missing object, which does not decode into anything useful.
const NO_SUCH: &str = "{}";
const FORMATION: &str = r#"{"app":"11111111-0000-4000-8000-000000000001","release":"22222222-0000-4000-8000-000000000002","processes":{"web":1}}"#;
const SCALE: &str = r#"{"id":"q1","app":"11111111-0000-4000-8000-000000000001","release":"22222222-0000-4000-8000-000000000002","state":"pending"}"#;
const JOB: &str = r#"{"id":"host0-j1","uuid":"j1","host_id":"host0","state":"up","type":"web"}"#;
const ROUTE: &str = r#"{"type":"http","id":"u1","service":"www-web","domain":"example.com","path":"/","certificate":{"id":"c1","cert":"chain","key":"marked-private-key"}}"#;
const ROUTES: &str = r#"[{"type":"http","id":"u1","parent_ref":"controller/apps/a1","service":"www-web","domain":"example.com","path":"/","certificate":{"id":"c1","cert":"chain","key":"marked-private-key"}}]"#;

const DEPLOYED: &str = "data: {\"id\":7,\"object_type\":\"deployment\",\"object_id\":\"d1\",\"data\":{\"deployment\":\"d1\",\"status\":\"complete\"}}\n\n";

fn job() -> Job {
    let mut job = Job::default();
    job.id = "host0-j1".into();
    job
}

/// Apps.
pub(super) fn apps() -> Vec<Call> {
    calls! { c;
        Again "GET /apps" => Json("[]"),
            run(c.apps().list());
        Once "POST /apps" => Json(APP),
            [("GET /apps/11111111-0000-4000-8000-000000000001", NO_SUCH)],
            run(c.apps().create(NewApp::named("www").id(AppId::new(APP_ID)).meta("a", "b")));
        Again "GET /apps/www" => Json(APP),
            run(c.app("www").get());
        Again "GET /apps/www" => Optional(APP),
            run(c.app("www").get_opt());
        Again "POST /apps/www" => Json(APP),
            run(c.app("www").update().strategy("one-by-one"));
        Again "POST /apps/www/meta" => Json(APP),
            run(c.app("www").set_meta([("a", "b")]));
        Again "POST /apps/www/gc" => Nothing,
            run(c.app("www").gc());
    }
}

/// Releases, env, deployments.
pub(super) fn releases() -> Vec<Call> {
    calls! { c;
        Again "GET /releases" => Json("[]"),
            run(c.releases().list());
        Again "GET /releases/r1" => Json(RELEASE),
            run(c.releases().get("r1"));
        Again "GET /releases/r1" => Optional(RELEASE),
            run(c.releases().get_opt("r1"));
        Once "POST /releases" => Json(RELEASE),
            [("GET /releases", "[]")],
            run(c.releases().create(NewRelease::of_app(AppId::new("a")).env("SECRET", ENV_VALUE)));
        Again "GET /apps/www/release" => Json(RELEASE),
            run(c.app("www").release());
        Again "GET /apps/www/release" => Optional(RELEASE),
            run(c.app("www").release_opt());
        Again "GET /apps/www/releases" => Json("[]"),
            run(c.app("www").releases());
        Again "PUT /apps/www/release" => Json(RELEASE),
            run(c.app("www").set_release("r1"));
        AgainUntilGone "DELETE /apps/www/releases/r1" => Nothing,
            run(c.app("www").delete_release("r1"));
        Once "POST /releases" => Json(RELEASE),
            [
                ("GET /apps/www/release", RELEASE),
                ("GET /releases", "[]"),
                ("GET /apps/www/deployments", "[]"),
                ("POST /apps/www/deploy", DEPLOYMENT),
            ],
            run(c.app("www").env().set([("OTHER", ENV_VALUE)]));
        Again "GET /apps/www/release" => Json(RELEASE),
            [("GET /apps/www", NO_SUCH)],
            run(c.app("www").env().get());
        Once "POST /apps/www/deploy" => Json(DEPLOYMENT),
            [("GET /apps/www", APP), ("GET /apps/www/deployments", "[]")],
            run(c.app("www").deploy("r1"));
        Again "GET /apps/www/deployments" => Json("[]"),
            run(c.app("www").deployments());
        Again "GET /deployments/d1" => Json(DEPLOYMENT),
            run(c.deployment("d1").get());
    }
}

/// Formations, scaling, jobs.
pub(super) fn formations() -> Vec<Call> {
    calls! { c;
        Again "GET /formations" => Json("[]"),
            run(c.formations().active());
        Again "GET /apps/www/formations" => Json("[]"),
            run(c.app("www").formations().list());
        Again "GET /apps/www/formations/r1" => Json(FORMATION),
            run(c.app("www").formations().get("r1"));
        Again "GET /apps/www/formations/r1" => Optional(FORMATION),
            run(c.app("www").formations().get_opt("r1"));
        Again "GET /apps/www/formations/r1" => Json("{}"),
            run(c.app("www").formations().expanded("r1"));
        Again "PUT /apps/www/formations/r1" => Json(FORMATION),
            [("GET /apps/www/formations/r1", FORMATION)],
            run(c.app("www").formations().update("r1").process("web", 2));
        AgainUntilGone "DELETE /apps/www/formations/r1" => Nothing,
            run(c.app("www").formations().delete("r1"));
        // A server without scale requests gets the formation written, and here that does not exist either.
        Again "PUT /apps/www/scale/r1" => Json(SCALE),
            [
                ("GET /apps/www/formations/r1", FORMATION),
                ("PUT /apps/www/formations/r1", FORMATION),
            ],
            run(c.app("www").scale([("web", 2)]).release("r1"));
        Again "GET /active-jobs" => Json("[]"),
            run(c.active_jobs());
        Again "GET /apps/www/jobs" => Json("[]"),
            run(c.app("www").jobs().list());
        Again "GET /apps/www/jobs/host0-j1" => Json(JOB),
            run(c.app("www").jobs().get("host0-j1"));
        Again "GET /apps/www/jobs/host0-j1" => Optional(JOB),
            run(c.app("www").jobs().get_opt("host0-j1"));
        Again "PUT /apps/www/jobs/host0-j1" => Json(JOB),
            run(c.app("www").jobs().put(&job()));
        AgainUntilGone "DELETE /apps/www/jobs/host0-j1" => Nothing,
            run(c.app("www").jobs().kill("host0-j1"));
        Once "POST /apps/www/jobs" => Json(JOB),
            [("GET /apps/www/release", RELEASE), ("GET /apps/www/jobs", "[]")],
            run(c.app("www").jobs().run(["echo"]).env("SECRET", ENV_VALUE));
        Once "POST /apps/www/jobs" => Upgrade,
            [("GET /apps/www/release", RELEASE), ("GET /apps/www/jobs", "[]")],
            run(c.app("www").jobs().run(["echo"]).env("SECRET", ENV_VALUE).attached());
    }
}

/// Routes.
pub(super) fn routes() -> Vec<Call> {
    calls! { c;
        Again "GET /routes" => Json(ROUTES),
            [("GET /apps", "[]")],
            run(c.routes().list());
        Again "GET /apps/www/routes" => Json(ROUTES),
            run(c.app("www").routes().list());
        Again "GET /apps/www/routes" => Json(ROUTES),
            run(c.app("www").routes().find("example.com", "/"));
        Again "GET /apps/www/routes/http/u1" => Json(ROUTE),
            run(c.app("www").routes().get("http/u1"));
        Again "GET /apps/www/routes/http/u1" => Optional(ROUTE),
            run(c.app("www").routes().get_opt("http/u1"));
        Once "POST /apps/www/routes" => Json(ROUTE),
            run(c.app("www").routes().create(NewRoute::http("example.com").certificate("x", PRIVATE_KEY)));
        Again "PUT /apps/www/routes/http/u1" => Json(ROUTE),
            [("GET /apps/www/routes/http/u1", ROUTE)],
            run(c.app("www").routes().update("http/u1").certificate("chain", PRIVATE_KEY));
        AgainUntilGone "DELETE /apps/www/routes/http/u1" => Nothing,
            run(c.app("www").routes().delete("http/u1"));
        Again "GET /routes" => Json(ROUTES),
            [
                ("GET /apps", APPS),
                ("GET /apps/11111111-0000-4000-8000-000000000001/routes", ROUTES),
            ],
            run(c.route("http/u1").get());
        Again "PUT /apps/a1/routes/http/u1" => Json(ROUTE),
            [("GET /routes", ROUTES), ("GET /apps/a1/routes/http/u1", ROUTE)],
            run(c.route("http/u1").update().certificate("chain", PRIVATE_KEY));
        AgainUntilGone "DELETE /apps/a1/routes/http/u1" => Nothing,
            [("GET /routes", ROUTES)],
            run(c.route("http/u1").delete());
    }
}

/// Calls that wait. The retry policy alone does not limit them.
pub(crate) fn waits() -> Vec<Call> {
    calls! { c;
        Again "GET /deployments/d1" => Json(DEPLOYMENT),
            [("GET /events", DEPLOYED)],
            run(c.deployment("d1").wait());
    }
}
