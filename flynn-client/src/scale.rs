//! Scaling: asking for another number of jobs, and waiting for them.
//!
//! Servers from v20170309.0 on take scale requests and tell when one is done. Older ones have formations
//! alone: there the call writes the formation, and waiting looks at what runs.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use std::time::Duration;
//!
//! let scaling = flynn.app("blobstore").scale([("web", 3)]).await?; // accepted
//! match scaling.wait().timeout(Duration::from_secs(30)).await {
//!     Ok(formation) => assert_eq!(formation.processes["web"], 3),
//!     Err(e) if e.is_timeout() => println!("still at it: {} {}", scaling.release_id, scaling.id),
//!     Err(e) => return Err(e),
//! }
//!
//! // Another program goes on with the ids, and sees every job come up.
//! use futures_util::TryStreamExt;
//! let mut steps = flynn.app("blobstore").scaling(&scaling.release_id, &scaling.id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     println!("{step:?}");
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::apps::AppHandle;
use crate::error::Error;
use crate::formations::{Processes, Tags, host_tags};
use crate::ids::{AppId, ReleaseId, ScaleRequestId};
use crate::json::null_is_default;
use crate::releases::Release;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Repeat, Request, Spec, operation};

mod progress;

pub use progress::{ScaleHandle, ScaleProgress, ScaleStep, WaitForScale};

string_enum! {
    /// Where a scale request is.
    ScaleState {
        /// The scheduler works on it.
        Pending = "pending",
        /// A later request of the same app and release took its place.
        Cancelled = "cancelled",
        /// Done.
        Complete = "complete",
    }
}

/// A scale request, as the controller keeps it (from v20170309.0 on).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ScaleRequest {
    /// Id, a UUID.
    pub id: ScaleRequestId,
    /// The app's id.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release")]
    pub release_id: ReleaseId,
    /// Where it is.
    pub state: ScaleState,
    /// Counts before.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub old_processes: Processes,
    /// Counts asked for; types left out keep theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_processes: Option<Processes>,
    /// Tags before.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub old_tags: Tags,
    /// Tags asked for: types left out keep theirs, an empty map clears a type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tags: Option<Tags>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// How many jobs a formation means on a cluster of so many hosts: an `omni` process runs its count on
/// each of them. Negative counts, which the server accepts, mean none.
pub fn expected_jobs(processes: &Processes, release: &Release, hosts: u32) -> Processes {
    let jobs = |(name, count): (&String, &i64)| {
        (name.clone(), spread(name, (*count).max(0), release, hosts))
    };
    processes.iter().map(jobs).collect()
}

/// How many jobs come up (positive) or go down (negative) from one formation to another, by process type.
/// Types that the new one does not name keep what they have; types that do not change are left out.
pub fn steps(from: &Processes, to: &Processes, release: &Release, hosts: u32) -> Processes {
    to.iter()
        .map(|(name, count)| {
            let before = from.get(name).copied().unwrap_or_default();
            (name.clone(), spread(name, count.saturating_sub(before), release, hosts))
        })
        .filter(|(_, jobs)| *jobs != 0)
        .collect()
}

fn spread(name: &str, count: i64, release: &Release, hosts: u32) -> i64 {
    match release.processes.get(name) {
        Some(process) if process.omni => count.saturating_mul(i64::from(hosts)),
        _ => count,
    }
}
impl AppHandle {
    /// Asks for so many jobs of these process types, of an `omni` type so many on each host:
    /// `PUT /apps/:a/scale/:r`. Types that are not named keep their jobs. Awaiting it gives a handle
    /// once the server has accepted.
    ///
    /// Servers before v20170309.0 have no scale requests: there the formation is read, changed and
    /// written.
    pub fn scale<K: Into<String>>(
        &self,
        processes: impl IntoIterator<Item = (K, i64)>,
    ) -> ScaleApp {
        ScaleApp {
            app: self.clone(),
            release: None,
            processes: processes
                .into_iter()
                .map(|(name, count)| (name.into(), count.into()))
                .collect(),
            tags: Map::new(),
            hosts: None,
            timeout: None,
        }
    }
}

/// Another number of jobs to be asked for; made by [`AppHandle::scale`].
///
/// # Errors
/// When awaited: not found, when there is no such app or release, or the app has no release; a
/// validation error for process types that the release does not have.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ScaleApp {
    app: AppHandle,
    release: Option<ReleaseId>,
    processes: Map<String, Value>,
    tags: Map<String, Value>,
    hosts: Option<u32>,
    timeout: Option<Duration>,
}

impl ScaleApp {
    /// Of this release; of the app's current one, unless set.
    pub fn release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.release = Some(id.into());
        self
    }

    /// All host tags that jobs of this type ask for, instead of those before; none clears them.
    pub fn tags<K: Into<String>, V: Into<String>>(
        mut self,
        process_type: impl Into<String>,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.tags.insert(process_type.into(), host_tags(tags));
        self
    }

    /// How many hosts the cluster has, for the jobs of `omni` processes on servers before v20170309.0.
    /// Unless set, the distinct hosts of `/active-jobs` are counted.
    pub fn hosts(mut self, hosts: u32) -> Self {
        self.hosts = Some(hosts);
        self
    }

    async fn run(self, deadline: Deadline) -> Result<ScaleHandle, Error> {
        let Self { app, release, processes, tags, hosts, .. } = self;
        if processes.is_empty() && tags.is_empty() {
            return Err(Error::invalid_input("scaling needs process types or tags"));
        }
        let release_id = match release {
            Some(id) => id,
            None => app.release().within(deadline).await?.id,
        };
        let mut body = json!({ "state": ScaleState::Pending });
        if let Value::Object(body) = &mut body {
            if !processes.is_empty() {
                body.insert("new_processes".to_owned(), Value::Object(processes.clone()));
            }
            if !tags.is_empty() {
                body.insert("new_tags".to_owned(), Value::Object(tags.clone()));
            }
        }
        // A second request takes the place of the first and asks for the same.
        let spec = Spec::put(
            "/apps/{app}/scale/{release}",
            [app.app.as_str(), release_id.as_str()],
            Repeat::Safe,
        );
        let accepted =
            Request::<ScaleRequest>::json(&app.client, spec.body(&body)).within(deadline).await;
        let accepted = match accepted {
            Ok(request) => Some(request),
            Err(error) if error.is_unsupported() => {
                app.formations().update(&release_id).all(processes, tags).run(deadline).await?;
                None
            }
            Err(error) => return Err(error),
        };
        let id = accepted.as_ref().map(|request| request.id.clone()).unwrap_or_default();
        Ok(ScaleHandle { app, release_id, id, accepted, hosts })
    }
}

operation!(ScaleApp => ScaleHandle);

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        serde_json::from_str(r#"{"processes":{"web":{},"agent":{"omni":true}}}"#).unwrap()
    }

    fn counts(pairs: &[(&str, i64)]) -> Processes {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn omni_processes_count_once_a_host() {
        let wanted = counts(&[("agent", 2), ("odd", 1), ("web", 2)]);
        assert_eq!(
            expected_jobs(&wanted, &release(), 3),
            counts(&[("agent", 6), ("odd", 1), ("web", 2)])
        );
        assert_eq!(expected_jobs(&counts(&[("web", -1)]), &release(), 3), counts(&[("web", 0)]));
    }

    #[test]
    fn steps_name_what_changes() {
        let (from, to) = (
            counts(&[("agent", 1), ("web", 3), ("idle", 1)]),
            counts(&[("agent", 2), ("web", 1), ("idle", 1)]),
        );
        assert_eq!(steps(&from, &to, &release(), 3), counts(&[("agent", 3), ("web", -2)]));
        // A type that is not named keeps its jobs; one that is new starts from none.
        assert_eq!(steps(&from, &counts(&[("new", 1)]), &release(), 3), counts(&[("new", 1)]));
        assert_eq!(
            steps(&counts(&[]), &counts(&[("agent", i64::MAX)]), &release(), 3),
            counts(&[("agent", i64::MAX)])
        );
    }
}
