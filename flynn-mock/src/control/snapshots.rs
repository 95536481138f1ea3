//! Calls about snapshots.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::calls::{Call, Refusal, Reply, no_content, ok};
use super::lifecycle;
use super::server::Shared;
use crate::{MockController, Snapshot};

/// The snapshots by name, and the snapshot of the start.
pub(super) struct Snapshots {
    start: Snapshot,
    named: Mutex<BTreeMap<String, Snapshot>>,
}

impl Snapshots {
    pub(super) fn new(mock: &MockController) -> Self {
        Self { start: mock.snapshot(), named: Mutex::default() }
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Snapshot>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn list(shared: &Shared, _: &Call) -> Reply {
    let names: Vec<_> = shared.snapshots.named().keys().cloned().collect();
    ok(json!({ "snapshots": names }))
}

pub(super) fn take(shared: &Shared, call: &Call) -> Reply {
    let snapshot = shared.mock.snapshot();
    shared.snapshots.named().insert(call.param(0).to_owned(), snapshot);
    no_content()
}

pub(super) fn remove(shared: &Shared, call: &Call) -> Reply {
    let name = call.param(0);
    match shared.snapshots.named().remove(name) {
        Some(_) => no_content(),
        None => Err(unknown(name)),
    }
}

pub(super) fn restore(shared: &Shared, call: &Call) -> Reply {
    let name = call.param(0);
    let snapshot = shared.snapshots.named().get(name).cloned().ok_or_else(|| unknown(name))?;
    shared.mock.restore(&snapshot);
    no_content()
}

fn unknown(name: &str) -> Refusal {
    Refusal::not_found(format!("there is no snapshot {name:?}"))
}

pub(super) fn reset(shared: &Shared, call: &Call) -> Reply {
    shared.mock.restore(&shared.snapshots.start);
    shared.mock.lift_faults();
    shared.mock.clear_requests();
    lifecycle::restart(shared, call)
}
