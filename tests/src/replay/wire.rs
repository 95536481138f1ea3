//! HTTP/1.1 over a plain socket, so that no library hides a difference or mends an odd request.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Headers by their names in lower case, each with its values in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Headers(pub BTreeMap<String, Vec<String>>);

impl Headers {
    /// Appends a header.
    pub fn add(&mut self, name: &str, value: String) {
        self.0.entry(name.to_ascii_lowercase()).or_default().push(value);
    }

    /// Returns the first value of a header, or an empty text.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// Returns all headers except these.
    pub fn without(&self, names: &[&str]) -> Self {
        let mut rest = self.clone();
        rest.0.retain(|name, _| !names.contains(&name.as_str()));
        rest
    }
}

/// The part of an answer that has arrived so far.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body without the marks of chunks, or the bytes after an upgrade.
    pub body: Vec<u8>,
    /// True if the body is complete.
    pub ended: bool,
}

impl Reply {
    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns whether the body comes in chunks.
    pub fn is_chunked(&self) -> bool {
        self.headers.get("transfer-encoding") == "chunked"
    }
}

/// A connection with one request on it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    head_only: bool,
    received: Vec<u8>,
    closed: bool,
}

impl Connection {
    /// Sends a request.
    ///
    /// # Errors
    /// Fails if nobody accepts it.
    pub fn send(addr: SocketAddr, request: &str) -> Result<Self> {
        let stream = TcpStream::connect(addr).context("cannot reach the mock")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(2)))?;
        let head_only = request.starts_with("HEAD ");
        let mut connection = Self { stream, head_only, received: Vec::new(), closed: false };
        connection.write(request.as_bytes())?;
        Ok(connection)
    }

    /// Sends more, on an upgraded connection.
    ///
    /// # Errors
    /// Fails if the socket fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("cannot write to the mock")
    }

    /// Reads what has arrived, until nothing more does for two milliseconds.
    ///
    /// # Errors
    /// Fails if the socket fails otherwise than by being closed.
    pub fn read(&mut self) -> Result<()> {
        // `read_to_end` keeps what it has read before an error.
        match self.stream.read_to_end(&mut self.received).map_err(|e| (e.kind(), e)) {
            Ok(_) | Err((ErrorKind::ConnectionReset, _)) => self.closed = true,
            Err((ErrorKind::WouldBlock | ErrorKind::TimedOut, _)) => {}
            Err((_, e)) => return Err(e).context("cannot read from the mock"),
        }
        Ok(())
    }

    /// Reads until `enough` holds, the connection is closed or `patience` is over. Returns whether it held.
    ///
    /// # Errors
    /// Fails if the socket fails.
    pub fn wait(&mut self, patience: Duration, enough: impl Fn(&Reply) -> bool) -> Result<bool> {
        let deadline = Instant::now() + patience;
        loop {
            self.read()?;
            let is_enough = self.reply().is_some_and(|reply| enough(&reply));
            if is_enough || self.closed || Instant::now() >= deadline {
                return Ok(is_enough);
            }
        }
    }

    /// Returns whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the answer so far; `None` before its head is complete.
    pub fn reply(&self) -> Option<Reply> {
        let (head, body) = split(&self.received, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Headers::default();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            headers.add(name, value.trim().to_owned());
        }
        let mut reply = Reply { status, headers, body: body.to_vec(), ended: self.closed };
        if self.head_only {
            (reply.body, reply.ended) = (Vec::new(), true);
        } else if let Ok(length) = reply.headers.get("content-length").parse() {
            reply.ended = body.len() >= length;
            reply.body.truncate(length);
        } else if reply.is_chunked() {
            (reply.body, reply.ended) = unchunk(body);
        }
        Some(reply)
    }
}

/// Returns the bytes before and after the first occurrence of these.
fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..start)?, bytes.get(start + at.len()..)?))
}

/// Returns the content of the complete chunks, and whether the last one has come.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some((size, after)) = split(rest, b"\r\n") {
        let size = str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some((chunk, after)) = size.and_then(|size| after.split_at_checked(size)) else {
            break;
        };
        let Some(after) = after.strip_prefix(b"\r\n") else { break };
        if chunk.is_empty() {
            return (body, true);
        }
        body.extend(chunk);
        rest = after;
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), (b"abcde".to_vec(), true));
        assert_eq!(unchunk(b"3\r\nabc\r\n2\r\nd"), (b"abc".to_vec(), false));
        assert_eq!(unchunk(b"3\r\nabc\r\n0\r\n"), (b"abc".to_vec(), false));
    }
}
