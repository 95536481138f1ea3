//! Requests: our calls send the same requests as the original CLI, and as successful manual requests, for the same
//! operations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use flynn_client::{Client, Error, RetryPolicy};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::differences::{Table, compare};
use super::ours::ours;
use super::recordings::{Exchange, folder, load};
use super::tables::{IN_REQUESTS, NOT_OURS};
use crate::server::{Seen, Server, Step, answer, events};

/// Our call for a recorded request.
pub(super) type Made = BoxFuture<'static, Result<(), Error>>;

/// The answers to reads in the recordings, by run and path, in order.
struct World(BTreeMap<(String, String), Vec<(u64, String)>>);

impl World {
    fn new(exchanges: &[Exchange]) -> Self {
        let mut reads: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for exchange in exchanges {
            if exchange.method == "GET" && exchange.status == 200 && !exchange.path.contains('?') {
                let key = (exchange.run(), exchange.bare_path().to_owned());
                reads.entry(key).or_default().push((exchange.seq, exchange.response_body.clone()));
            }
        }
        Self(reads)
    }

    /// Returns the last answer to a read of this path before an exchange.
    fn before(&self, exchange: &Exchange, path: &str) -> Option<String> {
        let known = self.0.get(&(exchange.run(), path.to_owned()))?;
        let last = known.iter().rfind(|(seq, _)| *seq < exchange.seq)?;
        Some(last.1.clone())
    }
}

/// Answers as the recorded server did.
fn replay(exchange: &Exchange) -> Step {
    if exchange.status == 101 {
        return Step::Send(
            "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: flynn-attach/0\r\n\r\n".into(),
        );
    }
    if exchange.bare_path().ends_with("/log") && exchange.status == 200 && !exchange.is_stream() {
        return events(&exchange.log_as_events());
    }
    let mut headers = String::new();
    for name in ["Content-Type", "Content-Disposition"] {
        if let Some(value) = exchange.response_headers.get(name) {
            write!(headers, "{name}: {value}\r\n").unwrap();
        }
    }
    answer(exchange.status, &headers, &exchange.response_body)
}

/// Answers additional reads of our call as the recorded server would have, as far as is known.
fn beside(world: &World, exchange: &Exchange, request: &Seen) -> Step {
    let (method, path) = request.call().split_once(' ').unwrap();
    assert_eq!(method, "GET", "{}: {} changes something", exchange.origin, request.line());
    let known = world.before(exchange, path).or_else(|| exchange.stand_in(path));
    match known {
        Some(body) => answer(200, "Content-Type: application/json\r\n", body),
        None => answer(404, "", ""),
    }
}

/// Every difference between the request we sent and the recorded one.
fn differences(exchange: &Exchange, sent: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |differs: bool, what: String| {
        if differs {
            found.push(what);
        }
    };
    let (_, path) = sent.call().split_once(' ').unwrap();
    note(path != exchange.bare_path(), "path".into());
    let (ours, theirs) = (decode_query(sent.query()), exchange.query());
    for name in ours.keys().chain(theirs.keys()) {
        note(ours.get(name) != theirs.get(name), format!("query {name}"));
    }
    for name in ["Accept", "Upgrade", "Last-Event-Id"] {
        note(sent.header(name) != exchange.header(name), format!("header {name}"));
    }
    if !exchange.request_body.is_empty() {
        note(
            sent.header("Content-Type") != exchange.header("Content-Type"),
            "header Content-Type".into(),
        );
    }
    // The recordings show only the scheme: the key as a password, without a user name.
    if exchange.header("Authorization").is_some_and(|value| value.starts_with("Basic(user=\"\"")) {
        note(sent.header("Authorization") != Some("Basic OmtleQ=="), "header Authorization".into());
    }
    note(sent.header("X-Request-Id").is_none(), "header X-Request-Id".into());
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (ours, theirs) = (json(&sent.body), json(&exchange.request_body));
    if let (Some(_), _) | (_, Some(_)) = (&ours, &theirs) {
        compare(ours.as_ref(), theirs.as_ref(), "", &mut found);
    }
    found.dedup();
    found
}

fn decode_query(query: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn our_calls_send_what_was_sent() {
    let exchanges = load();
    let world = Arc::new(World::new(&exchanges));
    let (table, not_ours) = (Table::new(IN_REQUESTS), Table::new(NOT_OURS));
    let (mut faults, mut replayed, mut left_out) =
        (Vec::new(), BTreeMap::<String, usize>::new(), 0);
    let wanted = |exchange: &&Exchange| exchange.is_from_cli() || exchange.status == 200;
    for exchange in exchanges.iter().filter(wanted) {
        let call = exchange.call();
        let (recorded, reads) = (exchange.clone(), Arc::clone(&world));
        let server = Server::answering(move |request| {
            if recorded.is_same_call(request) {
                replay(&recorded)
            } else {
                beside(&reads, &recorded, request)
            }
        })
        .await;
        let policy = RetryPolicy::none();
        let client =
            Client::builder(server.url()).key("key").no_proxy().retry(policy).build().unwrap();
        let path = exchange.bare_path();
        let before = world.before(exchange, path).or_else(|| exchange.stand_in(path));
        let Some(made) = ours(&client, exchange, before.as_deref()) else {
            left_out += 1;
            if !not_ours.allows(&call, exchange.oddity()) {
                faults
                    .push(format!("{} {call} {}: no call of ours", exchange.origin, exchange.path));
            }
            continue;
        };
        let result = made.await;
        let seen = server.seen();
        let Some(sent) = seen.iter().find(|request| exchange.is_same_call(request)) else {
            if !table.allows(&call, "not sent") || !result.as_ref().is_err_and(Error::is_validation)
            {
                faults.push(format!("{} {call}: not sent: {result:?}", exchange.origin));
            }
            continue;
        };
        if result.is_ok() != matches!(exchange.status, 101 | 200) {
            faults
                .push(format!("{} {call}: {} became {result:?}", exchange.origin, exchange.status));
        }
        let mut found = differences(exchange, sent);
        found.retain(|what| !table.allows(&call, what));
        faults.extend(found.iter().map(|what| {
            format!(
                "{} {call}: {what}\n    ours {} {}\n    theirs {} {}",
                exchange.origin,
                sent.line(),
                sent.body,
                exchange.path,
                exchange.request_body
            )
        }));
        *replayed.entry(call).or_default() += 1;
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let total: usize = replayed.values().sum();
    println!("{total} requests of {} calls; {left_out} that are nobody's", replayed.len());
    if folder().is_some() {
        assert_eq!(table.unused(), [""; 0], "rows that nothing needs");
        assert_eq!(not_ours.unused(), [""; 0], "rows that nothing needs");
    }
}
