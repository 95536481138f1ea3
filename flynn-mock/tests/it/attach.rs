//! The attach protocol against scripted and interactive programs.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use flynn_mock::{Fault, Input, MockController, Op, Output, Races, ServerAge};
use http::Method;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::raw::{self, Events, get, post, request, send};

type Attached = TokioIo<Upgraded>;

/// Runs a command attached, in a new app.
async fn attach(mock: &MockController, args: &[&str], tty: bool) -> Attached {
    if get(mock, "/apps/www").await.status == 404 {
        let app = post(mock, "/apps", json!({"name": "www"})).await;
        let release = raw::release(mock, &app, json!({"env": {"A": "1"}})).await;
        raw::put(mock, "/apps/www/release", json!({"id": release["id"]})).await;
    }
    let release = get(mock, "/apps/www/release").await.json();
    let body = json!({"release": release["id"], "args": args, "release_env": true, "tty": tty,
                      "disable_log": true});
    attach_with(mock, &body).await
}

async fn attach_with(mock: &MockController, body: &serde_json::Value) -> Attached {
    let mut request = request(mock, Method::POST, "/apps/www/jobs", &body.to_string());
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "flynn-attach/0".parse().unwrap());
    let response = send(mock, request).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["upgrade"], "flynn-attach/0");
    TokioIo::new(hyper::upgrade::on(response).await.unwrap())
}

fn stdin(bytes: &[u8]) -> BytesMut {
    let mut frame = BytesMut::from(&[3, 0][..]);
    frame.put_u32(u32::try_from(bytes.len()).unwrap());
    frame.put_slice(bytes);
    frame
}

fn frame(stream: u8, bytes: &[u8]) -> Vec<u8> {
    let mut frame = stdin(bytes).to_vec();
    frame[1] = stream;
    frame
}

fn ending(status: i32) -> Vec<u8> {
    let mut bytes = vec![5];
    bytes.put_i32(status);
    bytes
}

async fn all(mut stream: Attached) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(60), end).await.unwrap().unwrap();
    bytes
}

#[tokio::test]
async fn the_recorded_order_of_frames() {
    let mock = MockController::builder().start().await;
    let stream = attach(&mock, &["echo", "hello", "world"], false).await;
    let wanted = [frame(1, b"hello world\n"), ending(0)].concat();
    assert_eq!(all(stream).await, wanted);
}

#[tokio::test]
async fn an_exit_status_comes_back_and_stays_on_the_job() {
    let mock = MockController::builder().start().await;
    assert_eq!(all(attach(&mock, &["exit", "3"], false).await).await, ending(3));
    let jobs = get(&mock, "/apps/www/jobs").await.json();
    assert_eq!(jobs[0]["state"], "down");
    assert_eq!(jobs[0]["exit_status"], 3);
}

#[tokio::test]
async fn input_is_echoed_by_an_interactive_program() {
    let mock = MockController::builder().start().await;
    let mut stream = attach(&mock, &["cat"], false).await;
    for text in [b"one".as_slice(), b"two"] {
        stream.write_all(&stdin(text)).await.unwrap();
        let mut echoed = vec![0; 6 + text.len()];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(echoed, frame(1, text));
    }
    stream.write_all(&stdin(b"")).await.unwrap();
    assert_eq!(all(stream).await, ending(0));
}

#[tokio::test]
async fn signals_sizes_and_timers_reach_the_program() {
    let mock = MockController::builder()
        .seed(1)
        .programs(|_| {
            Box::new(|input| {
                let said = |text: String| Output::Stderr(text.into());
                match input {
                    Input::Start => vec![Output::Wait(jiff::SignedDuration::from_secs(60))],
                    Input::Resize { height, width } => vec![said(format!("{height}x{width}"))],
                    Input::Signal(number) => vec![said(format!("signal {number}"))],
                    Input::Timer => vec![said("timer".to_owned()), Output::Exit(7)],
                    _ => Vec::new(),
                }
            })
        })
        .start()
        .await;
    let mut stream = attach(&mock, &["any"], true).await;
    stream.write_all(&[6, 0, 40, 0, 120]).await.unwrap();
    let mut got = vec![0; 6 + 6];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, frame(1, b"40x120"));
    stream.write_all(&[4, 0, 0, 0, 15]).await.unwrap();
    let mut got = vec![0; 6 + 9];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, frame(1, b"signal 15"));
    mock.advance(Duration::from_secs(61));
    assert_eq!(all(stream).await, [frame(1, b"timer"), ending(7)].concat());
}

#[tokio::test]
async fn the_times_of_a_slow_program_begin_with_its_input() {
    let barrier = Arc::new(Barrier::new(2));
    let started = Arc::clone(&barrier);
    let mock = MockController::builder()
        .programs(move |_| {
            let started = Arc::clone(&started);
            Box::new(move |input| match input {
                Input::Start => {
                    started.wait();
                    vec![Output::Wait(jiff::SignedDuration::from_secs(60))]
                }
                Input::Timer => vec![Output::Exit(7)],
                _ => Vec::new(),
            })
        })
        .start()
        .await;
    let stream = attach(&mock, &["job"], false).await;
    mock.advance(Duration::from_secs(60));
    barrier.wait();
    assert_eq!(all(stream).await, ending(7));
}

#[tokio::test]
async fn a_resize_without_terminal_ends_the_input() {
    let mock = MockController::builder().start().await;
    let mut stream = attach(&mock, &["cat"], false).await;
    stream.write_all(&[6, 0, 40, 0, 120]).await.unwrap();
    assert_eq!(all(stream).await, ending(0));
}

#[tokio::test]
async fn errors_before_the_upgrade_are_ordinary_answers() {
    let mock = MockController::builder().start().await;
    let mut request = request(&mock, Method::POST, "/apps/nosuch/jobs", "{}");
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "flynn-attach/0".parse().unwrap());
    assert_eq!(send(&mock, request).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_cut_attach_breaks_in_the_middle() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::JobRun, Fault::cut_body(8));
    let mut stream = attach(&mock, &["echo", "hello"], false).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert_eq!(bytes, frame(1, b"hello\n")[..8]);
}

/// A host may have lost the job by the time that it attaches: then it sends an error frame, or the controller a 500.
#[tokio::test]
async fn a_job_that_is_gone_can_be_an_error_frame_or_a_500() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::JobRun, Fault::error_frame("host: job not found"));
    let bytes = all(attach(&mock, &["cat"], false).await).await;
    assert_eq!(bytes, [&[2, 0, 0, 0, 19][..], b"host: job not found"].concat());

    let app = mock.client().app("www");
    mock.fail_next(Op::JobRun, Fault::error_frame("host: job not found"));
    let attached = app.jobs().run(["cat"]).attached().await.unwrap();
    let error = attached.output().await.unwrap_err();
    assert!(error.is_failed() && error.message().contains("job not found"), "{error}");
    mock.fail_next(Op::JobRun, Fault::status(500));
    let error = app.jobs().run(["cat"]).attached().await.unwrap_err();
    assert_eq!(error.kind(), flynn_client::ErrorKind::Server, "{error}");
    // A job without a client is not affected.
    mock.fail_next(Op::JobRun, Fault::error_frame("gone")).until_lifted();
    app.jobs().run(["true"]).await.unwrap();
}

#[tokio::test]
async fn a_job_that_is_killed_ends_its_streams() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().server(age).start().await;
        let stream = attach(&mock, &["sleep", "600"], false).await;
        let jobs = get(&mock, "/apps/www/jobs").await.json();
        let path = format!("/apps/www/jobs/{}", jobs[0]["id"].as_str().unwrap());
        raw::call(&mock, Method::DELETE, &path, "").await;
        let job = get(&mock, &path).await.json();
        assert_eq!(job["state"], "down");
        let status = job["exit_status"].as_i64().unwrap();
        assert_eq!(all(stream).await, ending(i32::try_from(status).unwrap()));
    }
}

#[tokio::test]
async fn a_program_that_panics_ends_its_job() {
    let mock = MockController::builder()
        .programs(|_| Box::new(|_: Input| panic!("a bug of the program")))
        .start()
        .await;
    assert_eq!(all(attach(&mock, &["any"], false).await).await, ending(101));
    let jobs = get(&mock, "/apps/www/jobs").await.json();
    assert_eq!(jobs[0]["exit_status"], 101);
}

/// The job continues, as a container does whose host has lost the client.
#[tokio::test]
async fn a_job_goes_on_without_its_client() {
    /// More bytes than any socket buffers for a client that does not read.
    const MUCH: usize = 32 << 20;
    for cut in [true, false] {
        let mock = MockController::builder()
            .programs(|_| {
                Box::new(|input| match input {
                    Input::Start => vec![Output::Stdout(vec![b'x'; MUCH].into())],
                    Input::Eof => vec![Output::Stdout("the end".into()), Output::Exit(7)],
                    _ => Vec::new(),
                })
            })
            .start()
            .await;
        if cut {
            mock.fail_next(Op::JobRun, Fault::cut_body(8));
        }
        let stream = attach(&mock, &["any"], false).await;
        let mut events = Events::open(&mock, "/events?object_types=job&past=true", None).await;
        // A client that is cut off keeps its end open.
        let kept = cut.then_some(stream);
        let down = events.until(|event| event["data"]["state"] == "down");
        let down = tokio::time::timeout(Duration::from_secs(60), down).await.unwrap();
        assert_eq!(down["data"]["exit_status"], 7, "{cut}");
        drop(kept);
    }
}

#[tokio::test]
async fn input_that_comes_too_early_can_be_lost() {
    let mock = MockController::builder().seed(1).races(Races::none().lost_input(100)).start().await;
    let mut stream = attach(&mock, &["cat"], false).await;
    // The rest is not a frame, so the job reads the end of its input.
    stream.write_all(&stdin(b"too early")).await.unwrap();
    assert_eq!(all(stream).await, ending(0));

    let mut stream = attach(&mock, &["cat"], false).await;
    mock.advance(Duration::from_millis(5));
    stream.write_all(&[stdin(b"in time"), stdin(b"")].concat()).await.unwrap();
    assert_eq!(all(stream).await, [frame(1, b"in time"), ending(0)].concat());
}

/// Reads one frame of output.
async fn output(stream: &mut Attached) -> Vec<u8> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[..2], [3, 1], "not standard output");
    let mut text = vec![0; u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize];
    stream.read_exact(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_signal_that_ends_a_job_leaves_status_0() {
    let mock = MockController::builder().start().await;
    for signal in [1, 2, 9, 15] {
        let mut stream = attach(&mock, &["sleep", "600"], false).await;
        stream.write_all(&[4, 0, 0, 0, signal]).await.unwrap();
        assert_eq!(all(stream).await, ending(0));
    }
    let mut stream = attach(&mock, &["cat"], false).await;
    for signal in [0_u32, 18, 999] {
        stream.write_all(&[&[4], signal.to_be_bytes().as_slice()].concat()).await.unwrap();
    }
    stream.write_all(&[stdin(b"still here"), stdin(b"")].concat()).await.unwrap();
    assert_eq!(all(stream).await, [frame(1, b"still here"), ending(0)].concat());
}

#[tokio::test]
async fn a_terminal_echoes_and_edits_lines() {
    let mock = MockController::builder().start().await;
    let mut stream = attach(&mock, &["cat"], true).await;
    stream.write_all(&stdin(b"tyq\x7fped\n")).await.unwrap();
    assert_eq!(output(&mut stream).await, b"tyq\x08 \x08ped\r\n", "the echo");
    assert_eq!(output(&mut stream).await, b"typed\r\n", "the program's");
    stream.write_all(&stdin(b"\x04")).await.unwrap();
    assert_eq!(all(stream).await, ending(0));
    let mut stream = attach(&mock, &["sleep", "600"], true).await;
    stream.write_all(&stdin(b"\x03")).await.unwrap();
    assert_eq!(all(stream).await, [frame(1, b"^C"), ending(0)].concat());
}

#[tokio::test]
async fn a_job_whose_terminal_is_gone_is_stopped() {
    let mock = MockController::builder().start().await;
    let mut stream = attach(&mock, &["sleep", "600"], true).await;
    stream.write_all(&stdin(b"")).await.unwrap();
    assert_eq!(all(stream).await, ending(0));
    let mut events = Events::open(&mock, "/events?object_types=job", None).await;
    drop(attach(&mock, &["sleep", "600"], true).await);
    let down = events.until(|event| event["data"]["state"] == "down");
    let down = tokio::time::timeout(Duration::from_secs(60), down).await.unwrap();
    assert_eq!(down["data"]["exit_status"], 0);
}

#[tokio::test]
async fn a_logged_job_sends_whole_lines() {
    let mock = MockController::builder()
        .programs(|_| {
            Box::new(|_| {
                let out = |text: &'static str| Output::Stdout(text.into());
                vec![out("a"), out("b\nc\nd"), Output::Stderr("e".into()), Output::Exit(0)]
            })
        })
        .start()
        .await;
    drop(all(attach(&mock, &["any"], false).await).await);
    let release = get(&mock, "/apps/www/release").await.json();
    let body = json!({"release": release["id"], "args": ["any"]});
    let wanted =
        [frame(1, b"ab\n"), frame(1, b"c\n"), frame(1, b"d\n"), frame(2, b"e\n"), ending(0)];
    assert_eq!(all(attach_with(&mock, &body).await).await, wanted.concat());
}

#[tokio::test]
async fn a_job_that_has_ended_cannot_be_stopped() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().server(age).start().await;
        drop(all(attach(&mock, &["exit", "0"], false).await).await);
        let jobs = get(&mock, "/apps/www/jobs").await.json();
        let path = format!("/apps/www/jobs/{}", jobs[0]["id"].as_str().unwrap());
        let answer = raw::call(&mock, Method::DELETE, &path, "").await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.json()["retry"], false);
    }
}
