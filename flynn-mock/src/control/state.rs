//! Calls about the cluster and its state.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::{Call, Refusal, Reply, no_content, ok};
use super::ready::Facts;
use super::seed_file::SeedFile;
use super::server::Shared;

pub(super) fn cluster(shared: &Shared, _: &Call) -> Reply {
    let facts = Facts::of(&shared.mock);
    serde_json::to_value(facts).map_err(|e| internal(&e)).and_then(ok)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    healthy: bool,
}

pub(super) fn set_service(shared: &Shared, call: &Call) -> Reply {
    let service: Service = call.json()?;
    let set = shared.mock.try_set_healthy(call.param(0), service.healthy);
    set.map_err(Refusal::not_found).and_then(|()| no_content())
}

/// Returns a document as the controller answers it.
pub(super) fn get(shared: &Shared, call: &Call) -> Reply {
    let target = format!("/{}{}", call.param(0), call.query_text());
    let document = shared.mock.hub().with(|inner| crate::calls::read(&mut inner.engine, &target));
    match document {
        Some(document) => ok(document),
        None => Err(Refusal::not_found(format!("the cluster has no {target}"))),
    }
}

pub(super) fn seed(shared: &Shared, call: &Call) -> Reply {
    let file: SeedFile = call.json()?;
    let names: Vec<Value> = file.names().map(Value::from).collect();
    for app in file.into_apps() {
        let planted = shared.mock.hub().drive(|inner| {
            inner.engine.advance(inner.clock.now());
            let planted = app.plant(&mut inner.engine);
            // Jobs take time to start.
            inner.clock.reach(inner.engine.now());
            planted
        });
        planted.map_err(|why| Refusal::new(StatusCode::CONFLICT, why))?;
    }
    Ok((StatusCode::CREATED, json!({ "apps": names })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    line: String,
}

pub(super) fn log(shared: &Shared, call: &Call) -> Reply {
    let line: Line = call.json()?;
    let app = call.param(0);
    if shared.mock.try_log(app, &line.line) {
        no_content()
    } else {
        Err(Refusal::not_found(format!("the cluster has no app {app:?}")))
    }
}

fn internal(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
