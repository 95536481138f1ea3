//! Input and output of a job that runs attached.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf, split};

use crate::error::{Error, ErrorKind};
use crate::jobs::{JobOutput, JobStream};
use crate::transport::{
    Deadline, Decoder, Duplex, Upgraded, operation, resize, signal, stdin_head,
};

type Connection = Box<dyn Duplex + Unpin>;

/// A job that runs attached; made by [`RunAttached`](crate::jobs::RunAttached). Dropping it closes the
/// connection, which leaves the job without input and does not end it.
#[must_use]
pub struct Attached {
    input: AttachedInput,
    output: AttachedOutput,
}

impl Attached {
    pub(crate) fn new(connection: Upgraded) -> Self {
        let (reader, writer) = split(connection.0);
        Self {
            input: AttachedInput { writer, unsent: BytesMut::new(), broken: false, ended: false },
            output: AttachedOutput { reader, decoder: Decoder::default(), state: State::Open },
        }
    }

    /// Output and input apart, to be used at the same time.
    pub fn split(self) -> (AttachedOutput, AttachedInput) {
        (self.output, self.input)
    }

    /// Closes the input and collects all output until the job ends.
    pub fn output(self) -> CollectOutput {
        CollectOutput { attached: self, limit: 64 << 20, timeout: None }
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// The side of an attached job that is written to.
///
/// A call that is dropped half-way leaves whole frames behind: what it has begun to send is sent by the next
/// one, since half a frame would make nonsense of all that follows. So a [`write`](Self::write) that was
/// dropped may have been taken in part, and must not be repeated: the job would read the beginning twice.
///
/// After an error nothing more is sent, and each further call is an error.
///
/// Dropping it ends the job's input as [`close`](Self::close) does, where that needs no waiting: a connection
/// that takes nothing more at that moment is left as it is.
pub struct AttachedInput {
    writer: WriteHalf<Connection>,
    unsent: BytesMut,
    /// Whether sending has failed: how much has arrived is not known then.
    broken: bool,
    /// Whether the end of the input has been written, or begun.
    ended: bool,
}

impl Drop for AttachedInput {
    fn drop(&mut self) {
        if self.broken {
            return;
        }
        if !self.ended {
            self.unsent.put_slice(&stdin_head(0));
        }
        let mut cx = Context::from_waker(Waker::noop());
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.writer).poll_write(&mut cx, &self.unsent) {
                Poll::Ready(Ok(written)) if written > 0 => self.unsent.advance(written),
                _ => return,
            }
        }
        let _ = Pin::new(&mut self.writer).poll_flush(&mut cx);
    }
}

impl AttachedInput {
    /// Writes to the job's standard input. Dropped before it is done, or ended by an error, it may have written
    /// a part.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`], when the job is gone.
    pub async fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        // A frame of length 0 would end the input.
        for piece in data.chunks(MAX_FRAME) {
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            self.send(&stdin_head(length), piece).await?;
        }
        Ok(())
    }

    /// Ends the job's standard input.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`], when the job is gone.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.ended = true;
        self.send(&stdin_head(0), &[]).await
    }

    /// Sends a signal by its Linux number: 2 interrupts, 15 asks to end, 9 ends.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`], when the job is gone.
    pub async fn signal(&mut self, number: u32) -> Result<(), Error> {
        self.send(&signal(number), &[]).await
    }

    /// Says that the terminal has another size. Only for jobs with a terminal: others lose their input by it.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`], when the job is gone.
    pub async fn resize(&mut self, lines: u16, columns: u16) -> Result<(), Error> {
        self.send(&resize(lines, columns), &[]).await
    }

    async fn send(&mut self, head: &[u8], data: &[u8]) -> Result<(), Error> {
        if self.broken {
            return Err(Error::new(ErrorKind::Connection, "to the attached job broke before"));
        }
        self.unsent.put_slice(head);
        self.unsent.put_slice(data);
        let sent = self.send_all().await;
        if sent.is_err() {
            self.broken = true;
            self.unsent = BytesMut::new();
        }
        sent.map_err(lost)
    }

    async fn send_all(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            if self.writer.write_buf(&mut self.unsent).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.writer.flush().await
    }
}

/// Bytes of input in one frame.
const MAX_FRAME: usize = 64 << 10;

impl fmt::Debug for AttachedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedInput").finish_non_exhaustive()
    }
}

fn lost(error: io::Error) -> Error {
    Error::new(ErrorKind::Connection, "to the attached job").caused_by(error)
}

/// The side of an attached job that is read from: a stream of what it does.
///
/// It ends after [`JobOutput::Exit`]. A connection that ends without one is an error: how the job ended is
/// not known then.
pub struct AttachedOutput {
    reader: ReadHalf<Connection>,
    decoder: Decoder,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Over,
}

/// Bytes asked for at once.
const READ: usize = 16 << 10;

impl AttachedOutput {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [0; READ];
        let mut piece = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.reader).poll_read(cx, &mut piece))?;
        self.decoder.buffer().put_slice(piece.filled());
        Poll::Ready(Ok(piece.filled().len()))
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<JobOutput, Error>> {
        loop {
            if let Some(output) = self.decoder.next()? {
                return Poll::Ready(Ok(output));
            }
            if ready!(self.poll_fill(cx)).map_err(lost)? == 0 {
                let place =
                    if self.decoder.is_between_frames() { "" } else { " and within a frame" };
                let message = format!("it ended without the job's exit status{place}");
                return Poll::Ready(Err(Error::new(ErrorKind::Connection, message)));
            }
        }
    }
}

impl Stream for AttachedOutput {
    type Item = Result<JobOutput, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.state == State::Over {
            return Poll::Ready(None);
        }
        let output = ready!(this.poll_output(cx));
        if matches!(output, Ok(JobOutput::Exit { .. }) | Err(_)) {
            this.state = State::Over;
        }
        Poll::Ready(Some(output))
    }
}

impl fmt::Debug for AttachedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedOutput").finish_non_exhaustive()
    }
}

/// All that an attached job wrote, and how it ended. `Debug` shows lengths only.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectedOutput {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// 0 when all went well.
    pub exit_status: i32,
}

impl fmt::Debug for CollectedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectedOutput")
            .field("stdout", &format_args!("[{} bytes]", self.stdout.len()))
            .field("stderr", &format_args!("[{} bytes]", self.stderr.len()))
            .field("exit_status", &self.exit_status)
            .finish()
    }
}

/// Collecting the output of a job; made by [`Attached::output`].
///
/// An exit status other than 0 is no error of this call.
///
/// # Errors
/// [`ErrorKind::Connection`], when the connection ends before the job does; [`ErrorKind::TooLarge`];
/// [`ErrorKind::Failed`] with the host's words, when it cannot run the job.
#[derive(Debug)]
#[must_use = "nothing is read until it is awaited"]
pub struct CollectOutput {
    attached: Attached,
    limit: usize,
    timeout: Option<Duration>,
}

impl CollectOutput {
    /// Bytes of output at which collecting stops with an error. 64 MiB unless set.
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    async fn run(self, deadline: Deadline) -> Result<CollectedOutput, Error> {
        deadline.limit(collect(self.attached, self.limit)).await
    }
}

operation!(CollectOutput => CollectedOutput);

async fn collect(attached: Attached, limit: usize) -> Result<CollectedOutput, Error> {
    let (mut output, mut input) = attached.split();
    // A job that has ended already does not mind; how it ended is still to be read.
    let _ = input.close().await;
    let mut all = CollectedOutput::default();
    while let Some(next) = output.next().await {
        match next? {
            JobOutput::Data { stream, data } => {
                if all.stdout.len() + all.stderr.len() + data.len() > limit {
                    return Err(Error::new(
                        ErrorKind::TooLarge,
                        format!("the job wrote more than {limit} bytes"),
                    ));
                }
                match stream {
                    JobStream::Stdout => all.stdout.extend_from_slice(&data),
                    JobStream::Stderr | JobStream::InitLog => all.stderr.extend_from_slice(&data),
                }
            }
            JobOutput::End { .. } => {}
            JobOutput::Exit { status } => all.exit_status = status,
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn input_that_is_dropped_has_ended() {
        for close in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let (output, mut input) = Attached::new(Upgraded(Box::new(ours))).split();
            input.write(b"hi").await.unwrap();
            if close {
                input.close().await.unwrap();
            }
            drop(input);
            drop(output);
            let mut frames = Vec::new();
            theirs.read_to_end(&mut frames).await.unwrap();
            assert_eq!(frames, b"\x03\0\0\0\0\x02hi\x03\0\0\0\0\0");
        }
    }

    #[tokio::test]
    async fn a_frame_that_was_begun_is_finished_by_the_next() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let (_output, mut input) = Attached::new(Upgraded(Box::new(ours))).split();
        // Dropped when only four bytes of the frame have gone.
        assert!(input.write(b"hello").now_or_never().is_none());
        let (sent, received) = tokio::join!(input.close(), async {
            let mut frames = vec![0; 11 + 6];
            theirs.read_exact(&mut frames).await.map(|_| frames)
        });
        sent.unwrap();
        assert_eq!(received.unwrap(), b"\x03\0\0\0\0\x05hello\x03\0\0\0\0\0");
    }

    /// Takes nothing, and counts how often it was asked to.
    struct Full(Arc<AtomicU32>, Option<io::ErrorKind>);

    impl AsyncRead for Full {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Full {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            assert_eq!(self.0.fetch_add(1, Relaxed), 0, "asked again");
            Poll::Ready(self.1.map_or(Ok(0), |kind| Err(kind.into())))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn input_that_failed_is_not_tried_again() {
        for fault in [None, Some(io::ErrorKind::BrokenPipe)] {
            let asked = Arc::<AtomicU32>::default();
            let full = Full(Arc::clone(&asked), fault);
            let (_output, mut input) = Attached::new(Upgraded(Box::new(full))).split();
            for _ in 0..2 {
                let error = input.write(b"hi").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Connection);
            }
            assert_eq!(input.close().await.unwrap_err().kind(), ErrorKind::Connection);
            drop(input);
            assert_eq!(asked.load(Relaxed), 1);
        }
    }
}
