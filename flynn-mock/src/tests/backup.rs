//! Backup.

use std::io::Read as _;

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::Ask as _;
use crate::api::answer::{Answer, Body};
use crate::dialect::ServerAge;
use crate::life::{Engine, Input, Options, Output, Program, Programs};
use crate::store::hex;
use crate::wire::Request;

fn engine(change: impl FnOnce(&mut Options)) -> Engine {
    let mut options = Options::new(ServerAge::V2021, "example.com");
    options.key = Some("k".to_owned());
    change(&mut options);
    Engine::new(options)
}

fn get(engine: &mut Engine, accept: &'static str) -> Answer {
    let request = Request::new(Method::GET, "/backup")
        .header(header::AUTHORIZATION, HeaderValue::from_static("Basic Oms="))
        .header(header::ACCEPT, HeaderValue::from_static(accept));
    engine.handle(&request)
}

fn record(engine: &mut Engine) -> Value {
    serde_json::from_slice(get(engine, "application/json").bytes()).unwrap_or_default()
}

fn members(tar: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (path, text)
        })
        .collect()
}

#[test]
fn a_backup_and_its_record() {
    let mut engine = engine(|_| ());
    assert_eq!(get(&mut engine, "application/json").status, StatusCode::NOT_FOUND);
    let answer = get(&mut engine, "*/*");
    let name = answer.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert_eq!(name, "attachment; filename=\"flynn-backup-1970-01-01_000000.tar\"");
    let members = members(answer.bytes());
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let folder = "flynn-backup-1970-01-01_000000";
    assert_eq!(names, [format!("{folder}/flynn.json"), format!("{folder}/postgres.sql.gz")]);
    let apps: Value = serde_json::from_str(&members[0].1).unwrap();
    assert_eq!(apps["controller"]["processes"]["web"], 2);
    assert!(members[1].1.contains("pg_dumpall"));
    let record = record(&mut engine);
    assert_eq!(record["status"], "complete");
    assert_eq!(record["size"], answer.bytes().len());
    assert_eq!(record["sha512"], hex(&Sha512::digest(answer.bytes())));
}

#[test]
fn a_dump_that_fails_leaves_its_member_out() {
    let mut engine = engine(|options| {
        options.programs = Programs::new(|_| {
            let program = |_: Input| vec![Output::Exit(3)];
            Box::new(program) as Box<dyn Program>
        });
    });
    let answer = get(&mut engine, "*/*");
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(members(answer.bytes()).len(), 1);
    let record = record(&mut engine);
    assert_eq!(record["status"], "error");
    assert_eq!(
        record["error"],
        "error dumping postgres database: error running postgres export: \
         unexpected command exit status 3"
    );
}

#[test]
fn a_controller_that_cannot_reach_itself_writes_an_empty_tar() {
    let mut engine = engine(|options| options.backup_error = Some("no route".to_owned()));
    assert_eq!(get(&mut engine, "*/*").bytes(), [0; 1024]);
    assert_eq!(record(&mut engine)["error"], "no route");
}

#[test]
fn a_slow_backup_is_a_stream() {
    use jiff::SignedDuration;
    let mut engine = engine(|options| options.delays.backup = SignedDuration::from_secs(10));
    let Body::Stream(mut cursor) = get(&mut engine, "*/*").body else {
        panic!("not a stream");
    };
    assert!(engine.next_frames(&mut cursor).bytes.is_empty());
    assert_eq!(record(&mut engine)["status"], "running");
    engine.advance(engine.now() + SignedDuration::from_secs(11));
    let frames = engine.next_frames(&mut cursor);
    assert!(frames.end && frames.bytes.len() > 1024);
    assert_eq!(record(&mut engine)["status"], "complete");
}
