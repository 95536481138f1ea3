//! Reading and writing any small file the way this crate does it for its own.

use std::path::Path;

use crate::Error;
use crate::save::{self, Mode};

/// The size in bytes of the largest file that this crate reads: 1 MiB.
pub const MAX_FILE_SIZE: usize = save::MAX_SIZE;

/// Reads a whole file, or standard input for `-`.
///
/// The path must name a regular file of at most [`MAX_FILE_SIZE`] bytes. A pipe, a device or an
/// endless file is an error, so a path from a stranger neither blocks nor fills the memory.
/// `/dev/null` reads as an empty file.
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound); [`Invalid`](crate::ErrorKind::Invalid) for anything
/// but a regular file and for one that is too large; [`Io`](crate::ErrorKind::Io).
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    save::read_or_stdin(path.as_ref()).map(|(bytes, _)| bytes)
}

/// Writes a whole file in one step: a crash at any point leaves the old file or the new one.
///
/// For documents that belong to a cluster, such as a plan or a policy. Everybody may read a new
/// file (mode 0644); one that is there keeps its mode. Symbolic links are followed and stay.
/// Temporary files that killed writers of this file left (`NAME.flynn-config-XXXXXX.tmp`) are
/// removed.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a folder, device or pipe;
/// [`NotFound`](crate::ErrorKind::NotFound) if the folder does not exist;
/// [`ReadOnly`](crate::ErrorKind::ReadOnly) for a file or folder that you may not write;
/// [`Io`](crate::ErrorKind::Io) for a full disk and the like, which leave the old file unchanged.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("plan.json");
/// use flynn_config::{read_file, write_file};
///
/// write_file(&path, "{}\n")?;
/// assert_eq!(read_file(&path)?, b"{}\n");
/// # Ok::<(), flynn_config::Error>(())
/// ```
pub fn write_file(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    save::write(path.as_ref(), bytes.as_ref(), Mode::PUBLIC)
}
