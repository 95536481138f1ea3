//! What a change of a release would do.

use std::time::Duration;

use serde_json::Value;

use super::{ChangeRelease, Release, ReleaseDiff};
use crate::error::{Error, ErrorKind};
use crate::transport::{Deadline, operation};

/// What a [`ChangeRelease`] would do; made by [`ChangeRelease::preview`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReleasePreview {
    /// The fields that change.
    pub diff: ReleaseDiff,
    /// The release as it would be created, without an id.
    pub release: Release,
}

/// Shows what a change would do; made by [`ChangeRelease::preview`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct PreviewRelease {
    change: ChangeRelease,
    timeout: Option<Duration>,
}

impl PreviewRelease {
    pub(super) fn new(change: ChangeRelease, timeout: Option<Duration>) -> Self {
        Self { change, timeout }
    }

    async fn run(mut self, deadline: Deadline) -> Result<ReleasePreview, Error> {
        self.change.check()?;
        self.change.name_services(deadline).await?;
        let base = self.change.current(deadline).await?;
        let document = self.change.apply(&base.document)?;
        let diff = ReleaseDiff::between(&base.document, &document);
        let release = serde_json::from_value(Value::Object(document)).map_err(|_| {
            Error::new(ErrorKind::Decode, "the current release has a shape that is not known")
        })?;
        Ok(ReleasePreview { diff, release })
    }
}

operation!(PreviewRelease => ReleasePreview);
