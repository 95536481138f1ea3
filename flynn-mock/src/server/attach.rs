//! The attach protocol (`flynn-attach/0`): frames both ways between a client and a program.

use std::future::pending;
use std::io;
use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::engine::{Attach, Input, Output};
use crate::server::hub::Hub;

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

/// Drives the program until it exits or its job is killed; with `cut`, the connection breaks after
/// so many bytes. When the client is gone, the program goes on: its input ends, its output is lost.
pub(super) async fn run(
    stream: impl AsyncRead + AsyncWrite,
    attach: Attach,
    hub: &Hub,
    cut: Option<usize>,
) -> io::Result<()> {
    let Attach { job, mut program, tty, input_lost_until } = attach;
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
    let mut client = Client { ends: Some((reader, writer)), left: cut };
    let mut killed = pin!(hub.job_ended(&job));
    // Whether more input may come, and whether more of standard input.
    let (mut listening, mut stdin) = (true, true);
    let mut input = Input::Start;
    let mut timer = None;
    loop {
        for output in program.react(input) {
            hub.with(|inner| inner.engine.job_output(&job, &output));
            match output {
                Output::Stdout(bytes) => client.data(STDOUT, &bytes).await,
                Output::Stderr(bytes) => client.data(STDERR, &bytes).await,
                Output::Wait(time) => timer = Some(hub.due_in(time)),
                Output::Exit(status) => {
                    let down = hub.with(|inner| inner.engine.job_exited(&job, status));
                    if down.is_some() {
                        hub.reached(down).await;
                    }
                    return client.exit(status).await;
                }
            }
        }
        input = loop {
            tokio::select! {
                biased;
                status = &mut killed => return client.exit(status).await,
                received = inputs.recv(), if listening => {
                    listening = received.is_some();
                    let received = received.unwrap_or(Input::Eof);
                    // After its end, only signals and sizes may still follow.
                    let of_stdin = matches!(received, Input::Stdin(_) | Input::Eof);
                    if stdin || !of_stdin {
                        stdin &= !matches!(received, Input::Eof);
                        break received;
                    }
                }
                () = client.read() => {}
                () = hub.reached(timer), if timer.is_some() => {
                    timer = None;
                    break Input::Timer;
                }
            }
        };
    }
}

/// Reads the client's frames. What the host does not understand ends the input, as there: an
/// unknown type, and a resize of a job without terminal.
async fn read(mut reader: impl AsyncRead + Unpin, tty: bool, send: mpsc::Sender<Input>) {
    while let Ok(Some(input)) = frame(&mut reader, tty).await {
        if send.send(input).await.is_err() {
            return;
        }
    }
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

/// The client's end of the connection, as long as it is there.
struct Client<R, W> {
    /// What reads its frames, and where the host's go.
    ends: Option<(R, W)>,
    /// How many bytes it may still get.
    left: Option<usize>,
}

impl<R: Future<Output = ()> + Unpin, W: AsyncWrite + Unpin> Client<R, W> {
    /// Hands on what it sends, until it sends no more.
    async fn read(&mut self) {
        match &mut self.ends {
            Some((reader, _)) => reader.await,
            None => pending().await,
        }
    }

    /// Sends some output; a client that does not get it is gone.
    async fn data(&mut self, stream: u8, bytes: &[u8]) {
        // An empty frame would mean the end of the stream.
        if !bytes.is_empty() && self.write(data(stream, bytes)).await.is_err() {
            self.ends = None;
        }
    }

    /// The end of both streams, the status, the end of the connection.
    async fn exit(&mut self, status: i32) -> io::Result<()> {
        let mut frames = BytesMut::from(&*data(STDOUT, &[]));
        frames.put(data(STDERR, &[]));
        frames.put_u8(EXIT);
        frames.put_i32(status);
        self.write(frames.freeze()).await?;
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
