//! The error table: every call against every fault. Each fault gives the same error kind for every call, and the number
//! of attempts follows the rules of `RetryPolicy`. The whole table is checked in.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flynn_client::AppId;
use flynn_client::{Client, ErrorKind, RetryPolicy};
use futures_core::future::BoxFuture;
use tokio::net::TcpSocket;

use crate::calls::{self, Call, Good, KEY, Sent};
use crate::server::{Server, Step, answer, json};

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\n";

/// The number of attempts that the policy of this test allows.
const MOST: u32 = 3;

struct Fault {
    name: &'static str,
    /// The server's behaviour; `None` if there is no server.
    reply: fn(&Call) -> Option<Step>,
    kind: ErrorKind,
    /// True if a repeatable call, and a call that must not be repeated, is sent again.
    again: (bool, bool),
    /// True if the error is transient.
    retryable: bool,
}

fn error(status: u16, code: &str, retry: bool) -> Step {
    json(status, format!(r#"{{"code":"{code}","message":"no","retry":{retry}}}"#))
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "400",
        reply: |_| Some(error(400, "validation_error", false)),
        kind: ErrorKind::Validation,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "401",
        reply: |_| Some(answer(401, "", "")),
        kind: ErrorKind::Unauthorized,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "403",
        reply: |_| Some(error(403, "forbidden", false)),
        kind: ErrorKind::Forbidden,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "404 empty",
        reply: |_| Some(answer(404, "", "")),
        kind: ErrorKind::NotFound,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "404 text",
        reply: |_| Some(answer(404, TEXT, "404 page not found\n")),
        kind: ErrorKind::Unsupported,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "409",
        reply: |_| Some(error(409, "conflict", false)),
        kind: ErrorKind::Conflict,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "412",
        reply: |_| Some(error(412, "precondition_failed", false)),
        kind: ErrorKind::PreconditionFailed,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "429",
        reply: |_| {
            let body = r#"{"code":"ratelimited","message":"no","retry":true}"#;
            Some(answer(429, "Content-Type: application/json\r\nRetry-After: 1\r\n", body))
        },
        kind: ErrorKind::RateLimited,
        again: (true, true),
        retryable: true,
    },
    Fault {
        name: "500",
        reply: |_| Some(error(500, "unknown_error", false)),
        kind: ErrorKind::Server,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "500 retry",
        reply: |_| Some(error(500, "unknown_error", true)),
        kind: ErrorKind::Server,
        again: (true, false),
        retryable: true,
    },
    Fault {
        name: "503 retry",
        reply: |_| Some(error(503, "service_unavailable", true)),
        kind: ErrorKind::Unavailable,
        again: (true, true),
        retryable: true,
    },
    Fault {
        name: "malformed",
        reply: |_| Some(json(200, "{\"id\":")),
        kind: ErrorKind::Decode,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "HTML",
        reply: |_| Some(answer(200, "Content-Type: text/html\r\n", "<html>hello</html>")),
        kind: ErrorKind::Decode,
        again: (false, false),
        retryable: false,
    },
    Fault {
        name: "cut body",
        reply: |call| {
            let (kind, start) = match call.good {
                Good::Stream(_) | Good::Events(_) => ("text/event-stream", "data: {\"id\":"),
                Good::Typed(kind, _) => (kind, "{\"id\":"),
                _ => ("application/json", "{\"id\":"),
            };
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 99\r\n\r\n");
            Some(Step::SendAndClose(head + start))
        },
        kind: ErrorKind::Connection,
        again: (true, false),
        retryable: true,
    },
    Fault {
        name: "dropped",
        reply: |_| Some(Step::Drop),
        kind: ErrorKind::Connection,
        again: (true, false),
        retryable: true,
    },
    Fault {
        name: "silence",
        reply: |_| Some(Step::Hang),
        kind: ErrorKind::Timeout,
        again: (true, false),
        retryable: true,
    },
];

fn all_faults() -> impl Iterator<Item = &'static Fault> {
    FAULTS.iter().chain([&REFUSED])
}

/// Returns a client whose attempts end after [`ATTEMPT`].
fn client(url: &str) -> Client {
    let policy = RetryPolicy::default()
        .max_attempts(MOST)
        // `transport/retry.rs` tests the calls that wait for a router, because the number of their attempts depends on
        // time.
        .router_restart(Duration::ZERO);
    Client::builder(url).key(KEY).retry(policy).no_proxy().attempt_timeout(ATTEMPT).build().unwrap()
}

/// The clock of these tests is paused: it passes only while nothing else happens, however slow the machine is.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Nothing listens at the address.
const REFUSED: Fault = Fault {
    name: "no connection",
    reply: |_| None,
    kind: ErrorKind::Connect,
    again: (true, true),
    retryable: true,
};

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Met {
    kind: String,
    /// The number of times that the request was sent.
    sent: u32,
    /// The wrong parts of the error.
    wrong: Vec<String>,
}

/// Runs a call against one fault after the other.
async fn meet_all(call: Arc<Call>) -> Vec<Met> {
    let (seen, now) = (Arc::clone(&call), Arc::new(AtomicUsize::new(0)));
    let fault = Arc::clone(&now);
    let server = Server::answering(move |request| {
        if seen.is(request) {
            let reply = FAULTS[fault.load(Ordering::Relaxed)].reply;
            return closing(reply(&seen).unwrap_or(Step::Drop));
        }
        let beside = seen.beside(request);
        closing(beside.unwrap_or_else(|| panic!("unexpected {}", request.line())))
    })
    .await;
    let client = client(&server.url());
    let mut all = Vec::new();
    for (at, fault) in FAULTS.iter().enumerate() {
        now.store(at, Ordering::Relaxed);
        let before = server.seen().len();
        all.push(
            meet(&call, fault, &client, || {
                let seen = server.seen();
                seen[before..].iter().filter(|request| call.is(request)).count()
            })
            .await,
        );
    }
    // A socket that is bound but does not listen refuses, and keeps other processes from its port.
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = self::client(&format!("http://{}", refusing.local_addr().unwrap()));
    all.push(meet(&call, &REFUSED, &nobody, || usize::MAX).await);
    all
}

/// One connection for each request: one that a fault has closed must not be met by the next.
fn closing(step: Step) -> Step {
    match step {
        Step::Send(bytes) if bytes.contains("Content-Length") => {
            Step::SendAndClose(bytes.replacen("\r\n", "\r\nConnection: close\r\n", 1))
        }
        other => other,
    }
}

async fn meet(call: &Call, fault: &Fault, client: &Client, sent: impl Fn() -> usize) -> Met {
    let (made, patience) = ((call.make)(client), Duration::from_secs(3600));
    let Ok((_, result)) = tokio::time::timeout(patience, made).await else {
        return Met { kind: "hangs".into(), sent: 0, wrong: Vec::new() };
    };
    // Without a listener there is no count.
    let sent = |attempts: u32| u32::try_from(sent()).unwrap_or(attempts);
    let Err(error) = result else {
        return Met { kind: "ok".into(), sent: sent(1), wrong: Vec::new() };
    };
    let mut wrong = Vec::new();
    let mut check = |right: bool, what: &str| {
        if !right {
            wrong.push(format!("{what}: {error:?}"));
        }
    };
    let as_all = call.exception(fault.name).is_none();
    check(!as_all || error.is_retryable() == fault.retryable, "is_retryable");
    check(!error.to_string().contains('\n'), "more than one line");
    check(error.attempts() == sent(error.attempts()), "attempts");
    check(
        error.method().is_some() && error.path().is_some() && error.request_id().is_some(),
        "context",
    );
    let kind = error.kind();
    for (named, says) in [
        (ErrorKind::NotFound, error.is_not_found()),
        (ErrorKind::Conflict, error.is_conflict()),
        (ErrorKind::Validation, error.is_validation()),
        (ErrorKind::Unauthorized, error.is_unauthorized()),
        (ErrorKind::Forbidden, error.is_forbidden()),
        (ErrorKind::PreconditionFailed, error.is_precondition_failed()),
        (ErrorKind::RateLimited, error.is_rate_limited()),
        (ErrorKind::Timeout, error.is_timeout()),
        (ErrorKind::Unsupported, error.is_unsupported()),
        (ErrorKind::Connect, error.is_connect()),
    ] {
        check(says == (kind == named), &format!("the predicate of {named:?}"));
    }
    Met { kind: format!("{kind:?}"), sent: sent(error.attempts()), wrong }
}

/// Returns the expectation according to the rules of `RetryPolicy`.
fn expected(call: &Call, fault: &Fault) -> Met {
    let again = match call.sent {
        Sent::Again | Sent::AgainUntilGone => fault.again.0,
        Sent::Once => fault.again.1,
    };
    let (kind, sent) = (format!("{:?}", fault.kind), if again { MOST } else { 1 });
    let (kind, sent) = match (fault.name, call.good) {
        ("404 empty", Good::Optional(_)) => ("ok".to_owned(), 1),
        ("cut body", Good::Stream(_)) => (kind, 1),
        _ => (kind, sent),
    };
    let kind = call.exception(fault.name).map_or(kind, |other| other.kind.to_owned());
    Met { kind, sent, wrong: Vec::new() }
}

#[tokio::test(start_paused = true)]
async fn every_call_meets_every_fault() {
    let calls: Vec<Arc<Call>> = calls::all().into_iter().map(Arc::new).collect();
    let met: Vec<_> = calls.iter().map(|call| tokio::spawn(meet_all(Arc::clone(call)))).collect();
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (call, met) in calls.iter().zip(met) {
        let met = met.await.unwrap();
        for (fault, met) in all_faults().zip(&met) {
            let expected = expected(call, fault);
            if *met != expected {
                let (call, fault) = (&call.name, fault.name);
                faults.push(format!("{call} on {fault}: {met:?}, expected {expected:?}"));
            }
        }
        rows.push(met);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    compare_with_checked_in(&table(&calls, &rows));
}

fn table(calls: &[Arc<Call>], rows: &[Vec<Met>]) -> String {
    let names: Vec<_> = all_faults().map(|fault| fault.name).collect();
    let mut table = format!("| call | may be sent | {} |\n", names.join(" | "));
    writeln!(table, "|---|---|{}", "---|".repeat(names.len())).unwrap();
    for (call, row) in calls.iter().zip(rows) {
        let class = match call.sent {
            Sent::Again => "again",
            Sent::AgainUntilGone => "until gone",
            Sent::Once => "once",
        };
        let fields: Vec<_> = row.iter().map(|met| format!("{} {}", met.kind, met.sent)).collect();
        writeln!(table, "| {} | {class} | {} |", call.name, fields.join(" | ")).unwrap();
    }
    table
}

fn compare_with_checked_in(table: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/error-table.md");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let changed = table.lines().zip(checked_in.lines()).find(|(ours, theirs)| ours != theirs);
    assert!(
        table == checked_in,
        "the table has changed, first at {changed:#?}: run with UPDATE_TABLES=1 and look at the difference"
    );
}

/// An object stays deleted if the answer to its deletion was lost.
#[tokio::test]
async fn a_404_after_a_lost_answer_is_a_success() {
    for call in calls::all().into_iter().filter(|call| call.sent == Sent::AgainUntilGone) {
        let call = Arc::new(call);
        let (seen, count) = (Arc::clone(&call), std::sync::atomic::AtomicU32::new(0));
        let server = Server::answering(move |request| match seen.beside(request) {
            Some(reply) => reply,
            None if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => Step::Drop,
            None => answer(404, "", ""),
        })
        .await;
        let (_, result) = (call.make)(&client(&server.url())).await;
        assert!(result.is_ok(), "{}: {result:?}", call.name);
    }
}

/// Calls that wait, each as: its name, and itself with a deadline.
type Wait = (&'static str, fn(&Client) -> BoxFuture<'static, Result<(), flynn_client::Error>>);

const WAITS: [Wait; 4] = [
    ("deployment", |c| wait(c.deployment("d1").wait().timeout(SOON))),
    ("scaling", |c| wait(c.app("www").scaling("r1", "q1").wait().timeout(SOON))),
    ("deletion", |c| wait(c.app_deletion(AppId::new("a1")).wait().timeout(SOON))),
    ("migration", |c| wait(c.domain().migration("m1").wait().timeout(SOON))),
];

const SOON: Duration = Duration::from_secs(20);

fn wait<T, F>(call: F) -> BoxFuture<'static, Result<(), flynn_client::Error>>
where
    F: IntoFuture<Output = Result<T, flynn_client::Error>>,
    F::IntoFuture: Send + 'static,
{
    use futures_util::FutureExt as _;
    call.into_future().map(|result| result.map(drop)).boxed()
}

/// A waiting call ends whatever happens to its events, and its error names the operation that continues.
#[tokio::test(start_paused = true)]
async fn every_wait_meets_every_fault() {
    let met = WAITS.map(|(name, make)| {
        tokio::spawn(async move {
            let mut wrong = Vec::new();
            for fault in FAULTS {
                let events = Call {
                    name: name.to_owned(),
                    request: "GET /events",
                    sent: Sent::Again,
                    good: Good::Stream(""),
                    besides: &[
                        ("GET /deployments/d1", r#"{"id":"d1","app":"a1","status":"pending"}"#),
                        ("GET /apps/a1", r#"{"id":"a1","name":"www"}"#),
                    ],
                    make: |_| unreachable!(),
                };
                let server = Server::answering(move |request| {
                    let beside = events.beside(request);
                    closing(beside.or_else(|| (fault.reply)(&events)).unwrap_or(Step::Drop))
                })
                .await;
                let made = make(&client(&server.url()));
                let error = tokio::time::timeout(Duration::from_secs(3600), made).await.unwrap();
                let error = error.unwrap_err();
                let kind_fits = error.kind() == fault.kind || error.is_timeout() && fault.retryable;
                if !kind_fits || error.pending().is_none() {
                    wrong.push(format!("{name} on {}: {error:?}", fault.name));
                }
            }
            wrong
        })
    });
    let mut wrong = Vec::new();
    for met in met {
        wrong.extend(met.await.unwrap());
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}
