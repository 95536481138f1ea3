//! Merges the changes of two concurrent writers.

use super::change::Draft;
use super::edit::Base;
use super::{ChangeRelease, ReleaseDiff};
use crate::document::{self, Document};
use crate::error::{Error, ErrorKind};
use crate::ids::ReleaseId;
use crate::release_diff::rebase;
use crate::transport::{Deadline, Spec};

/// The maximum number of merges with releases of other writers.
const MERGES: u32 = 3;
/// The maximum number of merges for a caller that waits for other writers.
const PATIENT_MERGES: u32 = 100;

impl ChangeRelease {
    /// Applies the change to the release of another writer that this change has replaced.
    pub(super) async fn merge(
        &self,
        ours: &Draft,
        replaced: ReleaseId,
        merges: u32,
        deadline: Deadline,
    ) -> Result<Document, Error> {
        let spec = Spec::get("/releases/{release}", [replaced.as_str()]);
        let theirs = document::read(&self.app.client, spec, deadline).await?;
        let theirs = Base::of(theirs.unwrap_or_default()).document;
        let their_diff = ReleaseDiff::between(&ours.base.document, &theirs);
        // After an earlier merge, the document also has changes of other writers, which newer ones may replace.
        let conflict = ReleaseDiff::between(&ours.document, &theirs)
            .fields()
            .iter()
            .any(|field| ours.diff.touches(&field.path) && their_diff.touches(&field.path));
        let most = if self.after_running { PATIENT_MERGES } else { MERGES };
        if conflict || merges > most {
            let message = format!(
                "another writer deployed release {replaced} at the same time; this change has replaced it"
            );
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_conflicting_changes(ours.diff.clone(), their_diff));
        }
        self.apply(&rebase(&ours.base.document, &ours.document, &theirs))
    }
}
