//! HTTP/1.1 over a plain socket, read as it comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Result;

/// The framing of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its announced length.
    Length(usize),
    /// In chunks.
    Chunked,
    /// No framing: there is no body, or it ends with the connection.
    None,
}

/// The part of an answer that has arrived so far.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers, spelled as they came.
    pub headers: Vec<(String, String)>,
    /// The framing of the body.
    pub framing: Framing,
    /// The body so far, without chunk marks.
    pub body: Vec<u8>,
    /// True if the server has ended the body.
    pub ended: bool,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection with one request on it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    head_only: bool,
    received: Vec<u8>,
    /// True if the server has closed its side.
    closed: bool,
}

impl Connection {
    /// Sends a request.
    ///
    /// # Errors
    /// Fails if the mock does not accept it.
    pub fn send(addr: SocketAddr, request: &[u8]) -> Result<Self> {
        let failed = |e: std::io::Error| format!("cannot reach the mock: {e}");
        let mut stream = TcpStream::connect(addr).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.write_all(request).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_millis(2))).map_err(failed)?;
        let head_only = request.starts_with(b"HEAD ");
        Ok(Self { stream, head_only, received: Vec::new(), closed: false })
    }

    /// Takes what has arrived by now, waiting two milliseconds for more.
    ///
    /// # Errors
    /// Fails if the socket fails otherwise than by being closed.
    pub fn drain(&mut self) -> Result<()> {
        self.read_all()
    }

    fn read_all(&mut self) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        while !self.closed {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(n) => self.received.extend(buffer.get(..n).unwrap_or_default()),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => self.closed = true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(format!("reading from the mock: {e}")),
            }
        }
        Ok(())
    }

    /// Waits until `enough` holds of the answer or `patience` is over; says whether it held.
    ///
    /// # Errors
    /// Fails if the socket fails.
    pub fn wait(&mut self, patience: Duration, enough: impl Fn(&Reply) -> bool) -> Result<bool> {
        let deadline = Instant::now() + patience;
        loop {
            self.read_all()?;
            if self.reply().as_ref().is_some_and(&enough) {
                return Ok(true);
            }
            if self.closed || Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }

    /// The answer so far; `None` before its head is complete.
    pub fn reply(&self) -> Option<Reply> {
        let end = self.received.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(self.received.get(..end)?).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut reply =
            Reply { status, headers, framing: Framing::None, body: Vec::new(), ended: false };
        if let Some(length) = reply.header("content-length").and_then(|n| n.parse().ok()) {
            reply.framing = Framing::Length(length);
        } else if reply.header("transfer-encoding").is_some_and(|codings| codings == "chunked") {
            reply.framing = Framing::Chunked;
        }
        let rest = self.received.get(end + 4..).unwrap_or_default();
        match reply.framing {
            _ if self.head_only || status == 101 => reply.ended = true,
            Framing::Length(length) => {
                reply.body = rest.get(..length).unwrap_or(rest).to_vec();
                reply.ended = rest.len() >= length;
            }
            Framing::Chunked => (reply.body, reply.ended) = unchunk(rest),
            Framing::None => {
                reply.body = rest.to_vec();
                reply.ended = self.closed;
            }
        }
        Some(reply)
    }

    /// Sends more, on a connection that was upgraded.
    ///
    /// # Errors
    /// Fails if the mock does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).map_err(|e| format!("writing to the mock: {e}"))
    }

    /// The bytes that have arrived since the connection was upgraded.
    pub fn upgraded(&self) -> &[u8] {
        let end = self.received.windows(4).position(|window| window == b"\r\n\r\n");
        end.and_then(|end| self.received.get(end + 4..)).unwrap_or_default()
    }

    /// Waits until enough has come on an upgraded connection, it is closed, or `patience` is over.
    ///
    /// # Errors
    /// Fails if the socket fails.
    pub fn wait_upgraded(
        &mut self,
        patience: Duration,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !enough(self.upgraded()) && !self.closed && Instant::now() < deadline {
            self.read_all()?;
        }
        Ok(())
    }

    /// True if the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

/// The content of the whole chunks, and whether the last one has come.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = rest.get(..line).and_then(|size| std::str::from_utf8(size).ok());
        let Some(size) = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()) else {
            break;
        };
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(line + 2..line + 2 + size) else { break };
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
