//! Files from async code.

use anyhow::{Context as _, Result};

/// Works with files where that may block: an edit waits for locks and for the disk.
///
/// # Errors
/// Those of the work.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work with files was broken off")?
}
