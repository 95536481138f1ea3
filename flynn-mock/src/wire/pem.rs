//! Parses PEM as Go's `encoding/pem` does.
//!
//! It does not use flynn-tls's parser, because a bug there would then pass on both sides.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// A block with its type, such as `CERTIFICATE`.
pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
}

const START: &[u8] = b"\n-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// Ignores bits after the last byte, as Go does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Returns all blocks of a text, in order. Other text is skipped.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((block, after)) = next(rest) {
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Returns the next block, and the text after it.
fn next(mut rest: &[u8]) -> Option<(Block, &[u8])> {
    loop {
        // Only at the very start, no line break is needed before it.
        rest = match rest.strip_prefix(without_newline(START)) {
            Some(after) => after,
            None => after(rest, START)?,
        };
        let (line, body) = line(rest);
        rest = body;
        let Some(kind) = line.strip_suffix(DASHES) else { continue };
        let mut has_headers = false;
        loop {
            if rest.is_empty() {
                return None;
            }
            let (header, after) = self::line(rest);
            if !header.contains(&b':') {
                break;
            }
            has_headers = true;
            rest = after;
        }
        let Some((base64, trailer)) = split_at_end(rest, has_headers) else { continue };
        let Some(after) = trailer.strip_prefix(kind).and_then(|t| t.strip_prefix(DASHES)) else {
            continue;
        };
        if !self::line(after).0.is_empty() {
            continue;
        }
        let is_digit = |b: &u8| !matches!(b, b' ' | b'\t' | b'\r' | b'\n');
        let digits: Vec<u8> = base64.iter().copied().filter(is_digit).collect();
        let Ok(bytes) = BASE64.decode(digits) else { continue };
        let kind = String::from_utf8_lossy(kind).into_owned();
        return Some((Block { kind, bytes }, self::line(after).1));
    }
}

/// Returns the text before the `END`, and the text after it. Without headers, the block may be empty.
fn split_at_end(rest: &[u8], has_headers: bool) -> Option<(&[u8], &[u8])> {
    if !has_headers && let Some(trailer) = rest.strip_prefix(without_newline(END)) {
        return Some((&[], trailer));
    }
    let trailer = after(rest, END)?;
    let length = rest.len() - trailer.len() - END.len();
    Some((rest.get(..length)?, trailer))
}

fn without_newline(mark: &'static [u8]) -> &'static [u8] {
    mark.strip_prefix(b"\n").unwrap_or(mark)
}

/// Returns the text after the first occurrence of a mark.
fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    text.get(at + mark.len()..)
}

/// Returns the first line without its line end and trailing blanks, and the remaining lines. A `\r` belongs to the line
/// end only before a `\n`.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = text.splitn(2, |b| *b == b'\n');
    let line = halves.next().unwrap_or_default();
    let (line, rest) = match halves.next() {
        Some(rest) => (line.strip_suffix(b"\r").unwrap_or(line), rest),
        None => (line, <&[u8]>::default()),
    };
    let blanks = line.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
    (line.get(..line.len() - blanks).unwrap_or(line), rest)
}
