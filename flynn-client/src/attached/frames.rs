//! Parses and writes frames of `flynn-attach/0`.
//!
//! Follows the server's source (`host/types`, `pkg/attempt`), and was compared with recorded exchanges.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error::{Error, ErrorKind};
use crate::jobs::{JobOutput, JobStream};

const ERROR: u8 = 2;
const DATA: u8 = 3;
const SIGNAL: u8 = 4;
const EXIT: u8 = 5;
const RESIZE: u8 = 6;

/// The maximum number of bytes of an error's text that are kept.
const MAX_ERROR: usize = 64 << 10;

/// Finds the frames in a stream of bytes. Data is passed on in the pieces in which it arrives, so long frames do not
/// need a large buffer.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    /// The stream, and the missing bytes of its data frame.
    within: Option<(JobStream, usize)>,
}

impl Decoder {
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Returns whether the bytes so far end at a frame boundary.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.buffer.is_empty() && self.within.is_none()
    }

    /// Returns the next output, or `None` if more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<JobOutput>, Error> {
        if let Some((stream, missing)) = self.within {
            if self.buffer.is_empty() {
                return Ok(None);
            }
            let data = self.buffer.split_to(missing.min(self.buffer.len())).freeze();
            self.within = Some((stream, missing - data.len())).filter(|(_, missing)| *missing > 0);
            return Ok(Some(JobOutput::Data { stream, data }));
        }
        let mut head = &self.buffer[..];
        match head.try_get_u8() {
            Err(_) => Ok(None),
            Ok(DATA) => {
                let (Ok(stream), Ok(length)) = (head.try_get_u8(), head.try_get_u32()) else {
                    return Ok(None);
                };
                let stream = stream_of(stream)?;
                self.buffer.advance(6);
                if length == 0 {
                    return Ok(Some(JobOutput::End { stream }));
                }
                self.within = Some((stream, length as usize));
                self.next()
            }
            Ok(EXIT) => {
                let Ok(status) = head.try_get_i32() else { return Ok(None) };
                self.buffer.advance(5);
                Ok(Some(JobOutput::Exit { status }))
            }
            Ok(ERROR) => {
                let Ok(length) = head.try_get_u32() else { return Ok(None) };
                let length = (length as usize).min(MAX_ERROR);
                if head.remaining() < length {
                    return Ok(None);
                }
                self.buffer.advance(5);
                let text = self.buffer.split_to(length);
                Err(Error::new(ErrorKind::Failed, String::from_utf8_lossy(&text)))
            }
            Ok(kind) => Err(Error::new(
                ErrorKind::Decode,
                format!("an attach frame of unknown type {kind}"),
            )),
        }
    }
}

fn stream_of(number: u8) -> Result<JobStream, Error> {
    match number {
        1 => Ok(JobStream::Stdout),
        2 => Ok(JobStream::Stderr),
        3 => Ok(JobStream::InitLog),
        other => {
            Err(Error::new(ErrorKind::Decode, format!("an attach frame of unknown stream {other}")))
        }
    }
}

/// Returns the head of a data frame of standard input; a length of 0 ends the input.
pub(crate) fn stdin_head(length: u32) -> Bytes {
    let mut frame = BytesMut::with_capacity(6);
    frame.put_slice(&[DATA, 0]);
    frame.put_u32(length);
    frame.freeze()
}

pub(crate) fn signal(number: u32) -> Bytes {
    let mut frame = BytesMut::with_capacity(5);
    frame.put_u8(SIGNAL);
    frame.put_u32(number);
    frame.freeze()
}

pub(crate) fn resize(lines: u16, columns: u16) -> Bytes {
    let mut frame = BytesMut::with_capacity(5);
    frame.put_u8(RESIZE);
    frame.put_u16(lines);
    frame.put_u16(columns);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes the pieces: the data of each stream, the other output, and the error or whether a frame is incomplete.
    fn decode<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> ([Vec<u8>; 3], Vec<JobOutput>, Result<bool, String>) {
        let mut decoder = Decoder::default();
        let (mut data, mut rest) = (<[Vec<u8>; 3]>::default(), Vec::new());
        for piece in pieces {
            decoder.buffer().extend_from_slice(piece);
            loop {
                match decoder.next() {
                    Ok(Some(JobOutput::Data { stream, data: piece })) => {
                        data[stream as usize].extend_from_slice(&piece);
                    }
                    Ok(Some(output)) => rest.push(output),
                    Ok(None) => break,
                    Err(error) => return (data, rest, Err(error.to_string())),
                }
            }
        }
        (data, rest, Ok(!decoder.is_between_frames()))
    }

    const HELLO: &[u8] = b"\x03\x01\0\0\0\x06hello\n\x03\x01\0\0\0\0\x03\x02\0\0\0\0\x05\0\0\0\x03";

    #[test]
    fn the_order_of_a_real_job() {
        let (data, rest, end) = decode([HELLO]);
        assert_eq!(data, [b"hello\n".to_vec(), vec![], vec![]]);
        assert_eq!(
            rest,
            [
                JobOutput::End { stream: JobStream::Stdout },
                JobOutput::End { stream: JobStream::Stderr },
                JobOutput::Exit { status: 3 }
            ]
        );
        assert_eq!(end, Ok(false));
    }

    #[test]
    fn errors_and_nonsense() {
        let mut decoder = Decoder::default();
        decoder.buffer().extend_from_slice(b"\x02\0\0\0\x04oops");
        let error = decoder.next().unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Failed, "oops"));
        for bytes in [&b"\x07"[..], b"\x03\x09\0\0\0\0"] {
            let mut decoder = Decoder::default();
            decoder.buffer().extend_from_slice(bytes);
            assert_eq!(decoder.next().unwrap_err().kind(), ErrorKind::Decode);
        }
    }

    #[test]
    fn frames_to_the_job() {
        assert_eq!(&stdin_head(258)[..], b"\x03\0\0\0\x01\x02");
        assert_eq!(&signal(15)[..], b"\x04\0\0\0\x0f");
        assert_eq!(&resize(24, 80)[..], b"\x06\0\x18\0\x50");
    }

    /// Frames, sometimes with another length than their data has.
    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let frame = (0..8_u8, 0..5_u8, 0..6_u32, proptest::collection::vec(any::<u8>(), 0..6));
        let frame = frame.prop_map(|(kind, stream, length, data)| match kind {
            0 => data,
            ERROR => [&[ERROR], &length.to_be_bytes()[..], &data].concat(),
            SIGNAL | EXIT => [&[EXIT], &length.to_be_bytes()[..]].concat(),
            1 => [&[DATA, stream], &length.to_be_bytes()[..], &data].concat(),
            _ => [
                &[DATA, 1 + stream % 3],
                &u32::try_from(data.len()).unwrap().to_be_bytes()[..],
                &data,
            ]
            .concat(),
        });
        proptest::collection::vec(frame, 0..8).prop_map(|frames| frames.concat())
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(bytes in frames(), size in 1..9_usize) {
            prop_assert_eq!(decode(bytes.chunks(size)), decode([&bytes[..]]));
        }
    }
}
