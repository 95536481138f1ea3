//! Attached jobs: sends what the recorded client sent, and compares what comes back.

use std::time::Duration;

use jiff::SignedDuration;

use super::Result;
use super::compare::Differences;
use super::recording::{Exchange, Sent, Side};
use super::wire::Connection;

/// The real time that an attached job may take for output that it sends at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// The real time that it may take for a part of that output. If a part is late, the comparison at the end shows it.
const GLANCE: Duration = Duration::from_millis(300);

/// Plays the client of an attached job. `advance` moves the mock's clock to this time after the start of the exchange.
/// Returns the bytes that came back.
///
/// # Errors
/// Fails if the connection breaks, but not if it is closed.
pub fn play(
    exchange: &Exchange,
    connection: &mut Connection,
    mut advance: impl FnMut(SignedDuration) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut expected = 0;
    for sent in &exchange.attach {
        advance(SignedDuration::from_millis(sent.ms))?;
        match sent.dir {
            Side::Request => {
                // The earlier output of the job must have arrived.
                connection.wait_upgraded(PATIENCE, |bytes| bytes.len() >= expected)?;
                connection.write(&sent.bytes())?;
            }
            Side::Response => {
                expected += sent.bytes().len();
                connection.wait_upgraded(GLANCE, |bytes| bytes.len() >= expected)?;
            }
        }
    }
    advance(SignedDuration::from_millis(exchange.duration_ms))?;
    let ends = recorded(exchange).last().is_some_and(|frame| matches!(frame, Frame::Exit(_)));
    connection.wait_upgraded(PATIENCE, |bytes| !ends && bytes.len() >= expected)?;
    Ok(connection.upgraded().to_vec())
}

/// Compares the received frames, in order, with the recorded ones. The real server cuts output into frames at random,
/// so the output of each stream is compared as a whole.
pub fn compare(exchange: &Exchange, got: &[u8]) -> Differences {
    let (wanted, got) = (recorded(exchange), frames(got));
    if wanted == got {
        return Differences::new();
    }
    vec![format!("attached: {wanted:?}, mock {got:?}")]
}

fn recorded(exchange: &Exchange) -> Vec<Frame> {
    let responses = exchange.attach.iter().filter(|sent| sent.dir == Side::Response);
    let bytes: Vec<u8> = responses.flat_map(Sent::bytes).collect();
    frames(&bytes)
}

/// The data that a host sends.
#[derive(Debug, PartialEq)]
enum Frame {
    /// Output of one stream.
    Data(u8, String),
    /// The exit status.
    Exit(u32),
    /// An error.
    Error(String),
    /// Bytes that are no frame.
    Other(Vec<u8>),
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let Some((frame, rest)) = frame(bytes) else {
            frames.push(Frame::Other(bytes.to_vec()));
            break;
        };
        bytes = rest;
        match (frames.last_mut(), frame) {
            // The end of a stream, which only old stand-in hosts send.
            (_, Frame::Data(_, text)) if text.is_empty() => {}
            (Some(Frame::Data(last, before)), Frame::Data(stream, text)) if *last == stream => {
                before.push_str(&text);
            }
            (_, frame) => frames.push(frame),
        }
    }
    frames
}

fn frame(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?));
    let text = |bytes: &[u8]| {
        let length = usize::try_from(number(bytes)?).ok()?;
        let (text, rest) = bytes.get(4..)?.split_at_checked(length)?;
        Some((String::from_utf8_lossy(text).into_owned(), rest.len()))
    };
    match kind {
        2 => {
            let (text, left) = text(rest)?;
            Some((Frame::Error(text), rest.get(rest.len() - left..)?))
        }
        3 => {
            let (&stream, rest) = rest.split_first()?;
            let (text, left) = text(rest)?;
            Some((Frame::Data(stream, text), rest.get(rest.len() - left..)?))
        }
        5 => Some((Frame::Exit(number(rest)?), rest.get(4..)?)),
        _ => None,
    }
}
