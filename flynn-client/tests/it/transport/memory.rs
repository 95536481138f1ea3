//! The memory cost of answers. Each case runs in a separate process, whose peak is measured.

use std::fmt::Write as _;
use std::process::Command;

use flynn_client::{Error, ErrorKind};
use futures_util::TryStreamExt as _;

use crate::server::{Seen, Server, Step, json};

const CASE: &str = "FLYNN_CLIENT_MEMORY_CASE";

/// The most memory that this process ever held, in MiB.
#[cfg(target_os = "linux")]
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() / 1024
}

/// A server that never runs out of events.
fn endless_page(seen: &Seen) -> Step {
    let query = |name| {
        let mut pairs = seen.query().split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then(|| value.parse::<i64>().unwrap()))
    };
    let before = query("before_id").unwrap_or(1 << 40);
    let mut page = String::new();
    for id in (before - query("count").unwrap()..before).rev() {
        let comma = if page.is_empty() { "[" } else { "," };
        write!(page, r#"{comma}{{"id":{id},"object_type":"app","data":{{"name":"www"}}}}"#)
            .unwrap();
    }
    json(200, page + "]")
}

fn objects(bytes: usize) -> String {
    format!("[{}{{}}]", "{},".repeat(bytes / 3))
}

fn too_large<T>(result: Result<T, Error>) {
    assert_eq!(result.err().unwrap().kind(), ErrorKind::TooLarge);
}

#[tokio::test]
#[ignore = "the other test starts it"]
#[cfg(target_os = "linux")]
async fn child() {
    match std::env::var(CASE).as_deref() {
        Ok("list") => {
            let server = Server::play([json(200, objects(8 << 20))]).await;
            too_large(server.client().apps().list().await);
        }
        Ok("nested") => {
            let body = format!(r#"{{"id":"1","errors":{}}}"#, objects(8 << 20));
            let server = Server::play([json(200, body)]).await;
            too_large(server.client().managed_certificates().get("1").await);
        }
        Ok("events") => {
            let server = Server::answering(endless_page).await;
            too_large(server.client().events().list().await);
            assert_eq!(server.seen().len(), 201);
            let counted = server.client().events().count(1200).list().await.unwrap();
            assert_eq!(counted.len(), 1200);
        }
        Ok("pages") => {
            let server = Server::answering(endless_page).await;
            let mut pages = server.client().events().list().pages();
            for _ in 0..400 {
                assert_eq!(pages.try_next().await.unwrap().unwrap().len(), 500);
            }
        }
        _ => return,
    }
    println!("\npeak: {}", peak());
}

#[test]
#[cfg(target_os = "linux")]
fn answers_are_bounded_in_memory() {
    for (case, most) in [("list", 110), ("nested", 110), ("events", 160), ("pages", 60)] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "transport::memory::child", "--ignored", "--nocapture"])
            .env(CASE, case)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let peak = text.lines().find_map(|line| line.strip_prefix("peak: "));
        let peak: usize = peak.unwrap_or_else(|| panic!("{case}: {output:?}")).parse().unwrap();
        println!("{case}: {peak} MiB");
        assert!(peak < most, "{case}: {peak} MiB");
    }
}
