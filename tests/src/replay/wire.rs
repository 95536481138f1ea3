//! HTTP/1.1 over a plain socket, so that no library hides a difference or mends an odd request.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// The part of an answer that has arrived so far.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
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
        self.headers.get("transfer-encoding").is_some_and(|codings| codings == "chunked")
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
    pub fn send(addr: SocketAddr, request: &[u8]) -> Result<Self> {
        let stream = TcpStream::connect(addr).context("cannot reach the mock")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(2)))?;
        let head_only = request.starts_with(b"HEAD ");
        let mut connection = Self { stream, head_only, received: Vec::new(), closed: false };
        connection.write(request)?;
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
        let mut buffer = [0; 16 * 1024];
        while !self.closed {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(n) => self.received.extend(buffer.get(..n).unwrap_or_default()),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => self.closed = true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e).context("cannot read from the mock"),
            }
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
            if self.reply().is_some_and(|reply| enough(&reply)) {
                return Ok(true);
            }
            if self.closed || Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }

    /// Returns whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the answer so far; `None` before its head is complete.
    pub fn reply(&self) -> Option<Reply> {
        let end = self.received.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, rest) = self.received.split_at(end + 4);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, v)| (name.to_ascii_lowercase(), v.trim().to_owned()));
        let (body, ended) = (rest.to_vec(), self.closed);
        let mut reply = Reply { status, headers: headers.collect(), body, ended };
        let length = reply.headers.get("content-length").and_then(|n| n.parse().ok());
        if self.head_only {
            (reply.body, reply.ended) = (Vec::new(), true);
        } else if let Some(length) = length {
            reply.ended = reply.body.len() >= length;
            reply.body.truncate(length);
        } else if reply.is_chunked() {
            (reply.body, reply.ended) = unchunk(rest);
        }
        Some(reply)
    }
}

/// Returns the content of the complete chunks, and whether the last one has come.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = rest.get(..line).and_then(|size| std::str::from_utf8(size).ok());
        let Some(size) = size.and_then(|size| usize::from_str_radix(size, 16).ok()) else { break };
        let Some(chunk) = rest.get(line + 2..line + 2 + size) else { break };
        if size == 0 {
            return (body, true);
        }
        body.extend(chunk);
        rest = rest.get(line + 2 + size + 2..).unwrap_or_default();
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
    }
}
