//! An incremental parser of server-sent events.
//!
//! It takes linear time for any division of its input; lines and events have limits.

use std::ops::Range;

use memchr::memchr2;

use crate::error::{Error, ErrorKind};

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    data: Data,
}

/// The meaning of an event, by its `event:` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An item of the stream: `message`, or no name, as in nearly all frames of a controller.
    Item,
    /// The server's reason for ending the stream.
    Error,
    /// Anything else, such as the `ping` of a proxy.
    Foreign,
}

/// Where the data of a message is, until the parser is used again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    /// Its only `data:` line, in the buffer: nearly all messages of a controller have one.
    Line(Range<usize>),
    /// Its `data:` lines, joined with line feeds.
    Joined,
}

/// Finds the events in a stream of bytes.
#[derive(Debug)]
pub(crate) struct Parser {
    /// Bytes that are not yet parsed, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    /// The buffer has no line end before this position.
    scanned: usize,
    /// True if a carriage return ended the last line; a line feed directly after it belongs to it.
    after_cr: bool,
    at_beginning: bool,
    kind: Kind,
    /// The data so far.
    data: Option<Data>,
    joined: Vec<u8>,
    limit: usize,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Parser {
    /// Creates a parser. `limit` applies to one line and to the data of one event.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            after_cr: false,
            at_beginning: true,
            kind: Kind::Item,
            data: None,
            joined: Vec::new(),
            limit,
        }
    }

    /// Appends the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.join();
            self.buffer.clear();
            (self.start, self.scanned) = (0, 0);
        } else if self.start > self.buffer.len() / 2 {
            self.join();
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the data of the last message: its `data:` lines, joined with line feeds.
    pub(crate) fn data(&self, message: &Message) -> &[u8] {
        match &message.data {
            Data::Line(line) => self.buffer.get(line.clone()).unwrap_or_default(),
            Data::Joined => &self.joined,
        }
    }

    /// Returns the next complete event, or `None` if more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Message>, Error> {
        while let Some((from, to)) = self.line()? {
            if from == to {
                if let Some(message) = self.dispatch() {
                    return Ok(Some(message));
                }
                continue;
            }
            self.field(from, to)?;
        }
        Ok(None)
    }

    /// Returns the rest after the end of the stream: an `error` event may lack its blank line.
    pub(crate) fn finish(&mut self) -> Option<Message> {
        let (from, to) = (self.start, self.buffer.len());
        self.start = to;
        if from < to {
            self.field(from, to).ok()?;
        }
        self.dispatch().filter(|message| message.kind == Kind::Error)
    }

    /// Returns the bounds of the next line without its line end.
    fn line(&mut self) -> Result<Option<(usize, usize)>, Error> {
        if self.after_cr && self.start < self.buffer.len() {
            self.after_cr = false;
            if self.buffer.get(self.start) == Some(&b'\n') {
                self.start += 1;
                self.scanned = self.scanned.max(self.start);
            }
        }
        if self.at_beginning {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if rest.len() < BOM.len() && BOM.starts_with(rest) {
                return Ok(None);
            }
            self.at_beginning = false;
            if rest.starts_with(BOM) {
                self.start += BOM.len();
                self.scanned = self.start;
            }
        }
        let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(end) = memchr2(b'\n', b'\r', unseen).map(|offset| self.scanned + offset) else {
            self.scanned = self.buffer.len();
            return self.bounded(self.buffer.len() - self.start).map(|()| None);
        };
        let from = self.start;
        self.bounded(end - from)?;
        self.after_cr = self.buffer.get(end) == Some(&b'\r');
        self.start = end + 1;
        self.scanned = self.start;
        Ok(Some((from, end)))
    }

    fn bounded(&self, length: usize) -> Result<(), Error> {
        if length > self.limit {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("an event has more than {} bytes", self.limit),
            ));
        }
        Ok(())
    }

    fn field(&mut self, from: usize, to: usize) -> Result<(), Error> {
        let line = self.buffer.get(from..to).unwrap_or_default();
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let value = line.get(colon + 1..).unwrap_or_default();
                (line.get(..colon).unwrap_or_default(), value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"data" => {
                let value = to - value.len()..to;
                if self.data.is_none() {
                    self.data = Some(Data::Line(value));
                    return Ok(());
                }
                self.join();
                self.bounded(self.joined.len() + value.len())?;
                self.joined.push(b'\n');
                self.joined.extend_from_slice(self.buffer.get(value).unwrap_or_default());
            }
            b"event" => {
                self.kind = match value {
                    b"" | b"message" => Kind::Item,
                    b"error" => Kind::Error,
                    _ => Kind::Foreign,
                };
            }
            // Comments (an empty name), ids, which a controller never sends, and unknown fields.
            _ => {}
        }
        Ok(())
    }

    /// Moves the data out of the buffer.
    fn join(&mut self) {
        if let Some(Data::Line(line)) = &self.data {
            self.joined.clear();
            self.joined.extend_from_slice(self.buffer.get(line.clone()).unwrap_or_default());
            self.data = Some(Data::Joined);
        }
    }

    fn dispatch(&mut self) -> Option<Message> {
        let kind = std::mem::replace(&mut self.kind, Kind::Item);
        Some(Message { kind, data: self.data.take()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<(Kind, String)> {
        let mut parser = Parser::new(1 << 20);
        let mut found = Vec::new();
        let mut take = |parser: &Parser, message: Message| {
            let data = String::from_utf8(parser.data(&message).to_vec()).unwrap();
            found.push((message.kind, data));
        };
        for piece in pieces {
            parser.push(piece);
            while let Some(message) = parser.next().unwrap() {
                take(&parser, message);
            }
        }
        if let Some(message) = parser.finish() {
            take(&parser, message);
        }
        found
    }

    fn data(texts: &[&str]) -> Vec<(Kind, String)> {
        texts.iter().map(|text| (Kind::Item, (*text).to_owned())).collect()
    }

    #[test]
    fn frames_of_a_controller() {
        // A keep-alive is a bare colon line without a blank line after it.
        assert_eq!(
            parse(&[b"data: {\"id\":1}\n\n:\ndata: {\"id\":2}\n\n"]),
            data(&["{\"id\":1}", "{\"id\":2}"])
        );
        assert_eq!(
            parse(&[b"event: error\ndata: controller: shutting down\n"]),
            [(Kind::Error, "controller: shutting down".to_owned())]
        );
    }

    #[test]
    fn the_letter_of_the_standard() {
        assert_eq!(
            parse(&[b"\xef\xbb\xbfdata:a\r\ndata: b\r\rdata:  c\n\n"]),
            data(&["a\nb", " c"])
        );
        assert_eq!(parse(&[b"data\n\ndata\ndata\n\ndata:unfinished"]), data(&["", "\n"]));
        assert_eq!(parse(&[b"event: x\n\nid: 7\nretry: 1\ndata: y\n\n"]), data(&["y"]));
    }

    #[test]
    fn events_are_bounded() {
        for text in ["data: 0123456789\n\n", "data: 0123456789", "data: 01234\ndata: 56789\n\n"] {
            let mut parser = Parser::new(8);
            parser.push(text.as_bytes());
            assert_eq!(parser.next().unwrap_err().kind(), ErrorKind::TooLarge, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(text in "(data|event|id|:|)[: a\r\n\u{feff}]{0,30}", cuts in prop::collection::vec(0_usize..30, 0..6)) {
            let whole = parse(&[text.as_bytes()]);
            let mut pieces = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(parse(&pieces), whole);
        }
    }
}
