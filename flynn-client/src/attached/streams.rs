//! An attached job as readers and writers.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf as _, BytesMut};
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::empty;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::{Attached, AttachedInput, AttachedOutput, MAX_FRAME};
use crate::error::{Error, ErrorKind};
use crate::jobs::{JobOutput, JobStream};
use crate::transport::{Deadline, Limits, operation};

/// The exit status of a job.
///
/// The host also reports 0 for a job that was ended by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(i32);

impl ExitStatus {
    /// Returns whether the status is 0.
    pub fn success(self) -> bool {
        self.0 == 0
    }

    /// Returns the status as a number.
    pub fn code(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

/// Lets your own program exit with the status of the job. A status that does not fit into a byte becomes 1.
impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        u8::try_from(status.0).map_or(Self::FAILURE, Self::from)
    }
}

/// A signal or resize that is sent to an attached job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// A signal, by its Linux number.
    Signal(u32),
    /// A new size of the terminal. It closes the input of a job without a terminal.
    Resize {
        /// The height.
        lines: u16,
        /// The width.
        columns: u16,
    },
}

impl Attached {
    /// Connects the job to your input and outputs and waits until it has ended. The future drives all of them.
    ///
    /// The end of `stdin` ends the job's input. Output is flushed after each piece, so a prompt shows at once.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// let job = flynn.app("blobstore").jobs().run(["cat"]).attached().await?;
    /// // Your program has tokio::io::stdin(), stdout() and stderr() here.
    /// let status = job.run(&b"hello"[..], tokio::io::sink(), tokio::io::sink()).await?;
    /// assert!(status.success());
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::Connection`] if the connection ends before the job does.
    /// - [`ErrorKind::Failed`] with the host's message if it cannot run the job.
    /// - [`ErrorKind::Io`] if `stdin` cannot be read, or `stdout` or `stderr` cannot be written.
    pub fn run(
        self,
        stdin: impl AsyncRead + Send + 'static,
        stdout: impl AsyncWrite + Send + 'static,
        stderr: impl AsyncWrite + Send + 'static,
    ) -> DriveAttached {
        DriveAttached {
            attached: self,
            stdin: Box::pin(stdin),
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            controls: empty().boxed(),
            limits: Limits::default(),
        }
    }
}

/// Drives an attached job; returned by [`Attached::run`].
#[must_use = "nothing is sent until it is awaited"]
pub struct DriveAttached {
    attached: Attached,
    stdin: Pin<Box<dyn AsyncRead + Send>>,
    stdout: Pin<Box<dyn AsyncWrite + Send>>,
    stderr: Pin<Box<dyn AsyncWrite + Send>>,
    controls: BoxStream<'static, Control>,
    limits: Limits,
}

impl fmt::Debug for DriveAttached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriveAttached").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl DriveAttached {
    /// Sends the signals and sizes of this stream to the job, also after the end of its input.
    pub fn controls(mut self, controls: impl Stream<Item = Control> + Send + 'static) -> Self {
        self.controls = controls.boxed();
        self
    }

    async fn run(self, deadline: Deadline) -> Result<ExitStatus, Error> {
        let Self { attached, stdin, stdout, stderr, controls, .. } = self;
        let (output, input) = attached.split();
        deadline
            .limit(async move {
                let write = pin!(write_output(output, stdout, stderr));
                match select(write, pin!(feed(input, stdin, controls))).await {
                    Either::Left((status, _)) => status,
                    Either::Right((fed, write)) => {
                        fed?;
                        write.await
                    }
                }
            })
            .await
    }
}

operation!(DriveAttached => ExitStatus, without requests);

fn local(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot read or write the job's data locally").caused_by(error)
}

async fn write_output(
    mut output: AttachedOutput,
    mut stdout: Pin<Box<dyn AsyncWrite + Send>>,
    mut stderr: Pin<Box<dyn AsyncWrite + Send>>,
) -> Result<ExitStatus, Error> {
    while let Some(next) = output.next().await {
        match next? {
            JobOutput::Data { stream, data } => {
                let writer = match stream {
                    JobStream::Stdout => &mut stdout,
                    JobStream::Stderr | JobStream::InitLog => &mut stderr,
                };
                writer.write_all(&data).await.map_err(local)?;
                writer.flush().await.map_err(local)?;
            }
            JobOutput::Exit { status } => return Ok(ExitStatus(status)),
            JobOutput::End { .. } => {}
        }
    }
    Err(Error::new(ErrorKind::Connection, "the output was already read"))
}

/// Sends input until it ends. It is not an error if the job stops reading: its output shows how it ended.
async fn feed(
    mut input: AttachedInput,
    mut stdin: Pin<Box<dyn AsyncRead + Send>>,
    mut controls: BoxStream<'static, Control>,
) -> Result<(), Error> {
    let mut buffer = BytesMut::with_capacity(MAX_FRAME);
    let (mut reading, mut controlled) = (true, true);
    while reading || controlled {
        buffer.clear();
        let read = async {
            if reading { stdin.read_buf(&mut buffer).await } else { std::future::pending().await }
        };
        let control =
            async { if controlled { controls.next().await } else { std::future::pending().await } };
        let sent = match select(pin!(read), pin!(control)).await {
            Either::Left((read, _)) => {
                reading = read.map_err(local)? > 0;
                if reading { input.write(&buffer).await } else { input.close().await }
            }
            Either::Right((Some(Control::Signal(number)), _)) => input.signal(number).await,
            Either::Right((Some(Control::Resize { lines, columns }), _)) => {
                input.resize(lines, columns).await
            }
            Either::Right((None, _)) => {
                controlled = false;
                Ok(())
            }
        };
        if sent.is_err() {
            break;
        }
    }
    Ok(())
}

impl AttachedOutput {
    /// Separates standard output, standard error and the exit status.
    ///
    /// Read both readers concurrently: while you read one, at most 64 KiB of the other are buffered. Output for a
    /// dropped reader is discarded.
    pub fn into_readers(self) -> (AttachedReader, AttachedReader, AttachedExit) {
        let wakers = Arc::default();
        let demux = Arc::new(Mutex::new(Demux {
            output: self,
            held: [BytesMut::new(), BytesMut::new()],
            dropped: [false; 2],
            end: None,
        }));
        let reader =
            |of| AttachedReader { demux: Arc::clone(&demux), wakers: Arc::clone(&wakers), of };
        let (stdout, stderr) = (reader(0), reader(1));
        (stdout, stderr, AttachedExit { demux, wakers })
    }
}

/// The maximum number of bytes of one stream that are buffered while the other one is read.
const MOST_HELD: usize = 64 << 10;

/// Splits the output of a job by stream.
struct Demux {
    output: AttachedOutput,
    held: [BytesMut; 2],
    dropped: [bool; 2],
    end: Option<Result<i32, Error>>,
}

impl Demux {
    /// Reads one more output. Pending while the buffer of a stream is full.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        if self.held.iter().zip(self.dropped).any(|(held, gone)| !gone && held.len() >= MOST_HELD) {
            return Poll::Pending;
        }
        match ready!(Pin::new(&mut self.output).poll_next(cx)) {
            Some(Ok(JobOutput::Data { stream, data })) => {
                let of = usize::from(stream != JobStream::Stdout);
                if let (Some(held), Some(false)) = (self.held.get_mut(of), self.dropped.get(of)) {
                    held.extend_from_slice(&data);
                }
            }
            Some(Ok(JobOutput::Exit { status })) => self.end = Some(Ok(status)),
            Some(Ok(JobOutput::End { .. })) => {}
            Some(Err(error)) => self.end = Some(Err(error)),
            None => {
                self.end =
                    Some(Err(Error::new(ErrorKind::Connection, "the output was already read")));
            }
        }
        Poll::Ready(())
    }
}

/// The tasks that wait for the output of one job. All of them are woken by new output, and check whether it is theirs.
#[derive(Default)]
struct Wakers(Mutex<[Option<Waker>; 3]>);

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 3]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, of: usize, cx: &Context<'_>) {
        if let Some(waker) = self.lock().get_mut(of) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

type SharedDemux = Arc<Mutex<Demux>>;

/// Polls until `done` returns a value, and wakes the other tasks after each change.
fn poll_demux<T>(
    demux: &SharedDemux,
    wakers: &Arc<Wakers>,
    of: usize,
    cx: &Context<'_>,
    mut done: impl FnMut(&mut Demux) -> Option<T>,
) -> Poll<T> {
    let mut demux = demux.lock().unwrap_or_else(PoisonError::into_inner);
    let all = Waker::from(Arc::clone(wakers));
    loop {
        if let Some(done) = done(&mut demux) {
            wakers.wake_all();
            return Poll::Ready(done);
        }
        wakers.register(of, cx);
        ready!(demux.poll_next(&mut Context::from_waker(&all)));
    }
}

/// Standard output or standard error of an attached job; returned by [`AttachedOutput::into_readers`].
///
/// It ends when the job has ended. If the connection is lost, it ends with an error.
pub struct AttachedReader {
    demux: SharedDemux,
    wakers: Arc<Wakers>,
    of: usize,
}

impl AsyncRead for AttachedReader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let of = self.of;
        poll_demux(&self.demux, &self.wakers, of, cx, |demux| {
            let held = demux.held.get_mut(of)?;
            if held.is_empty() {
                return Some(match demux.end.as_ref()? {
                    Ok(_) => Ok(()),
                    Err(error) => Err(io::Error::other(error.clone())),
                });
            }
            let length = held.len().min(buffer.remaining());
            buffer.put_slice(held.get(..length).unwrap_or_default());
            held.advance(length);
            Some(Ok(()))
        })
    }
}

impl Drop for AttachedReader {
    fn drop(&mut self) {
        let mut demux = self.demux.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = demux.held.get_mut(self.of) {
            *held = BytesMut::new();
        }
        if let Some(dropped) = demux.dropped.get_mut(self.of) {
            *dropped = true;
        }
        drop(demux);
        self.wakers.wake_all();
    }
}

impl fmt::Debug for AttachedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.of == 0 { "stdout" } else { "stderr" };
        f.debug_struct("AttachedReader").field("stream", &name).finish_non_exhaustive()
    }
}

/// The exit status of an attached job; returned by [`AttachedOutput::into_readers`].
pub struct AttachedExit {
    demux: SharedDemux,
    wakers: Arc<Wakers>,
}

impl AttachedExit {
    /// Waits until the job has ended. Read the outputs concurrently, or the job may block.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Connection`] if the connection ends before the job does, and with [`ErrorKind::Failed`]
    /// and the host's message if the host cannot run the job.
    pub async fn status(&mut self) -> Result<ExitStatus, Error> {
        let status =
            poll_fn(|cx| poll_demux(&self.demux, &self.wakers, 2, cx, |demux| demux.end.clone()));
        status.await.map(ExitStatus)
    }
}

impl fmt::Debug for AttachedExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedExit").finish_non_exhaustive()
    }
}
