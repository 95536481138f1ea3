//! Calls about the cluster.

use std::time::Duration;

use flynn_client::AppId;
use flynn_client::apps::App;
use flynn_client::artifacts::{ArtifactType, NewArtifact};
use flynn_client::collaborators::{NewCollaborator, Role};
use flynn_client::domain::ClusterCertificate;
use flynn_client::managed_certificates::ManagedCertificateStatus;
use flynn_client::personal_tokens::NewPersonalToken;
use flynn_client::providers::NewProvider;
use flynn_client::resources::{ExternalResource, NewResource};
use flynn_client::scheduler_events::NewSchedulerEvent;
use flynn_client::sinks::{NewSink, SyslogConfig};
use flynn_client::users::NewUser;
use flynn_client::volumes::Volume;

use http::Method;

use super::{APP, APP_ID, Call, ENV_VALUE, PRIVATE_KEY, drain, run};

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
const MIGRATION: &str = r#"{"id":"m1","old_domain":"example.com","domain":"example.org","old_tls_cert":{"ca_cert":"","pin":"","cert":"chain","key":"marked-private-key"}}"#;
const CONTROLLER: &str =
    r#"{"id":"r0","env":{"DEFAULT_ROUTE_DOMAIN":"example.com","AUTH_KEY":"marked-cluster-key"}}"#;
const BACKUP: &str = r#"{"id":"b1","status":"complete","sha512":"ab","size":1024}"#;
const STATUS: &str = r#"{"data":{"status":"healthy","version":"v20210218.0"}}"#;
const EVENT: &str = r#"{"id":7,"object_type":"route","object_id":"x","data":{"certificate":{"key":"marked-private-key"}}}"#;
const EVENTS: &str = r#"[{"id":7,"object_type":"route","object_id":"x","data":{"certificate":{"key":"marked-private-key"}}}]"#;
const FRAME: &str =
    "data: {\"id\":7,\"object_type\":\"app\",\"data\":{\"key\":\"marked-private-key\"}}\n\n";
const USER: &str = r#"{"id":"u1","handle":"ann","email":"ann@example.com"}"#;
const TOKEN: &str = r#"{"id":"t1","name":"ci","scopes":"","token":"marked-cluster-key"}"#;
const COLLABORATOR: &str = r#"{"user_id":"u1","role":"view"}"#;
/// Marked as a secret.
const PASSWORD: &str = PRIVATE_KEY;
const LINE: &str =
    "data: {\"event\":\"message\",\"data\":{\"msg\":\"hello\"}}\n\ndata: {\"event\":\"eof\"}\n\n";

/// A deadline for calls whose attempts have no timeout.
const SOON: Duration = Duration::from_secs(8);

const ISSUED: ManagedCertificateStatus = ManagedCertificateStatus::Issued;

fn new_resource() -> NewResource {
    NewResource::for_app("www")
}

fn external() -> ExternalResource {
    let env = flynn_client::Env::from_iter([("URL", ENV_VALUE)]);
    ExternalResource::new("/x").app("www").env(env)
}

fn syslog() -> SyslogConfig {
    SyslogConfig::new("syslog://h:514/").prefix(ENV_VALUE)
}

fn volume() -> Volume {
    let mut volume = Volume::default();
    volume.id = "v1".into();
    volume
}

fn own_certificate() -> ClusterCertificate {
    ClusterCertificate::new("ca", "chain", PRIVATE_KEY, "pin")
}

/// Artifacts, providers, resources.
pub(super) fn resources() -> Vec<Call> {
    calls! { c;
        Again "GET /artifacts" => Json("[]"),
            run(c.artifacts().list());
        Again "POST /artifacts" => Json(ARTIFACT),
            run(c.artifacts().create(NewArtifact::new(ArtifactType::Docker, "https://example.com")));
        Again "GET /artifacts/a1" => Json(ARTIFACT),
            run(c.artifacts().get("a1"));
        Again "GET /artifacts/a1" => Optional(ARTIFACT),
            run(c.artifacts().get_opt("a1"));
        Again "GET /providers" => Json("[]"),
            run(c.providers().list());
        Once "POST /providers" => Json(PROVIDER),
            run(c.providers().create(NewProvider::new("pg", "http://p.discoverd/x")));
        Again "GET /providers/pg" => Json(PROVIDER),
            run(c.provider("pg").get());
        Again "GET /providers/pg" => Optional(PROVIDER),
            run(c.provider("pg").get_opt());
        Again "GET /resources" => Json(RESOURCES),
            run(c.resources().list());
        Again "GET /apps/www/resources" => Json(RESOURCES),
            run(c.app("www").resources().list());
        Again "GET /providers/pg/resources" => Json(RESOURCES),
            run(c.provider("pg").resources().list());
        Once "POST /providers/pg/resources" => Json(RESOURCE),
            [("GET /apps/www", APP)],
            run(c.provider("pg").resources().provision(new_resource()).timeout(SOON));
        Again "GET /providers/pg/resources/r1" => Json(RESOURCE),
            run(c.provider("pg").resources().get("r1"));
        Again "GET /providers/pg/resources/r1" => Optional(RESOURCE),
            run(c.provider("pg").resources().get_opt("r1"));
        Once "PUT /providers/pg/resources/r1" => Json(RESOURCE),
            run(c.provider("pg").resources().register("r1", external()));
        AgainUntilGone "DELETE /providers/pg/resources/r1" => Json(RESOURCE),
            run(c.provider("pg").resources().delete("r1"));
        Once "PUT /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001" => Json(RESOURCE),
            [("GET /apps/www", APP)],
            run(c.provider("pg").resources().add_app("r1", "www"));
        Again "DELETE /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001" => Json(RESOURCE),
            run(c.provider("pg").resources().remove_app_everywhere("r1", AppId::new(APP_ID)));
        Again "DELETE /providers/pg/resources/r1/apps/11111111-0000-4000-8000-000000000001" => Json(RESOURCE),
            [
                ("GET /apps/www", APP),
                ("GET /apps/11111111-0000-4000-8000-000000000001/resources", RESOURCES),
                ("PUT /providers/p2/resources/r2/apps/11111111-0000-4000-8000-000000000001", RESOURCE),
            ],
            run(c.provider("pg").resources().remove_app("r1", "www"));
    }
}

/// Sinks and volumes.
pub(super) fn sinks() -> Vec<Call> {
    calls! { c;
        Again "GET /sinks" => Json("[]"),
            run(c.sinks().list());
        Once "POST /sinks" => Json(SINK),
            run(c.sinks().create(NewSink::syslog(&syslog())));
        Again "GET /sinks/s1" => Json(SINK),
            run(c.sinks().get("s1"));
        Again "GET /sinks/s1" => Optional(SINK),
            run(c.sinks().get_opt("s1"));
        Again "DELETE /sinks/s1" => Json(SINK),
            run(c.sinks().delete("s1"));
        Again "GET /volumes" => Json("[]"),
            run(c.volumes().list());
        Again "PUT /volumes/v1" => Json(VOLUME),
            run(c.volumes().put(&volume()));
        Again "GET /apps/www/volumes" => Json("[]"),
            run(c.app("www").volumes().list());
        Again "GET /apps/www/volumes/v1" => Json(VOLUME),
            run(c.app("www").volumes().get("v1"));
        Again "GET /apps/www/volumes/v1" => Optional(VOLUME),
            run(c.app("www").volumes().get_opt("v1"));
        Again "PUT /apps/www/volumes/v1/decommission" => Json(VOLUME),
            run(c.app("www").volumes().decommission("v1"));
    }
}

/// The cluster.
pub(super) fn cluster() -> Vec<Call> {
    calls! { c;
        Once "PUT /domain" => Json(MIGRATION),
            [("GET /apps/controller/release", CONTROLLER), ("GET /events", "[]")],
            run(c.domain().migrate("example.org").certificate(own_certificate()));
        Again "GET /apps/controller/release" => Json(CONTROLLER),
            run(c.domain().get());
        Again "GET /backup" => Json(BACKUP),
            run(c.backup().latest());
        Again "GET /backup" => Optional(BACKUP),
            run(c.backup().latest_opt());
        Once "GET /backup" => Typed("application/tar", "tar"),
            drain(c.backup().tar().timeout(SOON));
        Again "GET /.well-known/status" => Json(STATUS),
            run(c.status());
        Again "GET /ping" => Nothing,
            run(c.ping());
        Again "GET /ca-cert" => Typed("application/x-x509-ca-cert", "-----BEGIN CERTIFICATE-----\n"),
            run(c.ca_certificate());
        Once "DELETE /apps/11111111-0000-4000-8000-000000000001" => Nothing,
            [("GET /apps/www", APP)],
            run(c.app("www").delete());
    }
}

/// Events, logs, streams of objects.
pub(super) fn streams() -> Vec<Call> {
    calls! { c;
        Again "GET /events" => Json(EVENTS),
            run(c.events().list());
        Again "GET /events/7" => Json(EVENT),
            run(c.events().get(7));
        Again "GET /events" => Stream(FRAME),
            drain(c.events().stream());
        Again "GET /apps/www/log" => Events(LINE),
            run(c.app("www").log());
        Again "GET /apps/www/log" => Stream(LINE),
            drain(c.app("www").log().follow());
        Again "GET /formations" => Stream("data: {}\n\n"),
            drain(c.formations().stream());
        Again "GET /volumes" => Stream("data: {}\n\n"),
            drain(c.volumes().stream());
        Again "GET /sinks" => Stream("data: {}\n\n"),
            drain(c.sinks().stream());
        Again "GET /managed-certificates" => Stream("data: {}\n\n"),
            drain(c.managed_certificates().stream());
    }
}

/// The escape hatch.
pub(super) fn raw() -> Vec<Call> {
    calls! { c;
        Once "GET /apps/www" => Json(APP),
            run(c.request(Method::GET, "/apps/www").decode::<App>());
        Again "POST /apps/www" => Json(APP),
            run(c.request(Method::POST, "/apps/www").json(ENV_VALUE).repeatable().decode::<App>());
        Once "DELETE /apps/www" => Nothing,
            run(c.request(Method::DELETE, "/apps/www"));
    }
}

/// Calls that only the fork of September 2026 has.
pub(super) fn users() -> Vec<Call> {
    calls! { c;
        Again "GET /whoami" => Json(USER),
            run(c.whoami());
        Again "GET /users" => Json("[]"),
            run(c.users().list());
        Once "POST /users" => Json(USER),
            run(c.users().create(NewUser::new("ann@example.com", PASSWORD)));
        Again "GET /users/u1" => Json(USER),
            run(c.users().get("u1"));
        Again "GET /users/u1" => Optional(USER),
            run(c.users().get_opt("u1"));
        Again "PATCH /users/u1" => Json(USER),
            run(c.users().update("u1").password(PASSWORD).suspended(true));
        AgainUntilGone "DELETE /users/u1" => Nothing,
            run(c.users().delete("u1"));
        Once "POST /users/u1/bootstrap-token" => Json(TOKEN),
            run(c.users().create_token("u1"));
        Again "GET /tokens" => Json("[]"),
            run(c.personal_tokens().list());
        Once "POST /tokens" => Json(TOKEN),
            run(c.personal_tokens().create(NewPersonalToken::new("ci")));
        Again "DELETE /tokens/t1" => Nothing,
            run(c.personal_tokens().revoke("t1"));
        Again "GET /apps/www/collaborators" => Json("[]"),
            run(c.app("www").collaborators().list());
        Again "POST /apps/www/collaborators" => Json(COLLABORATOR),
            run(c.app("www").collaborators().add(NewCollaborator::user("u1", Role::View)));
        Again "DELETE /apps/www/collaborators/u1" => Nothing,
            run(c.app("www").collaborators().remove("u1"));
        Again "GET /accounts/user%3Au1/collaborators" => Json("[]"),
            run(c.account_collaborators("user:u1").list());
        Once "POST /apps/www/transfer" => Json(APP),
            run(c.app("www").transfer("user:u1"));
        Once "POST /apps/www/scheduler-events" => Json("{}"),
            run(c.app("www").report_scheduler_event(NewSchedulerEvent::new("nightly")));
        Again "GET /cluster/router-metrics" => Json("[]"),
            run(c.router_metrics());
    }
}

/// Calls that only the fork has.
pub(super) fn fork() -> Vec<Call> {
    calls! { c;
        Again "GET /hosts" => Json("[]"),
            run(c.hosts().list());
        Again "GET /hosts/h1/stats" => Json("{}"),
            run(c.hosts().stats_of("h1"));
        Again "GET /cluster/stats" => Json("[]"),
            run(c.hosts().stats());
        Again "GET /cluster/jobs-stats" => Json("[]"),
            run(c.hosts().job_stats());
        Again "GET /apps/www/jobs-stats" => Json("[]"),
            run(c.app("www").job_stats());
        Again "GET /managed-certificates" => Json("[]"),
            run(c.managed_certificates().list());
        Again "GET /managed-certificates/c1" => Json(CERTIFICATE),
            [("GET /managed-certificates", r#"[{"id":"c1"}]"#)],
            run(c.managed_certificates().get("c1"));
        Again "GET /managed-certificates/c1" => Optional(CERTIFICATE),
            [("GET /managed-certificates", r#"[{"id":"c1"}]"#)],
            run(c.managed_certificates().get_opt("c1"));
        Again "PUT /managed-certificates/c1" => Json(CERTIFICATE),
            [("GET /managed-certificates/c1", CERTIFICATE)],
            run(c.managed_certificates().update("c1").status(&ISSUED).certificate("chain", PRIVATE_KEY));
        Again "GET /acme/config" => Json(ACME),
            run(c.acme().get());
        Again "PUT /acme/config" => Json(ACME),
            [("GET /acme/config", ACME)],
            run(c.acme().update().enabled(true).account_key(PRIVATE_KEY));
    }
}
