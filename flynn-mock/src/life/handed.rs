//! Ids of new objects: ids that the test has set, otherwise generated ones.

use serde_json::Value;

use crate::life::Engine;
use crate::store::{NextId, Time};

impl Engine {
    /// Appends ids for the next objects.
    pub(crate) fn hand_ids(&mut self, ids: impl IntoIterator<Item = NextId>) {
        self.next_ids.extend(ids);
    }

    /// Returns the id that was set for a new object: of those that fit, the first one with the most fields.
    pub(crate) fn handed(&self, kind: &str, new: &Value) -> Option<&NextId> {
        let fitting = self.next_ids.iter().rev().filter(|next| next.fits(kind, new));
        fitting.max_by_key(|next| next.compared(new))
    }

    /// Returns the id of a new object. It stays available until the object exists.
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

    /// Records that an object has this id.
    pub(crate) fn use_up(&mut self, id: &str) {
        self.next_ids.retain(|next| next.id() != id);
    }

    /// Returns the host that was set for a job, if the host exists.
    pub(crate) fn given_host(&self, job: &str) -> Option<String> {
        let host = self.given_hosts.get(job)?;
        self.options.hosts.contains(host).then(|| host.clone())
    }
}
