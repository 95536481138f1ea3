//! A preview of a change of a release.

use serde_json::Value;

use super::{ChangeRelease, Release, ReleaseDiff};
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
    let timeout = change.timeout;
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
    match timeout {
        Some(timeout) => preview.timeout(timeout),
        None => preview,
    }
}
