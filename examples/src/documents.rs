//! Documents for other tools, written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::blocking::blocking;
use crate::failure::{Context, Failure, Result};

/// Whether a file holds exactly this text.
pub async fn holds(path: &Path, text: &str) -> bool {
    read(path).await.is_ok_and(|written| written == text)
}

/// What a file holds.
///
/// # Errors
/// When it is missing, cannot be read, or is no text.
pub async fn read(path: &Path) -> Result<String> {
    let path = path.to_owned();
    let what = format!("cannot read {}", path.display());
    blocking(move || fs::read_to_string(path).context(what)).await
}

/// Replaces a file, or makes it.
///
/// # Errors
/// When the folder is missing or cannot be written to; the old file stays.
pub async fn write(path: &Path, text: &str) -> Result<()> {
    let (path, text) = (path.to_owned(), text.to_owned());
    blocking(move || replace(&path, &text)).await
}

fn replace(path: &Path, text: &str) -> Result<()> {
    let what = format!("cannot write {}", path.display());
    let folder = path.parent().ok_or_else(|| Failure::new(&what))?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut file = NamedTempFile::new_in(folder).context(&what)?;
    file.write_all(text.as_bytes()).context(&what)?;
    file.as_file().sync_all().context(&what)?;
    file.persist(path).context(&what)?;
    Ok(())
}
