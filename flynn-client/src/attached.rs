//! Input and output of a job that runs attached.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{Error, ErrorKind};
use crate::jobs::{JobOutput, JobStream};
use crate::transport::{Deadline, Duplex, Limits, Upgraded, operation, stream_next};

mod frames;

use frames::{Decoder, resize, signal, stdin_head};

mod streams;

pub use streams::{AttachedExit, AttachedReader, Control, DriveAttached, ExitStatus};

/// The connection of an attached job and its unsent input. Input and output share it.
struct Connection {
    stream: Box<dyn Duplex + Unpin>,
    /// The unsent bytes: at most one frame, and the end of the input.
    unsent: BytesMut,
    /// The delay before anything is sent.
    hold: Option<Pin<Box<Sleep>>>,
    /// True if sending has failed, so it is unknown how much has arrived.
    broken: bool,
    /// True if the input was dropped, so reading the output also sends the rest.
    orphaned: bool,
    /// The task that waits for output.
    reader: Option<Waker>,
}

impl Connection {
    /// Sends everything that is left.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken {
            let message = "the connection to the attached job was already lost";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, message)));
        }
        if let Some(hold) = &mut self.hold {
            ready!(hold.as_mut().poll(cx));
            self.hold = None;
        }
        let sent = ready!(self.poll_write(cx));
        if sent.is_err() {
            self.broken = true;
            self.unsent = BytesMut::new();
        }
        Poll::Ready(sent)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.unsent.advance(sent),
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

/// The connection, shared by input and output.
type Shared = Arc<Mutex<Connection>>;

fn lock(connection: &Shared) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A job that runs attached; returned by [`RunAttached`](crate::jobs::RunAttached).
///
/// Dropping it closes the connection. The job then reads the end of its input and keeps running; a job with a terminal
/// is stopped.
#[must_use]
pub struct Attached {
    input: AttachedInput,
    output: AttachedOutput,
}

impl Attached {
    /// Sends nothing before `hold` has passed.
    pub(crate) fn new(connection: Upgraded, hold: Duration) -> Self {
        let until = Instant::now().checked_add(hold).filter(|_| !hold.is_zero());
        let connection = Arc::new(Mutex::new(Connection {
            stream: connection.0,
            unsent: BytesMut::new(),
            hold: until.map(|until| Box::pin(sleep_until(until))),
            broken: false,
            orphaned: false,
            reader: None,
        }));
        Self {
            input: AttachedInput { connection: Arc::clone(&connection), ended: false },
            output: AttachedOutput { connection, decoder: Decoder::default(), state: State::Open },
        }
    }

    /// Splits the job into output and input, so that you can use both at the same time.
    pub fn split(self) -> (AttachedOutput, AttachedInput) {
        (self.output, self.input)
    }

    /// Closes the input and collects all output until the job ends.
    pub fn output(self) -> CollectOutput {
        CollectOutput { attached: self, limit: 64 << 20, limits: Limits::default() }
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// The input of an attached job: its standard input, signals and the size of its terminal.
///
/// It is an [`AsyncWrite`] to the standard input; shutting it down ends the input. At most one frame of 64 KiB is
/// buffered, so memory use stays constant even if many calls time out.
///
/// # Cancellation
/// A partly sent frame is always finished, by the next call or by reading the output. A dropped [`write`](Self::write)
/// may therefore have written part of its data: do not repeat it. After an error, nothing more is sent and every
/// further call fails.
///
/// Dropping the input ends it, as [`close`](Self::close) does. Data that cannot be sent without waiting is sent while
/// you read the output.
pub struct AttachedInput {
    connection: Shared,
    /// True if the end of the input was written, at least in part.
    ended: bool,
}

impl Drop for AttachedInput {
    fn drop(&mut self) {
        let mut connection = lock(&self.connection);
        if connection.broken {
            return;
        }
        if !self.ended {
            connection.unsent.put_slice(&stdin_head(0));
        }
        connection.orphaned = true;
        // Do not poll a timer here: its runtime may be shutting down.
        if connection.hold.as_ref().is_none_or(|hold| hold.deadline() <= Instant::now()) {
            let _ = connection.poll_write(&mut Context::from_waker(Waker::noop()));
        }
        if let Some(reader) = connection.reader.take() {
            reader.wake();
        }
    }
}

impl AttachedInput {
    /// Writes to the job's standard input. If the call fails or is dropped, part of the data may have been written.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Connection`] if the connection to the job is lost.
    pub async fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        // A frame of length 0 would end the input.
        for piece in data.chunks(MAX_FRAME) {
            self.send(&stdin_head(length(piece)), piece).await?;
        }
        Ok(())
    }

    /// Ends the job's standard input.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Connection`] if the connection to the job is lost.
    pub async fn close(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_close(cx)).await.map_err(lost)
    }

    /// Sends a signal by its Linux number: 2 interrupts, 15 terminates, 9 kills.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Connection`] if the connection to the job is lost.
    pub async fn signal(&mut self, number: u32) -> Result<(), Error> {
        self.send(&signal(number), &[]).await
    }

    /// Sets the size of the job's terminal. This call closes the input of a job without a terminal.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Connection`] if the connection to the job is lost.
    pub async fn resize(&mut self, lines: u16, columns: u16) -> Result<(), Error> {
        self.send(&resize(lines, columns), &[]).await
    }

    async fn send(&mut self, head: &[u8], data: &[u8]) -> Result<(), Error> {
        let mut taken = false;
        poll_fn(|cx| {
            let mut connection = lock(&self.connection);
            // A dropped call may have left a frame. It is sent first, so there is never more than one.
            ready!(connection.poll_send(cx))?;
            if !taken {
                taken = true;
                connection.unsent.put_slice(head);
                connection.unsent.put_slice(data);
            }
            connection.poll_send(cx)
        })
        .await
        .map_err(lost)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut connection = lock(&self.connection);
        if !self.ended {
            ready!(connection.poll_send(cx))?;
            self.ended = true;
            connection.unsent.put_slice(&stdin_head(0));
        }
        connection.poll_send(cx)
    }
}

impl AsyncWrite for AttachedInput {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut connection = lock(&self.connection);
        ready!(connection.poll_send(cx))?;
        let piece = data.get(..MAX_FRAME).unwrap_or(data);
        if !piece.is_empty() {
            connection.unsent.put_slice(&stdin_head(length(piece)));
            connection.unsent.put_slice(piece);
            // The next call returns the error, as with every buffered writer.
            let _ = connection.poll_send(cx);
        }
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.connection).poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx)
    }
}

/// The maximum size of one frame of input, in bytes.
const MAX_FRAME: usize = 64 << 10;

fn length(piece: &[u8]) -> u32 {
    u32::try_from(piece.len()).unwrap_or(u32::MAX)
}

impl fmt::Debug for AttachedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedInput").finish_non_exhaustive()
    }
}

fn lost(error: io::Error) -> Error {
    Error::new(ErrorKind::Connection, "lost the connection to the attached job").caused_by(error)
}

/// The output of an attached job, as a stream in the order in which it was written.
///
/// It ends after [`JobOutput::Exit`]. If the connection ends without it, the stream returns an error, since the result
/// of the job is unknown.
pub struct AttachedOutput {
    connection: Shared,
    decoder: Decoder,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Over,
}

/// The size of one read, in bytes.
const READ: usize = 16 << 10;

impl AttachedOutput {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [0; READ];
        let mut piece = ReadBuf::new(&mut piece);
        let mut connection = lock(&self.connection);
        if connection.orphaned && !connection.broken {
            // If this failed, reading shows it, unless the job has already ended.
            let _ = connection.poll_send(cx);
        } else {
            connection.reader = Some(cx.waker().clone());
        }
        ready!(Pin::new(&mut connection.stream).poll_read(cx, &mut piece))?;
        self.decoder.buffer().put_slice(piece.filled());
        Poll::Ready(Ok(piece.filled().len()))
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<JobOutput, Error>> {
        loop {
            if let Some(output) = self.decoder.next()? {
                return Poll::Ready(Ok(output));
            }
            if ready!(self.poll_fill(cx)).map_err(lost)? == 0 {
                let place = if self.decoder.is_between_frames() {
                    "before"
                } else {
                    "within a frame, before"
                };
                let message = format!("the connection ended {place} the exit status of the job");
                return Poll::Ready(Err(Error::new(ErrorKind::Connection, message)));
            }
        }
    }
}

stream_next!(AttachedOutput => JobOutput);

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

/// The complete output of an attached job and its exit status. `Debug` shows lengths only.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectedOutput {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit status. 0 means success; the host also reports 0 for a job that was ended by a signal.
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

/// Collects the output of a job; returned by [`Attached::output`].
///
/// An exit status other than 0 is not an error.
///
/// # Errors
/// - [`ErrorKind::Connection`] if the connection ends before the job does.
/// - [`ErrorKind::TooLarge`] if the job writes more than [`max_size`](Self::max_size).
/// - [`ErrorKind::Failed`] with the host's message if it cannot run the job.
#[derive(Debug)]
#[must_use = "nothing is read until it is awaited"]
pub struct CollectOutput {
    attached: Attached,
    limit: usize,
    limits: Limits,
}

impl CollectOutput {
    /// Sets the maximum size of the output in bytes; 64 MiB by default.
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    async fn run(self, deadline: Deadline) -> Result<CollectedOutput, Error> {
        deadline.limit(collect(self.attached, self.limit)).await
    }
}

operation!(CollectOutput => CollectedOutput, without requests);

async fn collect(attached: Attached, limit: usize) -> Result<CollectedOutput, Error> {
    let (mut output, input) = attached.split();
    drop(input);
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn attached(stream: impl Duplex + Unpin + 'static) -> Attached {
        Attached::new(Upgraded(Box::new(stream)), Duration::ZERO)
    }

    /// Sends the first frame after 20 ms.
    fn held(stream: impl Duplex + Unpin + 'static) -> Attached {
        Attached::new(Upgraded(Box::new(stream)), Duration::from_millis(20))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_frame_of_any_kind_is_held_back() {
        for kind in 0..4 {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let (_output, mut input) = held(ours).split();
            let begun = Instant::now();
            match kind {
                0 => input.write(b"x").await.unwrap(),
                1 => input.signal(2).await.unwrap(),
                2 => input.resize(1, 1).await.unwrap(),
                _ => input.close().await.unwrap(),
            }
            assert_eq!(begun.elapsed(), Duration::from_millis(20));
            assert!(theirs.read_u8().await.unwrap() > 2);
            input.signal(2).await.unwrap();
            assert_eq!(begun.elapsed(), Duration::from_millis(20), "only the first one");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn input_that_is_dropped_while_held_back_ends() {
        for waits in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let (mut output, mut input) = held(ours).split();
            let begun = Instant::now();
            assert!(input.write(b"hi").now_or_never().is_none());
            // With and without a task that waits for the output.
            let mut input = Some(input);
            if !waits {
                input = None;
            }
            let read = async {
                let mut frames = vec![0; 6];
                theirs.read_exact(&mut frames).await.unwrap();
                theirs.write_all(b"\x05\0\0\0\x07").await.unwrap();
                frames
            };
            let drop_later = async {
                tokio::task::yield_now().await;
                drop(input);
            };
            let (next, frames, ()) = tokio::join!(output.next(), read, drop_later);
            assert_eq!(frames, b"\x03\0\0\0\0\0", "nothing of the dropped write, the end alone");
            assert!(matches!(next, Some(Ok(JobOutput::Exit { status: 7 }))));
            assert_eq!(begun.elapsed(), Duration::from_millis(20));
        }
        // Both are dropped: the connection ends, and with it the input.
        let (ours, mut theirs) = tokio::io::duplex(64);
        drop(held(ours));
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn writes_that_are_dropped_are_not_kept() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let (output, mut input) = attached(ours).split();
        let data = vec![0; 1 << 20];
        for _ in 0..4000 {
            assert!(input.write(&data).now_or_never().is_none());
        }
        assert!(lock(&output.connection).unsent.capacity() < 4 * MAX_FRAME);
    }

    #[tokio::test]
    async fn input_is_a_writer() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (output, mut input) = attached(ours).split();
        let (copied, received) = tokio::join!(
            async {
                let copied = tokio::io::copy(&mut &b"hello"[..], &mut input).await;
                input.shutdown().await.unwrap();
                copied
            },
            async {
                let mut frames = vec![0; 11 + 6];
                theirs.read_exact(&mut frames).await.map(|_| frames)
            }
        );
        assert_eq!(copied.unwrap(), 5);
        assert_eq!(received.unwrap(), b"\x03\0\0\0\0\x05hello\x03\0\0\0\0\0");
        drop((input, output));
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0, "it is closed once");
    }

    #[tokio::test]
    async fn input_that_is_dropped_has_ended() {
        for close in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let (output, mut input) = attached(ours).split();
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
        let (_output, mut input) = attached(ours).split();
        // Dropped after only four bytes of the frame were sent.
        assert!(input.write(b"hello").now_or_never().is_none());
        let (sent, received) = tokio::join!(input.close(), async {
            let mut frames = vec![0; 11 + 6];
            theirs.read_exact(&mut frames).await.map(|_| frames)
        });
        sent.unwrap();
        assert_eq!(received.unwrap(), b"\x03\0\0\0\0\x05hello\x03\0\0\0\0\0");
    }

    /// Accepts nothing, and counts the attempts.
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
            let (_output, mut input) = attached(full).split();
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
