//! What the fork's state of September 2026 adds to objects of old.

use flynn_client::Client;
use flynn_client::apps::{App, NewApp};
use flynn_client::deployments::DeploymentStatus;
use flynn_client::events::EventType;
use flynn_client::jobs::Job;
use flynn_client::providers::Provider;
use flynn_client::releases::{NewRelease, ProcessType};
use flynn_client::resources::Resource;
use flynn_client::routes::{NewRoute, Route, TlsMode};
use flynn_client::sinks::{NewSink, OtelConfig, Sink, SinkKind, SinkScope, SyslogConfig};
use flynn_client::volumes::Volume;
use flynn_mock::{MockController, Pace, ServerAge};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

async fn cluster() -> (MockController, Client) {
    let mock = MockController::builder().server(ServerAge::Fork2026September);
    let mock = mock.bootstrapped("example.com").start().await;
    let client = mock.client();
    (mock, client)
}

async fn shop(client: &Client) -> App {
    client.apps().create(NewApp::named("shop")).await.unwrap()
}

#[tokio::test]
async fn a_queued_deployment_is_waited_for() {
    let (mock, client) = cluster().await;
    let shop = shop(&client).await;
    let mut handles = Vec::new();
    for n in 0..3 {
        let release = NewRelease::of_app(&shop.id).env("N", n.to_string());
        let release = release.process("web", ProcessType::running(["/bin/web"]));
        let release = client.releases().create(release).await.unwrap();
        if n == 0 {
            client.app("shop").deploy(&release.id).await.unwrap().wait().await.unwrap();
            client.app("shop").scale([("web", 2)]).await.unwrap().wait().await.unwrap();
            mock.set_pace(Pace::ByHand);
        } else {
            handles.push(client.app("shop").deploy(&release.id).await.unwrap());
        }
    }
    let queued = handles.pop().unwrap();
    assert_eq!(queued.accepted().unwrap().status, DeploymentStatus::Queued);
    assert!(!DeploymentStatus::Queued.is_final());
    // The queue advances during the wait.
    let wait = queued.wait().on_step(|_| ());
    let drive = async { mock.run_to_end() };
    let (done, ()) = futures_util::future::join(wait.into_future(), drive).await;
    let done = done.unwrap();
    assert_eq!(done.status, DeploymentStatus::Complete);
    assert_eq!(client.app("shop").get().await.unwrap().release_id, done.new_release_id);
}

/// The server's JSON is read into fields and written back unchanged.
#[test]
fn the_new_fields_are_typed() {
    fn same<T: DeserializeOwned + Serialize>(json: &Value) -> T {
        let read: T = serde_json::from_value(json.clone()).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        for (name, value) in json.as_object().unwrap() {
            assert_eq!(written.get(name), Some(value), "{name}");
        }
        read
    }
    let app: App =
        same(&json!({ "owner_account": "org:o1", "created_by": "u1", "building": true }));
    assert!(app.building && app.owner_account == "org:o1");
    let job: Job = same(&json!({ "uuid": "j1", "type": "runner", "name": "runner.4821" }));
    assert_eq!((job.process_type.as_str(), job.name.as_str()), ("runner", "runner.4821"));
    let volumes = json!([{ "path": "/data", "size": 1 << 30 }]);
    let process: ProcessType =
        same(&json!({ "command": "rails s", "runtime": "big", "volumes": volumes }));
    assert_eq!((process.runtime.as_str(), process.volumes[0].size), ("big", 1 << 30));
    let route: Route = same(
        &json!({ "type": "tcp", "domain": "db.test", "tls_mode": "terminate", "included": true }),
    );
    assert!(route.tls_mode == TlsMode::Terminate && route.included);
    let volume: Volume = same(&json!({ "id": "v1", "size": 5 }));
    assert_eq!(volume.size, 5);
    let sink: Sink =
        same(&json!({ "id": "s1", "kind": "otel", "app_id": "a1", "host_managed": true }));
    assert!(sink.kind == SinkKind::Otel && sink.app_id == "a1");
    let config: SyslogConfig = same(&json!({ "url": "syslog://h", "scope": "apps" }));
    assert_eq!(config.scope, SinkScope::Apps);
    let otel: OtelConfig =
        same(&json!({ "endpoint": "https://u:secret@o", "headers": { "x-token": "secret" },
                                        "logs": true, "scope": "system" }));
    assert!(otel.logs == Some(true) && !format!("{otel:?}").contains("secret"));
    let provider: Provider = same(&json!({ "id": "p1", "tenant_safe": true }));
    assert!(provider.tenant_safe);
    let resource: Resource = same(&json!({ "owner_account": "user:u1", "owner_app": "a1" }));
    assert_eq!((resource.owner_account, resource.owner_app.as_str()), ("user:u1".into(), "a1"));
    for (text, kind) in [
        ("runtime", EventType::Runtime),
        ("runtime_settings", EventType::RuntimeSettings),
        ("scheduler", EventType::Scheduler),
        ("crash_loop", EventType::CrashLoop),
    ] {
        assert_eq!(EventType::from(text), kind);
    }
}

#[tokio::test]
async fn a_port_can_be_shared_by_domain() {
    let (_mock, client) = cluster().await;
    shop(&client).await;
    let routes = client.app("shop").routes();
    let new = NewRoute::tcp().port(5432).service("shop-db").tls("db.test", TlsMode::Passthrough);
    let made = routes.create(new).await.unwrap();
    assert_eq!((made.domain.as_str(), &made.tls_mode), ("db.test", &TlsMode::Passthrough));
    let changed = routes.update(&made).service("shop-db2").await.unwrap();
    assert_eq!((changed.service.as_str(), changed.tls_mode), ("shop-db2", TlsMode::Passthrough));
}

/// A sink of one app, to a collector; the token in its configuration is not shown.
#[tokio::test]
async fn a_sink_sends_the_logs_of_an_app_to_a_collector() {
    let (_mock, client) = cluster().await;
    let shop = shop(&client).await;
    let config =
        OtelConfig::new("https://otel.test").header("x-token", "s3cret").scope(SinkScope::Apps);
    let sink = NewSink::otel(&config).of_app(&shop.id);
    assert!(!format!("{sink:?}").contains("s3cret"));
    let made = client.sinks().create(sink).await.unwrap();
    assert_eq!((&made.kind, &made.app_id), (&SinkKind::Otel, &shop.id));
    assert_eq!(made.config.unwrap().decode::<OtelConfig>().unwrap(), config);
}

#[tokio::test]
async fn jobs_have_names_and_one_off_jobs_have_types() {
    let (_mock, client) = cluster().await;
    let jobs = client.app("blobstore").jobs();
    let of_formation = jobs.list().await.unwrap().remove(0);
    assert!(
        of_formation.name.starts_with(&format!("{}.", of_formation.process_type)),
        "{of_formation:?}"
    );
    for (run, process_type) in [
        (jobs.run(["echo"]), "runner"),
        (jobs.run(["echo"]).process_type("migration"), "migration"),
    ] {
        let job = jobs.get(run.await.unwrap().id).await.unwrap();
        assert_eq!(job.process_type, process_type);
        assert!(job.name.starts_with(&format!("{process_type}.")), "{job:?}");
    }
}
