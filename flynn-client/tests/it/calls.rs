//! Every call of the crate once: what it puts on the wire, what comes back when all is well, and how
//! often it may be sent. The error table and the test of secrets go through this list.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use flynn_client::apps::NewApp;
use flynn_client::artifacts::{ArtifactType, NewArtifact};
use flynn_client::domain::ClusterCertificate;
use flynn_client::jobs::Job;
use flynn_client::managed_certificates::ManagedCertificateStatus;
use flynn_client::providers::NewProvider;
use flynn_client::releases::NewRelease;
use flynn_client::resources::{ExternalResource, NewResource};
use flynn_client::routes::NewRoute;
use flynn_client::sinks::{NewSink, SyslogConfig};
use flynn_client::volumes::Volume;
use flynn_client::{Client, Error};
use futures_util::StreamExt as _;

use crate::server::{Seen, Step, answer, events, json, open_events};

/// A call's own `Debug` and that of its result; or the error.
pub(crate) type Outcome = Pin<Box<dyn Future<Output = (String, Result<(), Error>)> + Send>>;

/// How often a call may be sent, stated here once more, apart from the code under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Again after anything that may pass.
    Again,
    /// As `Again`, and gone at a later attempt is done.
    AgainUntilGone,
    /// Again only where the server cannot have acted.
    Once,
}
use Sent::{Again, AgainUntilGone, Once};

/// What a good answer looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Good {
    Json(&'static str),
    /// A 404 is an answer too.
    Optional(&'static str),
    /// No body.
    Nothing,
    /// An event stream that ends after these frames, read frame by frame.
    Stream(&'static str),
    /// An event stream that is read as a whole.
    Events(&'static str),
    /// A body of this type.
    Typed(&'static str, &'static str),
    /// Another protocol.
    Upgrade,
}
use Good::{Events, Json, Nothing, Optional, Stream, Typed, Upgrade};

pub(crate) struct Call {
    /// How a user writes it.
    pub(crate) name: &'static str,
    /// Method and path of the request that matters, without query.
    pub(crate) request: &'static str,
    pub(crate) sent: Sent,
    pub(crate) good: Good,
    /// Requests of the same call that come before or after, and their answers.
    pub(crate) besides: &'static [(&'static str, &'static str)],
    pub(crate) make: fn(&Client) -> Outcome,
}

impl Call {
    /// Whether a request is the one that matters.
    pub(crate) fn is(&self, request: &Seen) -> bool {
        self.request == request.call()
    }

    /// The answer to a request that is not the one that matters.
    pub(crate) fn beside(&self, request: &Seen) -> Option<Step> {
        let known = self.besides.iter().find(|(known, _)| *known == request.call());
        known.map(
            |(_, body)| {
                if body.starts_with("data: ") { open_events(body) } else { json(200, body) }
            },
        )
    }

    pub(crate) fn good_reply(&self) -> Step {
        match self.good {
            Json(body) | Optional(body) => json(200, body),
            Nothing => answer(200, "", ""),
            Stream(frames) | Events(frames) => events(frames),
            Upgrade => Step::Send(
                "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: flynn-attach/0\r\n\r\n".into(),
            ),
            Typed(kind, body) => answer(200, &format!("Content-Type: {kind}\r\n"), body),
        }
    }
}

/// Runs a call, and shows it and its result to whoever looks for secrets there.
fn run<T, F>(call: F) -> Outcome
where
    T: std::fmt::Debug + 'static,
    F: IntoFuture<Output = Result<T, Error>> + std::fmt::Debug + Send + 'static,
    F::IntoFuture: Send,
{
    let shown = format!("{call:?}");
    Box::pin(async move {
        match call.into_future().await {
            Ok(result) => (format!("{shown} {result:?}"), Ok(())),
            Err(error) => (shown, Err(error)),
        }
    })
}

const APP: &str = r#"{"id":"11111111-0000-4000-8000-000000000001","name":"www","meta":{}}"#;
const ARTIFACT: &str = r#"{"id":"a1","type":"docker","uri":"https://example.com?name=x&id=y"}"#;
const PROVIDER: &str = r#"{"id":"p1","url":"http://p.discoverd/x","name":"pg"}"#;
const RESOURCE: &str = r#"{"id":"r1","provider":"p1","external_id":"/x","env":{"URL":"marked-env-value"},"apps":["11111111-0000-4000-8000-000000000001"]}"#;
const RESOURCES: &str = r#"[{"id":"r1","provider":"p1"},{"id":"r2","provider":"p2"}]"#;
const SINK: &str =
    r#"{"id":"s1","kind":"syslog","config":{"url":"syslog://marked-env-value@h:514/"}}"#;
const VOLUME: &str = r#"{"id":"v1","host_id":"h","type":"data","state":"created"}"#;
const CERTIFICATE: &str =
    r#"{"id":"c1","domain":"example.com","status":"issued","cert":"x","key":"marked-private-key"}"#;
const ACME: &str = r#"{"enabled":true,"contact_email":"a@example.com","terms_of_service_agreed":true,"has_account_key":true}"#;

pub(crate) const KEY: &str = "marked-cluster-key";
pub(crate) const ENV_VALUE: &str = "marked-env-value";
pub(crate) const PRIVATE_KEY: &str = "marked-private-key";

/// Apps.
fn apps() -> Vec<Call> {
    vec![
        Call {
            name: "apps().list()",
            request: "GET /apps",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.apps().list()),
        },
        Call {
            name: "apps().create(..)",
            request: "POST /apps",
            sent: Once,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.apps().create(NewApp::named("www").meta("a", "b"))),
        },
        Call {
            name: "app(..).get()",
            request: "GET /apps/www",
            sent: Again,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.app("www").get()),
        },
        Call {
            name: "app(..).get_opt()",
            request: "GET /apps/www",
            sent: Again,
            good: Optional(APP),
            besides: &[],
            make: |c| run(c.app("www").get_opt()),
        },
        Call {
            name: "app(..).update().strategy(..)",
            request: "POST /apps/www",
            sent: Again,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.app("www").update().strategy("one-by-one")),
        },
        Call {
            name: "app(..).set_meta(..)",
            request: "POST /apps/www/meta",
            sent: Again,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.app("www").set_meta([("a", "b")])),
        },
        Call {
            name: "app(..).gc()",
            request: "POST /apps/www/gc",
            sent: Again,
            good: Nothing,
            besides: &[],
            make: |c| run(c.app("www").gc()),
        },
    ]
}

/// Artifacts, providers, resources.
fn resources() -> Vec<Call> {
    vec![
        Call {
            name: "artifacts().list()",
            request: "GET /artifacts",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.artifacts().list()),
        },
        Call {
            name: "artifacts().create(..)",
            request: "POST /artifacts",
            sent: Again,
            good: Json(ARTIFACT),
            besides: &[],
            make: |c| {
                run(c
                    .artifacts()
                    .create(NewArtifact::new(ArtifactType::Docker, "https://example.com")))
            },
        },
        Call {
            name: "artifacts().get(..)",
            request: "GET /artifacts/a1",
            sent: Again,
            good: Json(ARTIFACT),
            besides: &[],
            make: |c| run(c.artifacts().get("a1")),
        },
        Call {
            name: "artifacts().get_opt(..)",
            request: "GET /artifacts/a1",
            sent: Again,
            good: Optional(ARTIFACT),
            besides: &[],
            make: |c| run(c.artifacts().get_opt("a1")),
        },
        Call {
            name: "providers().list()",
            request: "GET /providers",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.providers().list()),
        },
        Call {
            name: "providers().create(..)",
            request: "POST /providers",
            sent: Once,
            good: Json(PROVIDER),
            besides: &[],
            make: |c| run(c.providers().create(NewProvider::new("pg", "http://p.discoverd/x"))),
        },
        Call {
            name: "provider(..).get()",
            request: "GET /providers/pg",
            sent: Again,
            good: Json(PROVIDER),
            besides: &[],
            make: |c| run(c.provider("pg").get()),
        },
        Call {
            name: "provider(..).get_opt()",
            request: "GET /providers/pg",
            sent: Again,
            good: Optional(PROVIDER),
            besides: &[],
            make: |c| run(c.provider("pg").get_opt()),
        },
        Call {
            name: "resources().list()",
            request: "GET /resources",
            sent: Again,
            good: Json(RESOURCES),
            besides: &[],
            make: |c| run(c.resources().list()),
        },
        Call {
            name: "app(..).resources().list()",
            request: "GET /apps/www/resources",
            sent: Again,
            good: Json(RESOURCES),
            besides: &[],
            make: |c| run(c.app("www").resources().list()),
        },
        Call {
            name: "provider(..).resources().list()",
            request: "GET /providers/pg/resources",
            sent: Again,
            good: Json(RESOURCES),
            besides: &[],
            make: |c| run(c.provider("pg").resources().list()),
        },
        Call {
            name: "provider(..).resources().provision(..)",
            request: "POST /providers/pg/resources",
            sent: Once,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| {
                let new = NewResource::for_app("www");
                run(c.provider("pg").resources().provision(new).timeout(Duration::from_secs(8)))
            },
        },
        Call {
            name: "provider(..).resources().get(..)",
            request: "GET /providers/pg/resources/r1",
            sent: Again,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().get("r1")),
        },
        Call {
            name: "provider(..).resources().get_opt(..)",
            request: "GET /providers/pg/resources/r1",
            sent: Again,
            good: Optional(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().get_opt("r1")),
        },
        Call {
            name: "provider(..).resources().register(..)",
            request: "PUT /providers/pg/resources/r1",
            sent: Once,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| {
                let external = ExternalResource::new("/x")
                    .app("www")
                    .env(flynn_client::Env::from_iter([("URL", ENV_VALUE)]));
                run(c.provider("pg").resources().register("r1", external))
            },
        },
        Call {
            name: "provider(..).resources().delete(..)",
            request: "DELETE /providers/pg/resources/r1",
            sent: AgainUntilGone,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().delete("r1")),
        },
        Call {
            name: "provider(..).resources().add_app(..)",
            request: "PUT /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001",
            sent: Once,
            good: Json(RESOURCE),
            besides: &[("GET /apps/www", APP)],
            make: |c| run(c.provider("pg").resources().add_app("r1", "www")),
        },
        Call {
            name: "provider(..).resources().remove_app_everywhere(..)",
            request: "DELETE /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001",
            sent: Again,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| {
                run(c
                    .provider("pg")
                    .resources()
                    .remove_app_everywhere("r1", "11111111-0000-4000-8000-000000000001"))
            },
        },
        Call {
            name: "provider(..).resources().remove_app(..)",
            request: "DELETE /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001",
            sent: Again,
            good: Json(RESOURCE),
            besides: &[
                ("GET /apps/www", APP),
                ("GET /apps/11111111-0000-4000-8000-000000000001/resources", RESOURCES),
                (
                    "PUT /providers/p2/resources/r2/apps/11111111-0000-4000-8000-000000000001",
                    RESOURCE,
                ),
            ],
            make: |c| run(c.provider("pg").resources().remove_app("r1", "www")),
        },
    ]
}

/// Sinks and volumes.
fn sinks() -> Vec<Call> {
    vec![
        Call {
            name: "sinks().list()",
            request: "GET /sinks",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.sinks().list()),
        },
        Call {
            name: "sinks().create(..)",
            request: "POST /sinks",
            sent: Once,
            good: Json(SINK),
            besides: &[],
            make: |c| {
                run(c.sinks().create(NewSink::syslog(
                    &SyslogConfig::new("syslog://h:514/").prefix(ENV_VALUE),
                )))
            },
        },
        Call {
            name: "sinks().get(..)",
            request: "GET /sinks/s1",
            sent: Again,
            good: Json(SINK),
            besides: &[],
            make: |c| run(c.sinks().get("s1")),
        },
        Call {
            name: "sinks().get_opt(..)",
            request: "GET /sinks/s1",
            sent: Again,
            good: Optional(SINK),
            besides: &[],
            make: |c| run(c.sinks().get_opt("s1")),
        },
        Call {
            name: "sinks().delete(..)",
            request: "DELETE /sinks/s1",
            sent: Again,
            good: Json(SINK),
            besides: &[],
            make: |c| run(c.sinks().delete("s1")),
        },
        Call {
            name: "volumes().list()",
            request: "GET /volumes",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.volumes().list()),
        },
        Call {
            name: "volumes().put(..)",
            request: "PUT /volumes/v1",
            sent: Again,
            good: Json(VOLUME),
            besides: &[],
            make: |c| {
                let mut volume = Volume::default();
                volume.id = "v1".into();
                run(c.volumes().put(&volume))
            },
        },
        Call {
            name: "app(..).volumes().list()",
            request: "GET /apps/www/volumes",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").volumes().list()),
        },
        Call {
            name: "app(..).volumes().get(..)",
            request: "GET /apps/www/volumes/v1",
            sent: Again,
            good: Json(VOLUME),
            besides: &[],
            make: |c| run(c.app("www").volumes().get("v1")),
        },
        Call {
            name: "app(..).volumes().get_opt(..)",
            request: "GET /apps/www/volumes/v1",
            sent: Again,
            good: Optional(VOLUME),
            besides: &[],
            make: |c| run(c.app("www").volumes().get_opt("v1")),
        },
        Call {
            name: "app(..).volumes().decommission(..)",
            request: "PUT /apps/www/volumes/v1/decommission",
            sent: Again,
            good: Json(VOLUME),
            besides: &[],
            make: |c| run(c.app("www").volumes().decommission("v1")),
        },
    ]
}

/// What only the fork has.
fn fork() -> Vec<Call> {
    vec![
        Call {
            name: "hosts().list()",
            request: "GET /hosts",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.hosts().list()),
        },
        Call {
            name: "hosts().stats_of(..)",
            request: "GET /hosts/h1/stats",
            sent: Again,
            good: Json("{}"),
            besides: &[],
            make: |c| run(c.hosts().stats_of("h1")),
        },
        Call {
            name: "hosts().stats()",
            request: "GET /cluster/stats",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.hosts().stats()),
        },
        Call {
            name: "hosts().job_stats()",
            request: "GET /cluster/jobs-stats",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.hosts().job_stats()),
        },
        Call {
            name: "app(..).job_stats()",
            request: "GET /apps/www/jobs-stats",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").job_stats()),
        },
        Call {
            name: "managed_certificates().list()",
            request: "GET /managed-certificates",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.managed_certificates().list()),
        },
        Call {
            name: "managed_certificates().get(..)",
            request: "GET /managed-certificates/c1",
            sent: Again,
            good: Json(CERTIFICATE),
            besides: &[],
            make: |c| run(c.managed_certificates().get("c1")),
        },
        Call {
            name: "managed_certificates().get_opt(..)",
            request: "GET /managed-certificates/c1",
            sent: Again,
            good: Optional(CERTIFICATE),
            besides: &[],
            make: |c| run(c.managed_certificates().get_opt("c1")),
        },
        Call {
            name: "managed_certificates().update(..)",
            request: "PUT /managed-certificates/c1",
            sent: Again,
            good: Json(CERTIFICATE),
            besides: &[("GET /managed-certificates/c1", CERTIFICATE)],
            make: |c| {
                let update = c.managed_certificates().update("c1");
                run(update
                    .status(&ManagedCertificateStatus::Issued)
                    .certificate("chain", PRIVATE_KEY))
            },
        },
        Call {
            name: "acme().get()",
            request: "GET /acme/config",
            sent: Again,
            good: Json(ACME),
            besides: &[],
            make: |c| run(c.acme().get()),
        },
        Call {
            name: "acme().update().enabled(..).account_key(..)",
            request: "PUT /acme/config",
            sent: Again,
            good: Json(ACME),
            besides: &[("GET /acme/config", ACME)],
            make: |c| run(c.acme().update().enabled(true).account_key(PRIVATE_KEY)),
        },
    ]
}

const RELEASE: &str = r#"{"id":"22222222-0000-4000-8000-000000000002","env":{"SECRET":"marked-env-value"},"processes":{"web":{"env":{"SECRET":"marked-env-value"}}}}"#;
const DEPLOYMENT: &str = r#"{"id":"d1","app":"11111111-0000-4000-8000-000000000001","new_release":"22222222-0000-4000-8000-000000000002","status":"complete","finished_at":"2026-11-22T21:54:49Z"}"#;
const DEPLOYED: &str = "data: {\"id\":7,\"object_type\":\"deployment\",\"object_id\":\"d1\",\"data\":{\"deployment\":\"d1\",\"status\":\"complete\"}}\n\n";

/// Releases, env, deployments.
fn releases() -> Vec<Call> {
    vec![
        Call {
            name: "releases().list()",
            request: "GET /releases",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.releases().list()),
        },
        Call {
            name: "releases().get(..)",
            request: "GET /releases/r1",
            sent: Again,
            good: Json(RELEASE),
            besides: &[],
            make: |c| run(c.releases().get("r1")),
        },
        Call {
            name: "releases().get_opt(..)",
            request: "GET /releases/r1",
            sent: Again,
            good: Optional(RELEASE),
            besides: &[],
            make: |c| run(c.releases().get_opt("r1")),
        },
        Call {
            name: "releases().create(..)",
            request: "POST /releases",
            sent: Once,
            good: Json(RELEASE),
            besides: &[],
            make: |c| run(c.releases().create(NewRelease::of_app("a").env("SECRET", ENV_VALUE))),
        },
        Call {
            name: "app(..).release()",
            request: "GET /apps/www/release",
            sent: Again,
            good: Json(RELEASE),
            besides: &[],
            make: |c| run(c.app("www").release()),
        },
        Call {
            name: "app(..).release_opt()",
            request: "GET /apps/www/release",
            sent: Again,
            good: Optional(RELEASE),
            besides: &[],
            make: |c| run(c.app("www").release_opt()),
        },
        Call {
            name: "app(..).releases()",
            request: "GET /apps/www/releases",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").releases()),
        },
        Call {
            name: "app(..).set_release(..)",
            request: "PUT /apps/www/release",
            sent: Again,
            good: Json(RELEASE),
            besides: &[],
            make: |c| run(c.app("www").set_release("r1")),
        },
        Call {
            name: "app(..).delete_release(..)",
            request: "DELETE /apps/www/releases/r1",
            sent: AgainUntilGone,
            good: Nothing,
            besides: &[],
            make: |c| run(c.app("www").delete_release("r1")),
        },
        Call {
            name: "app(..).env().set(..)",
            request: "POST /releases",
            sent: Once,
            good: Json(RELEASE),
            besides: &[("GET /apps/www/release", RELEASE), ("POST /apps/www/deploy", DEPLOYMENT)],
            make: |c| run(c.app("www").env().set([("OTHER", ENV_VALUE)])),
        },
        Call {
            name: "app(..).env().get()",
            request: "GET /apps/www/release",
            sent: Again,
            good: Json(RELEASE),
            besides: &[("GET /apps/www", NO_SUCH)],
            make: |c| run(c.app("www").env().get()),
        },
        Call {
            name: "app(..).deploy(..)",
            request: "POST /apps/www/deploy",
            sent: Once,
            good: Json(DEPLOYMENT),
            besides: &[("GET /apps/www", APP), ("GET /apps/www/deployments", "[]")],
            make: |c| run(c.app("www").deploy("r1")),
        },
        Call {
            name: "app(..).deployments()",
            request: "GET /apps/www/deployments",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").deployments()),
        },
        Call {
            name: "deployment(..).get()",
            request: "GET /deployments/d1",
            sent: Again,
            good: Json(DEPLOYMENT),
            besides: &[],
            make: |c| run(c.deployment("d1").get()),
        },
    ]
}

/// Calls that wait: what the network does to them is not bounded by rule 8 alone.
pub(crate) fn waits() -> Vec<Call> {
    vec![Call {
        name: "deployment(..).wait()",
        request: "GET /deployments/d1",
        sent: Again,
        good: Json(DEPLOYMENT),
        besides: &[("GET /events", DEPLOYED)],
        make: |c| run(c.deployment("d1").wait()),
    }]
}

/// What stands for a missing object in `besides`: an answer that decodes into nothing useful.
const NO_SUCH: &str = "{}";
const FORMATION: &str = r#"{"app":"11111111-0000-4000-8000-000000000001","release":"22222222-0000-4000-8000-000000000002","processes":{"web":1}}"#;
const SCALE: &str = r#"{"id":"q1","app":"11111111-0000-4000-8000-000000000001","release":"22222222-0000-4000-8000-000000000002","state":"pending"}"#;
const JOB: &str = r#"{"id":"host0-j1","uuid":"j1","host_id":"host0","state":"up","type":"web"}"#;

/// Formations, scaling, jobs.
fn formations() -> Vec<Call> {
    vec![
        Call {
            name: "formations().active()",
            request: "GET /formations",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.formations().active()),
        },
        Call {
            name: "app(..).formations().list()",
            request: "GET /apps/www/formations",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").formations().list()),
        },
        Call {
            name: "app(..).formations().get(..)",
            request: "GET /apps/www/formations/r1",
            sent: Again,
            good: Json(FORMATION),
            besides: &[],
            make: |c| run(c.app("www").formations().get("r1")),
        },
        Call {
            name: "app(..).formations().get_opt(..)",
            request: "GET /apps/www/formations/r1",
            sent: Again,
            good: Optional(FORMATION),
            besides: &[],
            make: |c| run(c.app("www").formations().get_opt("r1")),
        },
        Call {
            name: "app(..).formations().expanded(..)",
            request: "GET /apps/www/formations/r1",
            sent: Again,
            good: Json("{}"),
            besides: &[],
            make: |c| run(c.app("www").formations().expanded("r1")),
        },
        Call {
            name: "app(..).formations().update(..).process(..)",
            request: "PUT /apps/www/formations/r1",
            sent: Again,
            good: Json(FORMATION),
            besides: &[("GET /apps/www/formations/r1", FORMATION)],
            make: |c| run(c.app("www").formations().update("r1").process("web", 2)),
        },
        Call {
            name: "app(..).formations().delete(..)",
            request: "DELETE /apps/www/formations/r1",
            sent: AgainUntilGone,
            good: Nothing,
            besides: &[],
            make: |c| run(c.app("www").formations().delete("r1")),
        },
        Call {
            name: "app(..).scale(..).release(..)",
            request: "PUT /apps/www/scale/r1",
            sent: Again,
            good: Json(SCALE),
            // Where there are no scale requests, the formation is written; and then it is not there either.
            besides: &[
                ("GET /apps/www/formations/r1", FORMATION),
                ("PUT /apps/www/formations/r1", FORMATION),
            ],
            make: |c| run(c.app("www").scale([("web", 2)]).release("r1")),
        },
        Call {
            name: "active_jobs()",
            request: "GET /active-jobs",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.active_jobs()),
        },
        Call {
            name: "app(..).jobs().list()",
            request: "GET /apps/www/jobs",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").jobs().list()),
        },
        Call {
            name: "app(..).jobs().get(..)",
            request: "GET /apps/www/jobs/host0-j1",
            sent: Again,
            good: Json(JOB),
            besides: &[],
            make: |c| run(c.app("www").jobs().get("host0-j1")),
        },
        Call {
            name: "app(..).jobs().get_opt(..)",
            request: "GET /apps/www/jobs/host0-j1",
            sent: Again,
            good: Optional(JOB),
            besides: &[],
            make: |c| run(c.app("www").jobs().get_opt("host0-j1")),
        },
        Call {
            name: "app(..).jobs().put(..)",
            request: "PUT /apps/www/jobs/host0-j1",
            sent: Again,
            good: Json(JOB),
            besides: &[],
            make: |c| {
                let mut job = Job::default();
                job.id = "host0-j1".into();
                run(c.app("www").jobs().put(&job))
            },
        },
        Call {
            name: "app(..).jobs().kill(..)",
            request: "DELETE /apps/www/jobs/host0-j1",
            sent: AgainUntilGone,
            good: Nothing,
            besides: &[],
            make: |c| run(c.app("www").jobs().kill("host0-j1")),
        },
        Call {
            name: "app(..).jobs().run(..).env(..)",
            request: "POST /apps/www/jobs",
            sent: Once,
            good: Json(JOB),
            besides: &[("GET /apps/www/release", RELEASE)],
            make: |c| run(c.app("www").jobs().run(["echo"]).env("SECRET", ENV_VALUE)),
        },
        Call {
            name: "app(..).jobs().run(..).attached()",
            request: "POST /apps/www/jobs",
            sent: Once,
            good: Upgrade,
            besides: &[("GET /apps/www/release", RELEASE)],
            make: |c| run(c.app("www").jobs().run(["echo"]).env("SECRET", ENV_VALUE).attached()),
        },
    ]
}

const ROUTE: &str = r#"{"type":"http","id":"u1","service":"www-web","domain":"example.com","path":"/","certificate":{"id":"c1","cert":"chain","key":"marked-private-key"}}"#;
const ROUTES: &str = r#"[{"type":"http","id":"u1","service":"www-web","domain":"example.com","path":"/","certificate":{"id":"c1","cert":"chain","key":"marked-private-key"}}]"#;

/// Routes.
fn routes() -> Vec<Call> {
    vec![
        Call {
            name: "routes().list()",
            request: "GET /routes",
            sent: Again,
            good: Json(ROUTES),
            besides: &[("GET /apps", "[]")],
            make: |c| run(c.routes().list()),
        },
        Call {
            name: "app(..).routes().list()",
            request: "GET /apps/www/routes",
            sent: Again,
            good: Json(ROUTES),
            besides: &[],
            make: |c| run(c.app("www").routes().list()),
        },
        Call {
            name: "app(..).routes().find(..)",
            request: "GET /apps/www/routes",
            sent: Again,
            good: Json(ROUTES),
            besides: &[],
            make: |c| run(c.app("www").routes().find("example.com", "/")),
        },
        Call {
            name: "app(..).routes().get(..)",
            request: "GET /apps/www/routes/http/u1",
            sent: Again,
            good: Json(ROUTE),
            besides: &[],
            make: |c| run(c.app("www").routes().get("http/u1")),
        },
        Call {
            name: "app(..).routes().get_opt(..)",
            request: "GET /apps/www/routes/http/u1",
            sent: Again,
            good: Optional(ROUTE),
            besides: &[],
            make: |c| run(c.app("www").routes().get_opt("http/u1")),
        },
        Call {
            name: "app(..).routes().create(..)",
            request: "POST /apps/www/routes",
            sent: Once,
            good: Json(ROUTE),
            besides: &[],
            make: |c| {
                run(c
                    .app("www")
                    .routes()
                    .create(NewRoute::http("example.com").certificate("chain", PRIVATE_KEY)))
            },
        },
        Call {
            name: "app(..).routes().update(..).certificate(..)",
            request: "PUT /apps/www/routes/http/u1",
            sent: Again,
            good: Json(ROUTE),
            besides: &[("GET /apps/www/routes/http/u1", ROUTE)],
            make: |c| {
                run(c.app("www").routes().update("http/u1").certificate("chain", PRIVATE_KEY))
            },
        },
        Call {
            name: "app(..).routes().delete(..)",
            request: "DELETE /apps/www/routes/http/u1",
            sent: AgainUntilGone,
            good: Nothing,
            besides: &[],
            make: |c| run(c.app("www").routes().delete("http/u1")),
        },
    ]
}

const MIGRATION: &str = r#"{"id":"m1","old_domain":"example.com","domain":"example.org","old_tls_cert":{"ca_cert":"","pin":"","cert":"chain","key":"marked-private-key"}}"#;
const CONTROLLER: &str =
    r#"{"id":"r0","env":{"DEFAULT_ROUTE_DOMAIN":"example.com","AUTH_KEY":"marked-cluster-key"}}"#;
const BACKUP: &str = r#"{"id":"b1","status":"complete","sha512":"ab","size":1024}"#;
const STATUS: &str = r#"{"data":{"status":"healthy","version":"v20210218.0"}}"#;

/// The cluster.
fn cluster() -> Vec<Call> {
    vec![
        Call {
            name: "domain().migrate(..).certificate(..)",
            request: "PUT /domain",
            sent: Once,
            good: Json(MIGRATION),
            besides: &[("GET /apps/controller/release", CONTROLLER)],
            make: |c| {
                let own = ClusterCertificate::new("ca", "chain", PRIVATE_KEY, "pin");
                run(c.domain().migrate("example.org").certificate(own))
            },
        },
        Call {
            name: "domain().get()",
            request: "GET /apps/controller/release",
            sent: Again,
            good: Json(CONTROLLER),
            besides: &[],
            make: |c| run(c.domain().get()),
        },
        Call {
            name: "backup().latest()",
            request: "GET /backup",
            sent: Again,
            good: Json(BACKUP),
            besides: &[],
            make: |c| run(c.backup().latest()),
        },
        Call {
            name: "backup().latest_opt()",
            request: "GET /backup",
            sent: Again,
            good: Optional(BACKUP),
            besides: &[],
            make: |c| run(c.backup().latest_opt()),
        },
        Call {
            name: "backup().tar()",
            request: "GET /backup",
            sent: Once,
            good: Typed("application/tar", "tar"),
            besides: &[],
            make: |c| drain(c.backup().tar().timeout(Duration::from_secs(8))),
        },
        Call {
            name: "status()",
            request: "GET /.well-known/status",
            sent: Again,
            good: Json(STATUS),
            besides: &[],
            make: |c| run(c.status()),
        },
        Call {
            name: "ping()",
            request: "GET /ping",
            sent: Again,
            good: Nothing,
            besides: &[],
            make: |c| run(c.ping()),
        },
        Call {
            name: "ca_certificate()",
            request: "GET /ca-cert",
            sent: Again,
            good: Typed("application/x-x509-ca-cert", "-----BEGIN CERTIFICATE-----\n"),
            besides: &[],
            make: |c| run(c.ca_certificate()),
        },
        Call {
            name: "app(..).delete()",
            request: "DELETE /apps/11111111-0000-4000-8000-000000000001",
            sent: Once,
            good: Nothing,
            besides: &[("GET /apps/www", APP)],
            make: |c| run(c.app("www").delete()),
        },
    ]
}

const EVENT: &str = r#"{"id":7,"object_type":"route","object_id":"x","data":{"certificate":{"key":"marked-private-key"}}}"#;
const EVENTS: &str = r#"[{"id":7,"object_type":"route","object_id":"x","data":{"certificate":{"key":"marked-private-key"}}}]"#;
const LINE: &str =
    "data: {\"event\":\"message\",\"data\":{\"msg\":\"hello\"}}\n\ndata: {\"event\":\"eof\"}\n\n";

/// Events, logs, streams of objects.
fn streams() -> Vec<Call> {
    vec![
        Call {
            name: "events().list()",
            request: "GET /events",
            sent: Again,
            good: Json(EVENTS),
            besides: &[],
            make: |c| run(c.events().list()),
        },
        Call {
            name: "events().get(..)",
            request: "GET /events/7",
            sent: Again,
            good: Json(EVENT),
            besides: &[],
            make: |c| run(c.events().get(7)),
        },
        Call {
            name: "events().stream()",
            request: "GET /events",
            sent: Again,
            good: Stream(
                "data: {\"id\":7,\"object_type\":\"app\",\"data\":{\"key\":\"marked-private-key\"}}\n\n",
            ),
            besides: &[],
            make: |c| drain(c.events().stream()),
        },
        Call {
            name: "app(..).log()",
            request: "GET /apps/www/log",
            sent: Again,
            good: Events(LINE),
            besides: &[],
            make: |c| run(c.app("www").log()),
        },
        Call {
            name: "app(..).log().follow()",
            request: "GET /apps/www/log",
            sent: Again,
            good: Stream(LINE),
            besides: &[],
            make: |c| drain(c.app("www").log().follow()),
        },
        Call {
            name: "formations().stream()",
            request: "GET /formations",
            sent: Again,
            good: Stream("data: {}\n\n"),
            besides: &[],
            make: |c| drain(c.formations().stream()),
        },
        Call {
            name: "volumes().stream()",
            request: "GET /volumes",
            sent: Again,
            good: Stream("data: {}\n\n"),
            besides: &[],
            make: |c| drain(c.volumes().stream()),
        },
        Call {
            name: "sinks().stream()",
            request: "GET /sinks",
            sent: Again,
            good: Stream("data: {}\n\n"),
            besides: &[],
            make: |c| drain(c.sinks().stream()),
        },
        Call {
            name: "managed_certificates().stream()",
            request: "GET /managed-certificates",
            sent: Again,
            good: Stream("data: {}\n\n"),
            besides: &[],
            make: |c| drain(c.managed_certificates().stream()),
        },
    ]
}

/// Where a call has an answer of its own to a fault.
pub(crate) struct Exception {
    pub(crate) call: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) kind: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    pub(crate) why: &'static str,
}

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        call: "routes().list()",
        fault: "404 text",
        kind: "ok",
        why: "old servers: the routes of each app are listed",
    },
    Exception {
        call: "app(..).scale(..).release(..)",
        fault: "404 text",
        kind: "ok",
        why: "old servers: the formation is written",
    },
    Exception {
        call: "app(..).env().get()",
        fault: "404 empty",
        kind: "ok",
        why: "an app without a release has no variables",
    },
    Exception {
        call: "app(..).jobs().run(..).attached()",
        fault: "malformed",
        kind: "Unexpected",
        why: "any success but 101 means that the job runs and is out of reach",
    },
    Exception {
        call: "app(..).jobs().run(..).attached()",
        fault: "HTML",
        kind: "Unexpected",
        why: "any success but 101 means that the job runs and is out of reach",
    },
    Exception {
        call: "app(..).jobs().run(..).attached()",
        fault: "cut body",
        kind: "Unexpected",
        why: "any success but 101 means that the job runs and is out of reach",
    },
];

impl Call {
    pub(crate) fn exception(&self, fault: &str) -> Option<&'static Exception> {
        EXCEPTIONS.iter().find(|exception| exception.call == self.name && exception.fault == fault)
    }
}

/// Opens a stream and reads it to its end.
fn drain<S, T, F>(call: F) -> Outcome
where
    T: std::fmt::Debug,
    S: futures_core::Stream<Item = Result<T, Error>> + std::fmt::Debug + Send + Unpin + 'static,
    F: IntoFuture<Output = Result<S, Error>> + std::fmt::Debug + Send + 'static,
    F::IntoFuture: Send,
    T: Send,
{
    let mut shown = format!("{call:?}");
    Box::pin(async move {
        let mut stream = match call.into_future().await {
            Ok(stream) => stream,
            Err(error) => return (shown, Err(error)),
        };
        shown.push_str(&format!(" {stream:?}"));
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => shown.push_str(&format!(" {item:?}")),
                Err(error) => return (shown, Err(error)),
            }
        }
        (shown, Ok(()))
    })
}

pub(crate) fn all() -> Vec<Call> {
    [apps(), releases(), formations(), routes(), resources(), sinks(), cluster(), streams(), fork()]
        .into_iter()
        .flatten()
        .collect()
}
