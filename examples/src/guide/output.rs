//! Standard output, standard error and exit status of a program.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Result;

use crate::text::one_line;

/// Standard output could not be written, so the reader may have missed something.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct OutputLost(#[from] io::Error);

/// Writes a line to standard output. Unlike `println!`, it does not panic.
///
/// # Errors
/// Returns [`OutputLost`] if it cannot be written, for example because the disk is full or the reader is gone.
pub fn line(text: impl Display) -> Result<()> {
    write(format!("{text}\n").as_bytes())
}

/// Writes bytes to standard output at once.
///
/// # Errors
/// Returns [`OutputLost`] if they cannot be written.
pub fn write(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(OutputLost)?;
    Ok(())
}

/// Writes a line to standard error. Unlike `eprintln!`, it does not panic.
pub fn complain(program: &str, text: impl Display) {
    // There is nowhere left to report a failure. The exit status says that something is wrong.
    let _ = writeln!(io::stderr(), "{program}: {text}");
}

/// Returns the exit status of a program. A failure prints one line on standard error and returns status 1.
pub fn exit(program: &str, done: Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        // A reader that has closed the pipe (`| head -1`) needs no message. The status still says that output was lost.
        let lost = error.downcast_ref::<OutputLost>();
        if lost.is_none_or(|OutputLost(io)| io.kind() != ErrorKind::BrokenPipe) {
            complain(program, one_line(error.as_ref()));
        }
        ExitCode::FAILURE
    })
}
