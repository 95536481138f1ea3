//! Lines of the log.

use serde::Serialize;

use crate::store::Time;

/// A line of an app's log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) host_id: String,
    pub(crate) job_id: String,
    pub(crate) msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process_type: Option<String>,
    pub(crate) source: &'static str,
    pub(crate) stream: &'static str,
    pub(crate) timestamp: Time,
    #[serde(skip)]
    pub(crate) app: String,
}
