use std::time::Duration;

use flynn_client::ErrorKind;
use flynn_client::jobs::{JobOutput, JobStream, RUN_ID};
use futures_util::StreamExt;
use serde_json::json as value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Seen, Server, answer, json, read};

const RELEASE: &str = r#"{"id":"r1","app_id":"a1"}"#;
const GIT: &str = r#"{"id":"r1","app_id":"a1","meta":{"git":"true"}}"#;
const JOB: &str = r#"{"id":"h-1","uuid":"1","host_id":"h","release":"r1","args":["x"]}"#;
const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: flynn-attach/0\r\n\r\n";

/// Returns the job that was sent, without the metadata that identifies it.
fn without_mark(seen: &Seen) -> serde_json::Value {
    let mut job = seen.json();
    let meta = job.as_object_mut().unwrap().remove("meta").unwrap();
    assert_eq!(meta[RUN_ID].as_str().unwrap().len(), 36);
    job
}

#[tokio::test]
async fn detached() {
    let server = Server::play([json(200, GIT), json(200, JOB)]).await;
    let job = server.client().app("www").jobs().run(["echo", "hi"]).env("A", "1").await.unwrap();
    assert_eq!(job.id, "h-1");
    assert_eq!(server.lines(), ["GET /apps/www/release", "POST /apps/www/jobs"]);
    assert_eq!(
        without_mark(&server.seen()[1]),
        value!({"release": "r1", "release_env": true, "args": ["/runner/init", "echo", "hi"], "env": {"A": "1"}})
    );
}

#[tokio::test]
async fn jobs_run_another_release_without_its_env() {
    let server = Server::play([json(200, RELEASE), json(200, JOB)]).await;
    server
        .client()
        .app("www")
        .jobs()
        .run(["x"])
        .release("r1")
        .release_env(false)
        .log(false)
        .artifact("a1")
        .partition("system")
        .profile("zfs")
        .await
        .unwrap();
    assert_eq!(server.lines()[0], "GET /releases/r1");
    assert_eq!(
        without_mark(&server.seen()[1]),
        value!({
            "release": "r1", "args": ["x"], "disable_log": true,
            "artifacts": ["a1"], "partition": "system", "profiles": ["zfs"]
        })
    );
    assert!(server.client().app("www").jobs().run([""; 0]).await.unwrap_err().is_validation());
}

/// Answers the release, then hands the upgraded connection over.
async fn attach() -> (flynn_client::jobs::Attached, TcpStream, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = async {
        let (mut calls, _) = listener.accept().await.unwrap();
        read(&mut calls).await.unwrap();
        let body = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{RELEASE}", RELEASE.len());
        calls.write_all(body.as_bytes()).await.unwrap();
        let (mut job, _) = listener.accept().await.unwrap();
        let request = read(&mut job).await.unwrap();
        job.write_all(SWITCH.as_bytes()).await.unwrap();
        (job, request)
    };
    let client = flynn_client::Client::builder(url).no_proxy().build().unwrap();
    let run = client.app("www").jobs().run(["cat"]).attached();
    let (attached, (job, request)) = tokio::join!(run, server);
    (attached.unwrap(), job, request)
}

#[tokio::test]
async fn attached_both_ways() {
    let (attached, mut job, request) = attach().await;
    assert_eq!(request.line(), "POST /apps/www/jobs");
    assert_eq!(request.header("upgrade"), Some("flynn-attach/0"));
    assert!(request.header("connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(request.json()["disable_log"], true);

    let (mut output, mut input) = attached.split();
    input.write(b"hi").await.unwrap();
    input.signal(15).await.unwrap();
    input.resize(24, 80).await.unwrap();
    input.close().await.unwrap();
    let mut sent = vec![0; 8 + 5 + 5 + 6];
    job.read_exact(&mut sent).await.unwrap();
    assert_eq!(sent, b"\x03\0\0\0\0\x02hi\x04\0\0\0\x0f\x06\0\x18\0\x50\x03\0\0\0\0\0");

    // Ends a job as a real host does, but cuts the frame.
    job.write_all(b"\x03\x01\0\0\0\x05he").await.unwrap();
    let JobOutput::Data { stream: JobStream::Stdout, data } = output.next().await.unwrap().unwrap()
    else {
        panic!()
    };
    assert_eq!(&data[..], b"he");
    job.write_all(b"llo\x03\x02\0\0\0\x01!\x03\x01\0\0\0\0\x03\x02\0\0\0\0\x05\0\0\0\x07")
        .await
        .unwrap();
    let rest: Vec<_> = output.map(Result::unwrap).collect().await;
    assert_eq!(rest.last(), Some(&JobOutput::Exit { status: 7 }));
    assert_eq!(rest.len(), 5);
}

#[tokio::test]
async fn output_is_collected_with_the_exit_status() {
    let (attached, mut job, _) = attach().await;
    job.write_all(b"\x03\x01\0\0\0\x02ok\x03\x03\0\0\0\x01i\x05\0\0\0\x01").await.unwrap();
    let output = attached.output().await.unwrap();
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice(), output.exit_status),
        (&b"ok"[..], &b"i"[..], 1)
    );
    assert!(!format!("{output:?}").contains("ok"));
}

#[tokio::test(start_paused = true)]
async fn an_end_without_exit_status_is_an_error() {
    let (attached, mut job, _) = attach().await;
    job.write_all(b"\x03\x01\0\0\0\x02ok").await.unwrap();
    drop(job);
    assert_eq!(attached.output().await.unwrap_err().kind(), ErrorKind::Connection);

    let (attached, job, _) = attach().await;
    let error = attached.output().timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_timeout());
    drop(job);
}

#[tokio::test]
async fn too_much_output_and_the_hosts_own_error() {
    let (attached, mut job, _) = attach().await;
    job.write_all(b"\x03\x01\0\0\0\x02ok").await.unwrap();
    assert_eq!(attached.output().max_size(1).await.unwrap_err().kind(), ErrorKind::TooLarge);

    let (attached, mut job, _) = attach().await;
    job.write_all(b"\x02\0\0\0\x04oops").await.unwrap();
    let error = attached.output().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Failed, "oops"));
}

#[tokio::test]
async fn errors_before_the_upgrade_are_ordinary() {
    let server =
        Server::play([json(200, RELEASE), answer(404, "", ""), json(200, RELEASE), json(200, JOB)])
            .await;
    let run = server.client().app("www").jobs().run(["x"]);
    assert!(run.clone().attached().await.unwrap_err().is_not_found());
    assert_eq!(
        run.attached().await.unwrap_err().kind(),
        ErrorKind::Unexpected,
        "a proxy ate the upgrade"
    );
}

#[tokio::test]
async fn one_future_drives_input_output_signals_and_sizes() {
    use flynn_client::jobs::Control;

    let (attached, mut job, _) = attach().await;
    let (mut stdout, out) = tokio::io::duplex(64);
    let (mut stderr, err) = tokio::io::duplex(64);
    let (send, controls) = futures_channel();
    let run = tokio::spawn(attached.run(&b"hi"[..], out, err).controls(controls).into_future());
    let mut written = vec![0; 8 + 6];
    job.read_exact(&mut written).await.unwrap();
    assert_eq!(written, b"\x03\0\0\0\0\x02hi\x03\0\0\0\0\0");
    // Also after the end of the input.
    send.send(Control::Signal(15)).await.unwrap();
    send.send(Control::Resize { lines: 24, columns: 80 }).await.unwrap();
    let mut written = vec![0; 5 + 5];
    job.read_exact(&mut written).await.unwrap();
    assert_eq!(written, b"\x04\0\0\0\x0f\x06\0\x18\0\x50");
    // A prompt without an end of line shows at once.
    job.write_all(b"\x03\x01\0\0\0\x02> \x03\x02\0\0\0\x01!").await.unwrap();
    let (mut prompt, mut warning) = ([0; 2], [0; 1]);
    stdout.read_exact(&mut prompt).await.unwrap();
    stderr.read_exact(&mut warning).await.unwrap();
    assert_eq!((&prompt, &warning), (b"> ", b"!"));
    job.write_all(b"\x05\0\0\0\x07").await.unwrap();
    let status = run.await.unwrap().unwrap();
    assert_eq!((status.code(), status.success()), (7, false));
    assert_eq!(status.to_string(), "exit status 7");
}

type Controls = flynn_client::jobs::Control;

/// A channel whose receiver is a stream.
fn futures_channel()
-> (tokio::sync::mpsc::Sender<Controls>, impl futures_core::Stream<Item = Controls> + Send) {
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let stream = futures_util::stream::unfold(receive, |mut receive| async {
        receive.recv().await.map(|control| (control, receive))
    });
    (send, stream)
}

#[tokio::test]
async fn a_job_that_reads_no_input_still_tells_how_it_ended() {
    let (attached, mut job, _) = attach().await;
    job.write_all(b"\x05\0\0\0\0").await.unwrap();
    let (sink, endless) = (tokio::io::sink, tokio::io::repeat(b'x'));
    let status = attached.run(endless, sink(), sink()).await.unwrap();
    assert!(status.success());
    drop(job);

    // A failed write to the local output is not a fault of the connection.
    let (attached, mut job, _) = attach().await;
    job.write_all(b"\x03\x01\0\0\0\x02ok").await.unwrap();
    let (closed, _) = tokio::io::duplex(1);
    let error = attached.run(tokio::io::empty(), closed, sink()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn output_is_read_stream_by_stream() {
    let (attached, mut job, _) = attach().await;
    let (output, _input) = attached.split();
    let (mut stdout, mut stderr, mut exit) = output.into_readers();
    let frames = b"\x03\x01\0\0\0\x03one\x03\x02\0\0\0\x03two\x03\x01\0\0\0\x05three\x05\0\0\0\x02";
    job.write_all(frames).await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    let (read_out, read_err, status) = tokio::join!(
        stdout.read_to_string(&mut out),
        stderr.read_to_string(&mut err),
        exit.status()
    );
    assert_eq!((read_out.unwrap(), read_err.unwrap()), (8, 3));
    assert_eq!((out.as_str(), err.as_str(), status.unwrap().code()), ("onethree", "two", 2));

    // Two tasks, one after the other. Output for a dropped reader is discarded.
    let (attached, mut job, _) = attach().await;
    let (output, _input) = attached.split();
    let (mut stdout, stderr, mut exit) = output.into_readers();
    let read = tokio::spawn(async move {
        let mut out = Vec::new();
        stdout.read_to_end(&mut out).await.map(|_| out)
    });
    drop(stderr);
    let mut frames = vec![3, 2, 0, 4, 0, 0];
    frames.resize(6 + (4 << 16), b'x');
    job.write_all(&frames).await.unwrap();
    job.write_all(b"\x03\x01\0\0\0\x02ok\x05\0\0\0\0").await.unwrap();
    assert_eq!(read.await.unwrap().unwrap(), b"ok");
    assert!(exit.status().await.unwrap().success());

    let (attached, job, _) = attach().await;
    let (output, _input) = attached.split();
    let (mut stdout, _stderr, mut exit) = output.into_readers();
    drop(job);
    assert!(stdout.read_u8().await.is_err());
    assert_eq!(exit.status().await.unwrap_err().kind(), ErrorKind::Connection);
}
