//! Who may read and write a file.

use std::fs::{File, Metadata};
use std::io;

/// The permissions of a file; none where it does not exist yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mode(Option<u32>);

impl Mode {
    /// Those of a new file that everybody may read.
    pub(crate) const PUBLIC: Self = Self(Some(0o644));

    pub(crate) fn is_readable_by_others(self) -> bool {
        self.0.is_some_and(|mode| mode & 0o044 != 0)
    }

    /// Gives the permissions to the file that replaces theirs; a new file gets 0600.
    #[cfg(unix)]
    pub(super) fn set_on(self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(self.0.unwrap_or(0o600)))
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(super) fn set_on(self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
pub(super) fn of(metadata: &Metadata) -> Mode {
    use std::os::unix::fs::PermissionsExt as _;
    Mode(Some(metadata.permissions().mode() & 0o7777))
}

#[cfg(not(unix))]
pub(super) fn of(_: &Metadata) -> Mode {
    Mode::default()
}
