//! Blocking work from async code.

use anyhow::{Context as _, Result};

/// Runs work that blocks, such as an edit that waits for a lock.
///
/// # Errors
/// Returns the error of the work.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work with files was cancelled")?
}
