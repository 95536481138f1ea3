//! Attached jobs: sends the recorded input at the recorded times, and compares the output.

use std::time::Duration;

use anyhow::Result;
use jiff::SignedDuration;

use super::compare::Differences;
use super::recording::{Exchange, Side};
use super::wire::Connection;

/// The real time that an attached job may take for output that it sends at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Plays the client of an attached job. `advance` moves the mock's clock to a time after the start of the exchange.
pub(crate) fn play(
    exchange: &Exchange,
    connection: &mut Connection,
    mut advance: impl FnMut(SignedDuration) -> Result<()>,
) -> Result<()> {
    let mut expected = 0;
    for sent in &exchange.attach {
        // Earlier output must have arrived before time passes.
        connection.wait(PATIENCE, |reply| reply.body.len() >= expected)?;
        advance(SignedDuration::from_millis(sent.ms))?;
        match sent.dir {
            Side::Request => connection.write(&sent.bytes)?,
            Side::Response => expected += sent.bytes.len(),
        }
    }
    advance(SignedDuration::from_millis(exchange.duration_ms))?;
    let ends = recorded(exchange).last().is_some_and(|frame| frame.kind == EXIT);
    connection.wait(PATIENCE, |reply| !ends && reply.body.len() >= expected)?;
    Ok(())
}

/// Compares the received frames with the recorded ones.
pub(crate) fn compare(exchange: &Exchange, got: &[u8]) -> Differences {
    let (wanted, got) = (recorded(exchange), frames(got));
    if wanted == got { vec![] } else { vec![format!("attached: {wanted:?}, mock {got:?}")] }
}

fn recorded(exchange: &Exchange) -> Vec<Frame> {
    let output = exchange.attach.iter().filter(|sent| sent.dir == Side::Response);
    frames(&output.flat_map(|sent| sent.bytes.clone()).collect::<Vec<u8>>())
}

const ERROR: u8 = 2;
const DATA: u8 = 3;
const EXIT: u8 = 5;

/// A frame that a host sends.
#[derive(Debug, PartialEq)]
struct Frame {
    kind: u8,
    /// The stream of data: 1 or 2.
    stream: u8,
    content: String,
}

/// Splits the bytes into frames. A host cuts output at random, so that output of one stream is joined.
fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    while let Some(&kind) = bytes.first() {
        let frame = frame(kind, bytes);
        // Bytes that are not a frame are compared as they are.
        let (stream, content, rest) = frame.unwrap_or((0, bytes, &[]));
        bytes = rest;
        let content = content.escape_ascii().to_string();
        match frames.last_mut() {
            Some(last) if (kind, stream) == (DATA, last.stream) && last.kind == DATA => {
                last.content += &content;
            }
            _ => frames.push(Frame { kind, stream, content }),
        }
    }
    frames
}

/// Returns the stream and the content of the first frame, and the bytes after it.
fn frame(kind: u8, bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let length = |at: usize| -> Option<usize> {
        let number = bytes.get(at..at + 4)?.try_into().ok()?;
        u32::from_be_bytes(number).try_into().ok()
    };
    let (stream, start, length) = match kind {
        ERROR => (0, 5, length(1)?),
        DATA => (*bytes.get(1)?, 6, length(2)?),
        EXIT => (0, 1, 4),
        _ => return None,
    };
    let (content, rest) = bytes.get(start..)?.split_at_checked(length)?;
    Some((stream, content, rest))
}
