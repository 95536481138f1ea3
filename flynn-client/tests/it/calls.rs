//! Every call of the crate once: what it puts on the wire, what comes back when all is well, and how
//! often it may be sent. The error table and the test of secrets go through this list.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use flynn_client::apps::NewApp;
use flynn_client::artifacts::{ArtifactType, NewArtifact};
use flynn_client::managed_certificates::ManagedCertificateStatus;
use flynn_client::providers::NewProvider;
use flynn_client::resources::{ExternalResource, NewResource};
use flynn_client::sinks::{NewSink, SyslogConfig};
use flynn_client::volumes::Volume;
use flynn_client::{Client, Error};

use crate::server::{Seen, Step, answer, json};

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
}
use Good::{Json, Nothing, Optional};

pub(crate) struct Call {
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
        known.map(|(_, body)| json(200, body))
    }

    pub(crate) fn good_reply(&self) -> Step {
        match self.good {
            Json(body) | Optional(body) => json(200, body),
            Nothing => answer(200, "", ""),
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
            request: "GET /apps",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.apps().list()),
        },
        Call {
            request: "POST /apps",
            sent: Once,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.apps().create(NewApp::named("www").meta("a", "b"))),
        },
        Call {
            request: "GET /apps/www",
            sent: Again,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.app("www").get()),
        },
        Call {
            request: "GET /apps/www",
            sent: Again,
            good: Optional(APP),
            besides: &[],
            make: |c| run(c.app("www").get_opt()),
        },
        Call {
            request: "POST /apps/www",
            sent: Again,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.app("www").update().strategy("one-by-one")),
        },
        Call {
            request: "POST /apps/www/meta",
            sent: Again,
            good: Json(APP),
            besides: &[],
            make: |c| run(c.app("www").set_meta([("a", "b")])),
        },
        Call {
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
            request: "GET /artifacts",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.artifacts().list()),
        },
        Call {
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
            request: "GET /artifacts/a1",
            sent: Again,
            good: Json(ARTIFACT),
            besides: &[],
            make: |c| run(c.artifacts().get("a1")),
        },
        Call {
            request: "GET /artifacts/a1",
            sent: Again,
            good: Optional(ARTIFACT),
            besides: &[],
            make: |c| run(c.artifacts().get_opt("a1")),
        },
        Call {
            request: "GET /providers",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.providers().list()),
        },
        Call {
            request: "POST /providers",
            sent: Once,
            good: Json(PROVIDER),
            besides: &[],
            make: |c| run(c.providers().create(NewProvider::new("pg", "http://p.discoverd/x"))),
        },
        Call {
            request: "GET /providers/pg",
            sent: Again,
            good: Json(PROVIDER),
            besides: &[],
            make: |c| run(c.provider("pg").get()),
        },
        Call {
            request: "GET /providers/pg",
            sent: Again,
            good: Optional(PROVIDER),
            besides: &[],
            make: |c| run(c.provider("pg").get_opt()),
        },
        Call {
            request: "GET /resources",
            sent: Again,
            good: Json(RESOURCES),
            besides: &[],
            make: |c| run(c.resources().list()),
        },
        Call {
            request: "GET /apps/www/resources",
            sent: Again,
            good: Json(RESOURCES),
            besides: &[],
            make: |c| run(c.app("www").resources().list()),
        },
        Call {
            request: "GET /providers/pg/resources",
            sent: Again,
            good: Json(RESOURCES),
            besides: &[],
            make: |c| run(c.provider("pg").resources().list()),
        },
        Call {
            request: "POST /providers/pg/resources",
            sent: Once,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().provision(NewResource::for_app("www"))),
        },
        Call {
            request: "GET /providers/pg/resources/r1",
            sent: Again,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().get("r1")),
        },
        Call {
            request: "GET /providers/pg/resources/r1",
            sent: Again,
            good: Optional(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().get_opt("r1")),
        },
        Call {
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
            request: "DELETE /providers/pg/resources/r1",
            sent: AgainUntilGone,
            good: Json(RESOURCE),
            besides: &[],
            make: |c| run(c.provider("pg").resources().delete("r1")),
        },
        Call {
            request: "PUT /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001",
            sent: Once,
            good: Json(RESOURCE),
            besides: &[("GET /apps/www", APP)],
            make: |c| run(c.provider("pg").resources().add_app("r1", "www")),
        },
        Call {
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
            request: "GET /sinks",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.sinks().list()),
        },
        Call {
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
            request: "GET /sinks/s1",
            sent: Again,
            good: Json(SINK),
            besides: &[],
            make: |c| run(c.sinks().get("s1")),
        },
        Call {
            request: "GET /sinks/s1",
            sent: Again,
            good: Optional(SINK),
            besides: &[],
            make: |c| run(c.sinks().get_opt("s1")),
        },
        Call {
            request: "DELETE /sinks/s1",
            sent: Again,
            good: Json(SINK),
            besides: &[],
            make: |c| run(c.sinks().delete("s1")),
        },
        Call {
            request: "GET /volumes",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.volumes().list()),
        },
        Call {
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
            request: "GET /apps/www/volumes",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").volumes().list()),
        },
        Call {
            request: "GET /apps/www/volumes/v1",
            sent: Again,
            good: Json(VOLUME),
            besides: &[],
            make: |c| run(c.app("www").volumes().get("v1")),
        },
        Call {
            request: "GET /apps/www/volumes/v1",
            sent: Again,
            good: Optional(VOLUME),
            besides: &[],
            make: |c| run(c.app("www").volumes().get_opt("v1")),
        },
        Call {
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
            request: "GET /hosts",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.hosts().list()),
        },
        Call {
            request: "GET /hosts/h1/stats",
            sent: Again,
            good: Json("{}"),
            besides: &[],
            make: |c| run(c.hosts().stats_of("h1")),
        },
        Call {
            request: "GET /cluster/stats",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.hosts().stats()),
        },
        Call {
            request: "GET /cluster/jobs-stats",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.hosts().job_stats()),
        },
        Call {
            request: "GET /apps/www/jobs-stats",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.app("www").job_stats()),
        },
        Call {
            request: "GET /managed-certificates",
            sent: Again,
            good: Json("[]"),
            besides: &[],
            make: |c| run(c.managed_certificates().list()),
        },
        Call {
            request: "GET /managed-certificates/c1",
            sent: Again,
            good: Json(CERTIFICATE),
            besides: &[],
            make: |c| run(c.managed_certificates().get("c1")),
        },
        Call {
            request: "GET /managed-certificates/c1",
            sent: Again,
            good: Optional(CERTIFICATE),
            besides: &[],
            make: |c| run(c.managed_certificates().get_opt("c1")),
        },
        Call {
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
            request: "GET /acme/config",
            sent: Again,
            good: Json(ACME),
            besides: &[],
            make: |c| run(c.acme().get()),
        },
        Call {
            request: "PUT /acme/config",
            sent: Again,
            good: Json(ACME),
            besides: &[("GET /acme/config", ACME)],
            make: |c| run(c.acme().update().enabled(true).account_key(PRIVATE_KEY)),
        },
    ]
}

pub(crate) fn all() -> Vec<Call> {
    [apps(), resources(), sinks(), fork()].into_iter().flatten().collect()
}
