//! Jobs: one-off programs, kills, restarts, and the streams that report them.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Ask as _, engine, ok, pass, running_app, send};
use crate::api::answer::{Answer, Body};
use crate::dialect::ServerAge;
use crate::life::{Command, Engine, Input, Output, Pace, Programs};
use crate::wire::Request;

fn run(engine: &mut Engine, release: &str, args: &[&str]) -> String {
    let body = json!({ "release": release, "args": args });
    let job = ok(engine, Method::POST, "/apps/www/jobs", &body);
    job["uuid"].as_str().unwrap().to_owned()
}

fn job(engine: &mut Engine, uuid: &str) -> Value {
    engine.read(&format!("/apps/www/jobs/{uuid}")).unwrap()
}

/// Returns what a job has written to the log.
fn log(engine: &mut Engine, job: &Value) -> String {
    let id = job["id"].as_str().unwrap();
    let mut request = Request::new(Method::GET, &format!("/apps/www/log?job_id={id}"));
    request.headers.insert("authorization", "Basic OmtleQ==".parse().unwrap());
    String::from_utf8(engine.handle(&request).bytes().to_vec()).unwrap()
}

#[test]
fn one_off_jobs_run_and_end() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mut engine = engine(age, Pace::Timed);
        let (_, release) = running_app(&mut engine, "www");
        let sleeper = run(&mut engine, &release, &["sleep", "5"]);
        let failing = run(&mut engine, &release, &["exit", "3"]);
        let printing = run(&mut engine, &release, &["say", "hello"]);
        assert_eq!(job(&mut engine, &failing)["state"], "starting");
        pass(&mut engine, SignedDuration::from_secs(1));
        assert_eq!(job(&mut engine, &failing)["exit_status"], 3);
        assert_eq!(job(&mut engine, &sleeper)["state"], "up");
        pass(&mut engine, SignedDuration::from_secs(5));
        assert_eq!(job(&mut engine, &sleeper)["exit_status"], 0);
        let printing = job(&mut engine, &printing);
        let line: Value = serde_json::from_str(&log(&mut engine, &printing)).unwrap();
        assert_eq!(line["msg"], "say hello");
        assert!(line.get("process_type").is_none());
    }
}

#[test]
fn a_program_that_has_exited_is_not_asked_again() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    engine.options.programs = Programs::new(|_: &Command| {
        Box::new(|input: Input| match input {
            Input::Start => vec![Output::Wait(SignedDuration::from_millis(1)), Output::Exit(3)],
            _ => vec![Output::Stdout("too late".into())],
        })
    });
    let (_, release) = running_app(&mut engine, "www");
    let uuid = run(&mut engine, &release, &["any"]);
    pass(&mut engine, SignedDuration::from_secs(5));
    let ended = job(&mut engine, &uuid);
    assert_eq!(ended["exit_status"], 3);
    assert_eq!(log(&mut engine, &ended), "");
}

#[test]
fn a_killed_job_of_a_formation_is_replaced() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    running_app(&mut engine, "www");
    let jobs = engine.read("/apps/www/jobs").unwrap();
    let victim = jobs[0]["id"].as_str().unwrap();
    assert_eq!(send(&mut engine, Method::DELETE, &format!("/apps/www/jobs/{victim}"), "").0, 200);
    pass(&mut engine, SignedDuration::from_secs(1));
    let jobs = engine.read("/apps/www/jobs").unwrap();
    let states =
        |state: &str| jobs.as_array().unwrap().iter().filter(|job| job["state"] == state).count();
    assert_eq!((states("up"), states("down")), (3, 1));
    assert_eq!(jobs[0]["restarts"], 1);
    // The host refuses to stop a job that has ended.
    assert_eq!(send(&mut engine, Method::DELETE, &format!("/apps/www/jobs/{victim}"), "").0, 500);
}

#[test]
fn an_attached_program_is_driven_by_the_server() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    let (_, release) = running_app(&mut engine, "www");
    let body = json!({ "release": release, "args": ["cat"] }).to_string();
    let mut request = Request::new(Method::POST, "/apps/www/jobs").json(body);
    request.headers.insert("authorization", "Basic OmtleQ==".parse().unwrap());
    request.headers.insert("upgrade", "flynn-attach/0".parse().unwrap());
    let Answer { status, body: Body::Attach(mut attach), .. } = engine.handle(&request) else {
        panic!("not an upgrade");
    };
    assert_eq!(status, 101);
    assert!(attach.program.react(Input::Start).is_empty());
    let echo = attach.program.react(Input::Stdin("x".into()));
    assert_eq!(echo, [Output::Stdout("x".into())]);
    assert_eq!(attach.program.react(Input::Eof), [Output::Exit(0)]);
    let down = engine.job_exited(&attach.job, 0).unwrap();
    engine.advance(down);
    assert_eq!(job(&mut engine, &attach.job)["state"], "down");
}

#[test]
fn a_stream_tells_what_the_list_tells() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mut engine = engine(age, Pace::Timed);
        let mut request = Request::new(Method::GET, "/events?object_types=job,scale");
        request.headers.insert("authorization", "Basic OmtleQ==".parse().unwrap());
        let Body::Stream(mut cursor) = engine.handle(&request).body else { panic!("no stream") };
        assert!(engine.next_frames(&mut cursor).bytes.is_empty());
        running_app(&mut engine, "www");
        let frames = engine.next_frames(&mut cursor);
        let text = String::from_utf8(frames.bytes.to_vec()).unwrap();
        let streamed: Vec<Value> = text
            .split("\n\n")
            .filter_map(|frame| serde_json::from_str(frame.strip_prefix("data: ")?).ok())
            .collect();
        let mut listed = engine.read("/events?object_types=job,scale&app_id=www").unwrap();
        let listed = listed.as_array_mut().unwrap();
        listed.reverse();
        assert_eq!(&streamed, listed);
        // After 30 seconds without an event, the stream sends a comment.
        pass(&mut engine, SignedDuration::from_secs(31));
        assert_eq!(&engine.next_frames(&mut cursor).bytes[..], b":\n");
        engine.end_streams("controller: shutting down");
        let last = engine.next_frames(&mut cursor);
        assert_eq!(&last.bytes[..], b"event: error\ndata: controller: shutting down\n\n");
        assert!(last.end);
    }
}
