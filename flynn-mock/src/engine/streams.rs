//! Open streams as cursors: the server pulls frames after each change.

use bytes::Bytes;
use jiff::Timestamp;

/// A place in a stream. Made by [`super::Engine::handle`], moved by
/// [`super::Engine::next_frames`].
#[derive(Debug)]
pub struct Cursor {
    pub(crate) kind: Kind,
}

/// What a cursor runs over.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing to say, ever.
    Silent,
}

/// What a stream has to send now.
#[derive(Debug, Default)]
pub struct Frames {
    /// Bytes to write; empty when there is nothing.
    pub bytes: Bytes,
    /// The stream ends after these bytes.
    pub end: bool,
    /// Poll again at this time even when nothing changes (keep-alives, log lines).
    pub wake: Option<Timestamp>,
}
