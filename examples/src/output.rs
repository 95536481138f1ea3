//! Standard output of programs whose output others read.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Writes a line. A reader that has seen enough (`| head -1`) is no failure, where `println!` panics.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub fn line(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e),
        _ => Ok(()),
    }
}
