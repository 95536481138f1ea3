//! Answers: every success body decodes into our type and encodes back equal.

use std::collections::BTreeMap;

use flynn_client as f;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::differences::{Table, compare};
use super::recordings::{Exchange, folder, load};
use super::tables::IN_ANSWERS;

/// Decodes and encodes.
type Through = fn(&str) -> Result<String, String>;

fn through<T: DeserializeOwned + Serialize>(text: &str) -> Result<String, String> {
    let value: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    serde_json::to_string(&value).map_err(|error| error.to_string())
}

enum Body {
    /// No body, or one without a structure.
    Opaque,
    Json(Through),
    /// One document per line.
    Lines(Through),
    /// One document per server-sent event.
    Frames(Through),
}
use Body::{Frames, Json, Lines, Opaque};

fn bodies() -> BTreeMap<&'static str, Body> {
    BTreeMap::from([
        ("GET /.well-known/status", Json(through::<Data<f::status::Status>>)),
        ("GET /active-jobs", Json(through::<Vec<f::jobs::Job>>)),
        ("GET /apps", Json(through::<Vec<f::apps::App>>)),
        ("POST /apps", Json(through::<f::apps::App>)),
        ("OPTIONS /apps", Opaque),
        ("GET /apps/:", Json(through::<f::apps::App>)),
        ("POST /apps/:", Json(through::<f::apps::App>)),
        ("DELETE /apps/:", Opaque),
        ("POST /apps/:/deploy", Json(through::<f::deployments::Deployment>)),
        ("GET /apps/:/deployments", Json(through::<Vec<f::deployments::Deployment>>)),
        ("GET /apps/:/formations", Json(through::<Vec<f::formations::Formation>>)),
        ("GET /apps/:/formations/:", Json(through::<f::formations::Formation>)),
        ("GET /apps/:/formations/:?expand", Json(through::<f::formations::ExpandedFormation>)),
        ("PUT /apps/:/formations/:", Json(through::<f::formations::Formation>)),
        ("DELETE /apps/:/formations/:", Opaque),
        ("GET /apps/:/jobs", Json(through::<Vec<f::jobs::Job>>)),
        ("POST /apps/:/jobs", Json(through::<f::jobs::Job>)),
        ("GET /apps/:/log", Lines(through::<f::logs::LogLine>)),
        ("GET /apps/:/log stream", Frames(through::<LogChunk>)),
        ("POST /apps/:/meta", Json(through::<f::apps::App>)),
        ("GET /apps/:/release", Json(through::<f::releases::Release>)),
        ("PUT /apps/:/release", Json(through::<f::releases::Release>)),
        ("GET /apps/:/releases", Json(through::<Vec<f::releases::Release>>)),
        ("DELETE /apps/:/releases/:", Opaque),
        ("GET /apps/:/resources", Json(through::<Vec<f::resources::Resource>>)),
        ("GET /apps/:/routes", Json(through::<Vec<f::routes::Route>>)),
        ("POST /apps/:/routes", Json(through::<f::routes::Route>)),
        ("GET /apps/:/routes/:type/:", Json(through::<f::routes::Route>)),
        ("PUT /apps/:/routes/:type/:", Json(through::<f::routes::Route>)),
        ("DELETE /apps/:/routes/:type/:", Opaque),
        ("PUT /apps/:/scale/:", Json(through::<f::scale::ScaleRequest>)),
        ("GET /apps/:/volumes", Json(through::<Vec<f::volumes::Volume>>)),
        ("GET /apps/:/volumes/:", Json(through::<f::volumes::Volume>)),
        ("PUT /apps/:/volumes/:/decommission", Json(through::<f::volumes::Volume>)),
        ("GET /artifacts", Json(through::<Vec<f::artifacts::Artifact>>)),
        ("POST /artifacts", Json(through::<f::artifacts::Artifact>)),
        ("GET /artifacts/:", Json(through::<f::artifacts::Artifact>)),
        ("GET /backup", Opaque),
        ("GET /ca-cert", Opaque),
        ("GET /deployments/:", Json(through::<f::deployments::Deployment>)),
        ("PUT /domain", Json(through::<f::domain::DomainMigration>)),
        ("GET /events", Json(through::<Vec<f::events::Event>>)),
        ("GET /events/:", Json(through::<f::events::Event>)),
        ("GET /events stream", Frames(through::<f::events::Event>)),
        ("GET /formations?active", Json(through::<Vec<f::formations::ExpandedFormation>>)),
        ("GET /formations stream", Frames(through::<f::formations::ExpandedFormation>)),
        ("GET /ping", Opaque),
        ("GET /providers", Json(through::<Vec<f::providers::Provider>>)),
        ("POST /providers", Json(through::<f::providers::Provider>)),
        ("GET /providers/:", Json(through::<f::providers::Provider>)),
        ("GET /providers/:/resources", Json(through::<Vec<f::resources::Resource>>)),
        ("POST /providers/:/resources", Json(through::<f::resources::Resource>)),
        ("GET /providers/:/resources/:", Json(through::<f::resources::Resource>)),
        ("DELETE /providers/:/resources/:", Json(through::<f::resources::Resource>)),
        ("GET /releases", Json(through::<Vec<f::releases::Release>>)),
        ("POST /releases", Json(through::<f::releases::Release>)),
        ("GET /releases/:", Json(through::<f::releases::Release>)),
        ("GET /resources", Json(through::<Vec<f::resources::Resource>>)),
        ("GET /routes", Json(through::<Vec<f::routes::Route>>)),
        ("GET /sinks", Json(through::<Vec<f::sinks::Sink>>)),
        ("GET /sinks stream", Frames(through::<f::sinks::Sink>)),
        ("POST /sinks", Json(through::<f::sinks::Sink>)),
        ("GET /sinks/:", Json(through::<f::sinks::Sink>)),
        ("DELETE /sinks/:", Json(through::<f::sinks::Sink>)),
        ("GET /volumes", Json(through::<Vec<f::volumes::Volume>>)),
        ("GET /volumes stream", Frames(through::<f::volumes::Volume>)),
    ])
}

/// The wrapper of log lines in a stream.
#[derive(serde::Deserialize, serde::Serialize)]
struct LogChunk {
    event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<f::logs::LogLine>,
}

/// The object in which the status handler wraps its answer.
#[derive(serde::Deserialize, serde::Serialize)]
struct Data<T> {
    data: T,
}

/// Data of an event `app_release`.
#[derive(serde::Deserialize, serde::Serialize)]
struct AppRelease {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prev_release: Option<f::releases::Release>,
    release: f::releases::Release,
}

/// The typed form of an event's data, by object type.
fn event_data() -> BTreeMap<&'static str, Through> {
    BTreeMap::from([
        ("app", through::<f::apps::App> as Through),
        ("app_deletion", through::<f::deletion::AppDeletionEvent>),
        ("app_release", through::<AppRelease>),
        ("artifact", through::<f::artifacts::Artifact>),
        ("domain_migration", through::<f::domain::DomainMigrationEvent>),
        ("scale_request_cancelation", through::<f::scale::ScaleRequest>),
        ("deployment", through::<f::deployments::DeploymentEvent>),
        ("job", through::<f::jobs::Job>),
        ("provider", through::<f::providers::Provider>),
        ("release", through::<f::releases::Release>),
        ("release_deletion", through::<f::deletion::ReleaseDeletionEvent>),
        ("resource", through::<f::resources::Resource>),
        ("resource_deletion", through::<f::resources::Resource>),
        ("route", through::<f::routes::Route>),
        ("route_deletion", through::<f::routes::Route>),
        ("scale_request", through::<f::scale::ScaleRequest>),
        ("sink", through::<f::sinks::Sink>),
        ("sink_deletion", through::<f::sinks::Sink>),
        ("volume", through::<f::volumes::Volume>),
    ])
}

/// The JSON documents of an answer.
fn documents<'a>(exchange: &'a Exchange, body: &Body) -> Vec<&'a str> {
    let text = exchange.response_body.as_str();
    match body {
        Opaque => Vec::new(),
        Json(_) => vec![text],
        Lines(_) => text.lines().filter(|line| !line.is_empty()).collect(),
        Frames(_) => text
            .split("\n\n")
            .filter(|frame| !frame.contains("event: error"))
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("data: "))
            .collect(),
    }
}

#[test]
fn every_success_body_decodes_and_encodes_back_equal() {
    let (bodies, event_data, table) = (bodies(), event_data(), Table::new(IN_ANSWERS));
    let (mut faults, mut documents_seen, mut calls_seen) =
        (Vec::new(), 0, BTreeMap::<String, usize>::new());
    let mut check = |origin: &str, call: &str, through: Through, document: &str| {
        documents_seen += 1;
        let theirs: Value = match serde_json::from_str(document) {
            Ok(value) => value,
            // A stream that the client left in the middle of a frame.
            Err(error) if error.is_eof() && call.ends_with("stream") => return,
            Err(error) => panic!("{origin}: not JSON: {error}"),
        };
        match through(document) {
            Err(error) => faults.push(format!("{origin} {call}: does not decode: {error}")),
            Ok(ours) => {
                let ours: Value = serde_json::from_str(&ours).unwrap();
                let mut found = Vec::new();
                compare(Some(&ours), Some(&theirs), "", &mut found);
                found.retain(|place| !table.allows(call, place));
                faults
                    .extend(found.iter().map(|place| format!("{origin} {call}: {place} differs")));
            }
        }
    };
    for exchange in load().iter().filter(|exchange| exchange.status == 200) {
        let call = exchange.call();
        let body = bodies
            .get(call.as_str())
            .unwrap_or_else(|| panic!("{}: no type for {call}", exchange.origin));
        for document in documents(exchange, body) {
            if let Json(through) | Lines(through) | Frames(through) = body {
                check(&exchange.origin, &call, *through, document);
            }
            if call.starts_with("GET /events") {
                let events: Vec<f::events::Event> = serde_json::from_str(document)
                    .or_else(|_| serde_json::from_str(document).map(|event| vec![event]))
                    .unwrap_or_default();
                for event in events {
                    if let Some(through) = event_data.get(event.object_type.as_str()) {
                        check(
                            &exchange.origin,
                            &format!("event {}", event.object_type),
                            *through,
                            event.data.as_str(),
                        );
                    }
                }
            }
        }
        *calls_seen.entry(call).or_default() += 1;
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    println!("{documents_seen} documents of {} calls", calls_seen.len());
    if folder().is_some() {
        assert_eq!(table.unused(), [""; 0], "rows that nothing needs");
        let unseen: Vec<_> =
            bodies.keys().filter(|call| !calls_seen.contains_key(**call)).collect();
        assert!(unseen.is_empty(), "never recorded: {unseen:?}");
    }
}
