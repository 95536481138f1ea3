//! Documents for other tools, each written in one step.

use std::fs;
use std::path::Path;

use crate::blocking::blocking;
use anyhow::{Context as _, Result};

/// Returns whether a file holds exactly this text.
pub async fn holds(path: &Path, text: &str) -> bool {
    read(path).await.is_ok_and(|written| written == text)
}

/// Reads a text file.
///
/// # Errors
/// Fails if it is missing, cannot be read or is not UTF-8.
pub async fn read(path: &Path) -> Result<String> {
    let path = path.to_owned();
    let what = format!("cannot read {}", path.display());
    blocking(move || fs::read_to_string(path).context(what)).await
}

/// Replaces a file, or creates it.
///
/// # Errors
/// Fails if it cannot be written, for example because the folder is missing; the old file stays.
pub async fn write(path: &Path, text: &str) -> Result<()> {
    let (path, text) = (path.to_owned(), text.to_owned());
    let what = format!("cannot write {}", path.display());
    blocking(move || flynn_config::write_file(path, text).context(what)).await
}
