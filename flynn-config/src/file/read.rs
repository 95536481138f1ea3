//! Reading files of bounded size.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use super::target::{Mode, mode_of};
use crate::{Error, ErrorKind};

/// The maximum size of a file that this crate reads or writes: 1 MiB. Configuration files
/// have a few kilobytes, so a larger file is a mistake or endless.
pub const MAX_FILE_SIZE: usize = 1 << 20;

/// Reads a whole regular file. The null device is an empty file: people set
/// `GIT_CONFIG_GLOBAL=/dev/null` to have no configuration.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, Mode), Error> {
    let failed = |e| Error::io("read", path, e);
    // Opening a device can have an effect.
    check(path, &fs::metadata(path).map_err(failed)?)?;
    let file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check(path, &metadata)?;
    Ok((read_all(file, path)?, mode_of(&metadata)))
}

/// Reads a whole regular file, or standard input for `-`.
pub(crate) fn read_or_stdin(path: &Path) -> Result<(Vec<u8>, Mode), Error> {
    if path == "-" {
        return Ok((read_all(io::stdin().lock(), path)?, Mode::default()));
    }
    read(path)
}

/// Reads to the end, up to [`MAX_FILE_SIZE`].
pub(super) fn read_all(input: impl Read, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    input
        .take(MAX_FILE_SIZE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("read", path, e))?;
    if bytes.len() > MAX_FILE_SIZE {
        let message = "it is larger than 1 MiB; check the path";
        return Err(Error::file(ErrorKind::Invalid, "read", path, message));
    }
    Ok(bytes)
}

/// Refuses everything except a regular file and the null device.
pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_file() || is_null_device(metadata) {
        return Ok(());
    }
    let message = format!("it is {}, not a regular file", name_of(metadata.file_type()));
    Err(Error::file(ErrorKind::Invalid, "read", path, message))
}

/// Opens a file for reading. Does not block if it has become a pipe since it was checked.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    flags(&mut options, rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY);
    options.open(path)
}

#[cfg(unix)]
pub(super) fn flags(options: &mut OpenOptions, flags: rustix::fs::OFlags) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(flags.bits().cast_signed());
}

/// Returns the kind of a file, with an article.
#[cfg(unix)]
pub(super) fn name_of(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
pub(super) fn name_of(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        _ => "a device",
    }
}

#[cfg(unix)]
fn is_null_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    metadata.file_type().is_char_device()
        && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}

#[cfg(not(unix))]
fn is_null_device(_: &Metadata) -> bool {
    false
}
