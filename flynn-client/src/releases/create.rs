//! Creates releases, and finds them again if the answer is lost.

use serde_json::{Value, json};

use super::edit::Base;
use super::{NewRelease, Release, ReleaseDiff, Releases};
use crate::client::Client;
use crate::document::{self, Document};
use crate::error::{Error, Pending};
use crate::ids::{AppRef, ReleaseId};
use crate::transport::{Deadline, Repeat, Request, Spec};

impl Releases {
    /// Creates a release: `POST /releases`. It does not run until it is deployed.
    ///
    /// If the answer is lost, looks for the release in the list of all releases and returns one with the same content.
    /// Since releases are immutable, it is equivalent. Otherwise, [`Error::pending`] is [`Pending::PerhapsRelease`].
    ///
    /// # Errors
    /// Fails with [`Server`](crate::ErrorKind::Server) if the app or an artifact does not exist (500, with `retry:
    /// true` although a retry never succeeds); with [`Validation`](crate::ErrorKind::Validation) for a variable with an
    /// empty name.
    pub fn create(&self, release: NewRelease) -> Request<Release> {
        let client = self.client.clone();
        Request::steps("releases().create(..)", |deadline| async move {
            let Value::Object(document) = json!(release) else {
                return Err(Error::invalid_input("the release is not an object"));
            };
            let created = create(&client, &document, None, deadline).await;
            let app = release.app_id.into();
            created.map(|(release, _)| release).map_err(|error| perhaps_created(error, app))
        })
    }
}

/// Adds that the release may exist, if the answer was lost.
pub(super) fn perhaps_created(error: Error, app: AppRef) -> Error {
    if error.may_have_acted() { error.with_pending(Pending::PerhapsRelease { app }) } else { error }
}

/// Creates a release, and returns whether it is certainly new. If the answer is lost, returns a release with the same
/// content other than `base`.
pub(super) async fn create(
    client: &Client,
    document: &Document,
    base: Option<&ReleaseId>,
    deadline: Deadline,
) -> Result<(Release, bool), Error> {
    let spec = Spec::post("/releases", [], Repeat::Never);
    let error = match document::write(client, spec, document, deadline).await {
        Err(error) if error.may_have_acted() => error,
        answer => return answer.map(|release| (release, true)),
    };
    // Servers of 2016 list a release under its app only once it is deployed.
    let spec = Spec::get("/releases", []);
    let releases = Request::<Vec<Document>>::list(client, spec).within(deadline).await;
    let same = |release: &Document| {
        let Base { id, document: created } = Base::of(release.clone());
        base != Some(&id) && ReleaseDiff::between(document, &created).is_filled_in()
    };
    let found = releases.unwrap_or_default().into_iter().find(same);
    let found = found.and_then(|found| serde_json::from_value(Value::Object(found)).ok());
    found.map(|release| (release, false)).ok_or(error)
}
