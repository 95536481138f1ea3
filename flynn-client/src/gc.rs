//! Garbage collection of an app's releases.

use crate::apps::AppHandle;
use crate::transport::{Repeat, Request, Spec};

impl AppHandle {
    /// Schedules the removal of old git releases beyond the app's
    /// `gc.max_inactive_slug_releases`: `POST /apps/:a/gc`. The answer comes at once; the event
    /// `app_garbage_collection` of the app says what was removed. The meta pair set to `false` turns it
    /// off.
    ///
    /// Never recorded from a real controller; written from the server's source.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// flynn.app("dashboard").gc().await?;
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Not found, when there is no such app.
    pub fn gc(&self) -> Request<()> {
        // Two collections in a row remove what one does.
        let spec = Spec::post("/apps/{app}/gc", [self.app.as_str()], Repeat::Safe);
        Request::unit(&self.client, spec)
    }
}
