//! The attach protocol (`flynn-attach/0`): frames both ways between a client and a program.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::engine::{Attach, Input, Output};
use crate::hub::Hub;

const DATA: u8 = 3;
const SIGNAL: u8 = 4;
const EXIT: u8 = 5;
const RESIZE: u8 = 6;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// A frame of input is never larger than this; a longer one ends the input.
const LONGEST: usize = 64 << 20;

/// A type of frame that the protocol does not have.
pub(super) const UNKNOWN: u8 = 0xff;

/// Takes what the client sends and says nothing, until the client goes.
pub(super) async fn ignore(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(|_| ())
}

/// Drives the program until it exits; with `cut`, the connection breaks after so many bytes.
pub(super) async fn run(
    stream: impl AsyncRead + AsyncWrite,
    mut job: Attach,
    hub: &Hub,
    cut: Option<usize>,
) -> io::Result<()> {
    let (reader, writer) = tokio::io::split(stream);
    let mut writer = Writer { writer, left: cut };
    let (send, mut inputs) = mpsc::channel(1);
    let read = read(reader, job.tty, send);
    let mut read = std::pin::pin!(read);
    let mut reading = true;
    let mut input = Input::Start;
    let mut timer = None;
    loop {
        for output in job.program.react(input) {
            hub.with(|inner| inner.engine.job_output(&job.job, &output));
            match output {
                Output::Stdout(bytes) => writer.data(STDOUT, &bytes).await?,
                Output::Stderr(bytes) => writer.data(STDERR, &bytes).await?,
                Output::Wait(time) => timer = Some(hub.due_in(time)),
                Output::Exit(status) => {
                    let down = hub.with(|inner| inner.engine.job_exited(&job.job, status));
                    if down.is_some() {
                        hub.reached(down).await;
                    }
                    return writer.exit(status).await;
                }
            }
        }
        input = loop {
            tokio::select! {
                biased;
                Some(input) = inputs.recv() => break input,
                () = &mut read, if reading => reading = false,
                () = hub.reached(timer), if timer.is_some() => {
                    timer = None;
                    break Input::Timer;
                }
                else => return Ok(()),
            }
        };
    }
}

/// Reads the client's frames. What the host does not understand ends the input, as there: an
/// unknown type, and a resize of a job without terminal.
async fn read(mut reader: impl AsyncRead + Unpin, tty: bool, send: mpsc::Sender<Input>) {
    while let Ok(Some(input)) = frame(&mut reader, tty).await {
        let ended = matches!(input, Input::Eof);
        if send.send(input).await.is_err() {
            return;
        }
        if ended {
            // Signals and sizes may still follow.
            while let Ok(Some(input)) = frame(&mut reader, tty).await {
                if !matches!(input, Input::Stdin(_) | Input::Eof) && send.send(input).await.is_err()
                {
                    return;
                }
            }
            return;
        }
    }
    let _ = send.send(Input::Eof).await;
}

/// The next frame; `None` when the input is over.
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

/// Writes the host's frames.
struct Writer<W> {
    writer: W,
    left: Option<usize>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    async fn data(&mut self, stream: u8, bytes: &[u8]) -> io::Result<()> {
        // An empty frame would mean the end of the stream.
        if bytes.is_empty() {
            return Ok(());
        }
        self.write(data(stream, bytes)).await
    }

    /// The end of both streams, the status, the end of the connection.
    async fn exit(&mut self, status: i32) -> io::Result<()> {
        let mut frames = BytesMut::from(&*data(STDOUT, &[]));
        frames.put(data(STDERR, &[]));
        frames.put_u8(EXIT);
        frames.put_i32(status);
        self.write(frames.freeze()).await?;
        self.writer.shutdown().await
    }

    async fn write(&mut self, mut bytes: Bytes) -> io::Result<()> {
        let whole = bytes.len();
        if let Some(left) = &mut self.left {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        self.writer.write_all(&bytes).await?;
        self.writer.flush().await?;
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
