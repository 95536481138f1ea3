//! Ids of new objects: those that the mock was handed, else made-up ones.

use serde_json::Value;

use crate::life::Engine;
use crate::store::{NextId, Time};

impl Engine {
    /// Takes ids for the next objects, after those that it has.
    pub(crate) fn hand_ids(&mut self, ids: impl IntoIterator<Item = NextId>) {
        self.next_ids.extend(ids);
    }

    /// What was handed for a new object: of those that fit, the first one that names most fields.
    pub(crate) fn handed(&self, kind: &str, new: &Value) -> Option<&NextId> {
        let fitting = self.next_ids.iter().rev().filter(|next| next.fits(kind, new));
        fitting.max_by_key(|next| next.named())
    }

    /// The id of a new object. It is free again until the object is there.
    pub(crate) fn new_id(&mut self, kind: &str, new: &Value) -> String {
        let Some(next) = self.handed(kind, new) else { return self.ids.uuid() };
        let (id, time) = (next.id().to_owned(), next.time().map(Time::new));
        let host = next.field("host_id").and_then(Value::as_str).map(str::to_owned);
        self.given_time = time;
        if let Some(host) = host.filter(|_| kind == "job") {
            self.given_hosts.insert(id.clone(), host);
        }
        id
    }

    /// An object has this id now.
    pub(crate) fn use_up(&mut self, id: &str) {
        self.next_ids.retain(|next| next.id() != id);
    }

    /// The host that a job was handed, if there is such a host.
    pub(crate) fn given_host(&self, job: &str) -> Option<String> {
        let host = self.given_hosts.get(job)?;
        self.options.hosts.contains(host).then(|| host.clone())
    }
}
