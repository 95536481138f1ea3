//! Jobs.

use serde::{Deserialize, Serialize};

use crate::store::{JobState, Strings, Time, empty};

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    pub(crate) uuid: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(rename = "type", skip_serializing_if = "empty")]
    pub(crate) kind: String,
    /// Its short name, such as `web.4821`.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) state: JobState,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) volumes: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) exit_status: Option<i32>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_error: Option<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) run_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) restarts: Option<i32>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    /// True if no host may run it. Only the scheduler knows this.
    #[serde(skip)]
    pub(crate) blocked: bool,
    /// True if a client has stored it. The scheduler does not know it.
    #[serde(skip)]
    pub(crate) foreign: bool,
}

impl Job {
    /// Returns whether it has ended.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state, JobState::Down | JobState::Crashed | JobState::Failed)
    }

    /// Returns the job in the form of answers: the database has microseconds, while events contain the sent times.
    pub(crate) fn stored(&self) -> Self {
        Self { run_at: self.run_at.map(|at| Time::new(at.timestamp())), ..self.clone() }
    }
}
