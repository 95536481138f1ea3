//! The attach protocol (`flynn-attach/0`): frames between a client and a program.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::terminal::{Terminal, shown};
use crate::api::answer::Attach;
use crate::life::{Input, Output};
use crate::server::hub::Hub;

const ERROR: u8 = 2;
const DATA: u8 = 3;
const SIGNAL: u8 = 4;
const EXIT: u8 = 5;
const RESIZE: u8 = 6;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// The exit status of a job that was stopped by its host.
const STOPPED: i32 = 0;

/// The maximum size of a frame of input. A longer one ends the input.
const LONGEST: usize = 64 << 20;

/// A frame type that the protocol does not have.
pub(super) const UNKNOWN: u8 = 0xff;

/// Returns the frame of an error.
pub(super) fn error(text: &str) -> Vec<u8> {
    let mut frame = vec![ERROR];
    frame.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    frame.put_slice(text.as_bytes());
    frame
}

/// Reads the client's data without answering, until the client closes the connection.
pub(super) async fn ignore(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(|_| ())
}

/// Runs the program until it exits or its job is killed. With `cut`, closes the connection after this many bytes. If
/// the client disconnects, the program continues: its input ends, and its output is lost.
pub(super) async fn run(
    stream: impl AsyncRead + AsyncWrite,
    attach: Attach,
    hub: &Hub,
    cut: Option<usize>,
) -> io::Result<()> {
    let Attach { job, mut program, tty, logged, started, input_lost_until } = attach;
    let (mut reader, writer) = tokio::io::split(stream);
    let (send, mut inputs) = mpsc::channel(1);
    let reader = Box::pin(async move {
        if input_lost_until.is_some() {
            tokio::select! {
                biased;
                () = hub.reached(input_lost_until) => {}
                _ = reader.read_u8() => {}
            }
        }
        read(reader, tty, send).await;
    })
    .fuse();
    let mut client = Client { ends: Some((reader, writer)), left: cut, lines: None };
    client.lines = (logged && !tty).then(Lines::default);
    let mut terminal = tty.then(Terminal::default);
    let mut killed = pin!(hub.job_ended(&job));
    // True while more input, and more standard input, may arrive.
    let (mut listening, mut stdin) = (true, true);
    // Inputs that the program has not received yet.
    let mut pending = VecDeque::from([Input::Start]);
    // The time of the last input. The program's waiting times begin then, even if the clock has moved on meanwhile.
    let mut at = started;
    let mut timer: Option<Timestamp> = None;
    loop {
        while let Some(input) = pending.pop_front() {
            // The user's code may block, which affects only this job.
            let reacting = tokio::task::spawn_blocking(move || {
                let outputs = program.react(input);
                (program, outputs)
            });
            let outputs;
            (program, outputs) = reacting.await.map_err(io::Error::other)?;
            for output in outputs {
                hub.with(|inner| inner.engine.job_output(&job, &output));
                match output {
                    Output::Stdout(bytes) if tty => client.data(STDOUT, &shown(&bytes)).await,
                    Output::Stderr(bytes) if tty => client.data(STDOUT, &shown(&bytes)).await,
                    Output::Stdout(bytes) => client.data(STDOUT, &bytes).await,
                    Output::Stderr(bytes) => client.data(STDERR, &bytes).await,
                    Output::Wait(time) => {
                        timer = Some(at.saturating_add(time).unwrap_or(Timestamp::MAX));
                    }
                    Output::Exit(status) => return end(&job, status, hub, client).await,
                }
            }
        }
        loop {
            tokio::select! {
                biased;
                status = &mut killed => return client.exit(status).await,
                received = inputs.recv(), if listening => {
                    listening = received.is_some();
                    at = hub.due_in(SignedDuration::ZERO);
                    let received = received.unwrap_or(Input::Eof);
                    match (&mut terminal, received) {
                        // The host stops a job whose terminal is closed.
                        (Some(_), Input::Eof) => return end(&job, STOPPED, hub, client).await,
                        (Some(terminal), Input::Stdin(bytes)) => {
                            let (echo, inputs) = terminal.typed(&bytes);
                            client.data(STDOUT, &echo).await;
                            pending.extend(inputs);
                            break;
                        }
                        // After its end, only signals and sizes may follow.
                        (None, Input::Stdin(_) | Input::Eof) if !stdin => {}
                        (_, received) => {
                            stdin &= !matches!(received, Input::Eof);
                            pending.push_back(received);
                            break;
                        }
                    }
                }
                () = client.read() => {}
                () = hub.reached(timer), if timer.is_some() => {
                    at = timer.take().unwrap_or(at);
                    pending.push_back(Input::Timer);
                    break;
                }
            }
        }
    }
}

/// Ends the job and then the connection.
async fn end<R, W>(job: &str, status: i32, hub: &Hub, mut client: Client<R, W>) -> io::Result<()>
where
    R: Future<Output = ()> + Unpin,
    W: AsyncWrite + Unpin,
{
    let down = hub.with(|inner| inner.engine.job_exited(job, status));
    if down.is_some() {
        hub.reached(down).await;
    }
    client.exit(status).await
}

/// Reads the client's frames. As on a real host, an unknown type and a resize of a job without a terminal end the
/// input.
async fn read(mut reader: impl AsyncRead + Unpin, tty: bool, send: mpsc::Sender<Input>) {
    while let Ok(Some(input)) = frame(&mut reader, tty).await {
        if send.send(input).await.is_err() {
            return;
        }
    }
}

/// Reads the next frame; `None` at the end of the input.
async fn frame(reader: &mut (impl AsyncRead + Unpin), tty: bool) -> io::Result<Option<Input>> {
    Ok(match reader.read_u8().await? {
        DATA => {
            let stream = reader.read_u8().await?;
            let length = reader.read_u32().await? as usize;
            if stream != STDIN || length > LONGEST {
                return Ok(None);
            }
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes).await?;
            Some(if length == 0 { Input::Eof } else { Input::Stdin(bytes.into()) })
        }
        SIGNAL => Some(Input::Signal(reader.read_u32().await?)),
        RESIZE => {
            let (height, width) = (reader.read_u16().await?, reader.read_u16().await?);
            tty.then_some(Input::Resize { height, width })
        }
        _ => None,
    })
}

/// The client's side of the connection, while it is connected.
struct Client<R, W> {
    /// Reads the frames of the client, and writes those of the host.
    ends: Option<(R, W)>,
    /// The number of bytes that it may still receive.
    left: Option<usize>,
    /// The unfinished line of a logged job's output, which is sent line by line.
    lines: Option<Lines>,
}

/// The incomplete lines of a job's output.
#[derive(Debug, Default)]
struct Lines {
    out: BytesMut,
    err: BytesMut,
}

impl Lines {
    fn of(&mut self, stream: u8) -> &mut BytesMut {
        if stream == STDERR { &mut self.err } else { &mut self.out }
    }

    /// Appends output and returns the completed lines.
    fn take(&mut self, stream: u8, bytes: &[u8]) -> Vec<Bytes> {
        let held = self.of(stream);
        held.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            lines.push(held.split_to(end + 1).freeze());
        }
        lines
    }

    /// Returns the last, unfinished line of a stream.
    fn rest(&mut self, stream: u8) -> Bytes {
        let mut rest = std::mem::take(self.of(stream));
        if !rest.is_empty() {
            rest.put_u8(b'\n');
        }
        rest.freeze()
    }
}

impl<R: Future<Output = ()> + Unpin, W: AsyncWrite + Unpin> Client<R, W> {
    /// Passes on its data until it sends no more.
    async fn read(&mut self) {
        match &mut self.ends {
            Some((reader, _)) => reader.await,
            None => std::future::pending().await,
        }
    }

    /// Sends output. If that fails, the client is disconnected.
    async fn data(&mut self, stream: u8, bytes: &[u8]) {
        match &mut self.lines {
            Some(lines) => {
                for line in lines.take(stream, bytes) {
                    self.frame(stream, &line).await;
                }
            }
            None => self.frame(stream, bytes).await,
        }
    }

    async fn frame(&mut self, stream: u8, bytes: &[u8]) {
        // An empty frame would mean the end of the stream.
        if !bytes.is_empty() && self.write(data(stream, bytes)).await.is_err() {
            self.ends = None;
        }
    }

    /// Sends the rest of the output and the status, and closes the connection.
    async fn exit(&mut self, status: i32) -> io::Result<()> {
        for stream in [STDOUT, STDERR] {
            let rest = self.lines.as_mut().map(|lines| lines.rest(stream)).unwrap_or_default();
            self.frame(stream, &rest).await;
        }
        let mut frame = BytesMut::new();
        frame.put_u8(EXIT);
        frame.put_i32(status);
        self.write(frame.freeze()).await?;
        match &mut self.ends {
            Some((_, writer)) => writer.shutdown().await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, mut bytes: Bytes) -> io::Result<()> {
        let Some((_, writer)) = &mut self.ends else { return Ok(()) };
        let whole = bytes.len();
        if let Some(left) = &mut self.left {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        writer.write_all(&bytes).await?;
        writer.flush().await?;
        if bytes.len() < whole { Err(super::body::broken()) } else { Ok(()) }
    }
}

fn data(stream: u8, bytes: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(6 + bytes.len());
    frame.put_u8(DATA);
    frame.put_u8(stream);
    frame.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    frame.put_slice(bytes);
    frame.freeze()
}
