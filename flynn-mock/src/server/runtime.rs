//! The one background thread that serves every mock of the process.
//!
//! A test that blocks (for example because it runs `git` or its own program) must not starve its mock, so mocks never
//! run on the test's own runtime.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle};

static RUNTIME: OnceLock<Handle> = OnceLock::new();

/// Returns the runtime of all mocks; the first call starts its thread.
pub(crate) fn handle() -> io::Result<Handle> {
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle.clone());
    }
    // Two first calls may race. The loser's thread ends when its sender is dropped.
    let (handle, stop) = start()?;
    match RUNTIME.set(handle) {
        Ok(()) => std::mem::forget(stop),
        Err(_) => drop(stop),
    }
    RUNTIME.get().cloned().ok_or_else(|| io::Error::other("the mocks' runtime did not start"))
}

fn start() -> io::Result<(Handle, tokio::sync::oneshot::Sender<()>)> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (started, handle) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("flynn-mock".to_owned()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                // The receiver waits for this message.
                let _ = started.send(Ok(runtime.handle().clone()));
                let _ = runtime.block_on(stopped);
            }
            Err(e) => {
                let _ = started.send(Err(e));
            }
        }
    })?;
    let handle = handle.recv().map_err(io::Error::other)??;
    Ok((handle, stop))
}
