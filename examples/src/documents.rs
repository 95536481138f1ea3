//! Documents for other tools, written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::{Context, Failure, Result};

/// Whether a file holds exactly this text.
pub fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())
}

/// Replaces a file, or makes it.
///
/// # Errors
/// When the folder is missing or cannot be written to; the old file stays.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let what = format!("cannot write {}", path.display());
    let folder = path.parent().ok_or_else(|| Failure::new(&what))?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut file = NamedTempFile::new_in(folder).context(&what)?;
    file.write_all(text.as_bytes()).context(&what)?;
    file.as_file().sync_all().context(&what)?;
    file.persist(path).context(&what)?;
    Ok(())
}
