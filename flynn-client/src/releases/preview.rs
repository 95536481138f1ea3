//! The preview of a change of a release, and its result.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ChangeRelease, Release, ReleaseDiff};
use crate::deployments::Deployment;
use crate::error::{Error, ErrorKind};
use crate::transport::Request;

/// The preview of a [`ChangeRelease`]; see [`ChangeRelease::preview`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReleasePreview {
    /// The fields that change.
    pub diff: ReleaseDiff,
    /// The release that would be created, without an id.
    pub release: Release,
}

/// Reads the current release and changes it as `change` says, without creating it.
pub(super) fn preview(mut change: ChangeRelease) -> Request<ReleasePreview> {
    let limits = change.limits;
    let preview = Request::steps("change_release().preview()", |deadline| async move {
        change.check()?;
        change.name_services(deadline).await?;
        let base = change.current(deadline).await?;
        let document = change.apply(&base.document)?;
        let diff = ReleaseDiff::between(&base.document, &document);
        let release = serde_json::from_value(Value::Object(document)).map_err(|_| {
            Error::new(ErrorKind::Decode, "the current release has an unknown shape")
        })?;
        Ok(ReleasePreview { diff, release })
    });
    preview.limited(limits)
}

/// The result of a [`ChangeRelease`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReleaseChange {
    /// The new release; `None` if nothing had to change.
    pub release: Option<Release>,
    /// The finished deployment; `None` if nothing was deployed.
    pub deployment: Option<Deployment>,
    /// The fields that changed.
    pub diff: ReleaseDiff,
}

/// Names the release that runs now.
impl fmt::Display for ReleaseChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.release, &self.deployment) {
            (None, _) => f.write_str("nothing had to change"),
            (Some(release), None) => {
                write!(f, "release {} was created but not deployed", release.id)
            }
            (Some(release), Some(_)) => write!(f, "release {} runs", release.id),
        }
    }
}

impl ReleaseChange {
    /// Returns whether anything had to change.
    pub fn changed(&self) -> bool {
        self.release.is_some()
    }
}
