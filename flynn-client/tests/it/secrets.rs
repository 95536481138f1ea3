//! No output of the crate contains a secret. Every call runs with a marked key, marked env values and a marked private
//! key, against good and bad answers, and all output is searched for the marks.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flynn_client::{Client, Error, RetryPolicy};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::calls::{self, ENV_VALUE, KEY, PRIVATE_KEY};
use crate::server::{Server, Step, answer, json};

/// Everything that any crate has logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The `log` crate's records, which reqwest and others still write.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line.as_bytes());
    }

    fn flush(&self) {}
}

fn marks() -> Vec<String> {
    vec![
        KEY.to_owned(),
        STANDARD.encode(format!(":{KEY}")),
        ENV_VALUE.to_owned(),
        PRIVATE_KEY.to_owned(),
    ]
}

fn search(what: &str, text: &str) {
    for mark in marks() {
        if let Some(at) = text.find(&mark) {
            let from = text[..at].char_indices().rev().nth(150).map_or(0, |(from, _)| from);
            panic!("{what} shows {mark}: ...{}", &text[from..at + mark.len()]);
        }
    }
}

/// Returns all output of an error and its causes.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?}", error.detail());
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, " {cause} {cause:?}").unwrap();
        source = cause.source();
    }
    text
}

fn client(url: &str) -> Client {
    let policy = RetryPolicy::default()
        .max_attempts(2)
        .delays(Duration::from_millis(1), Duration::from_millis(1))
        // Otherwise each call about routes that is answered 500 is repeated for 10 s.
        .router_restart(Duration::from_millis(20));
    let builder = Client::builder(url)
        .key(KEY)
        .retry(policy)
        .no_proxy()
        .attempt_timeout(Duration::from_secs(5));
    search("the builder", &format!("{builder:?}"));
    let client = builder.build().unwrap();
    search("the client", &format!("{client:?}"));
    client
}

/// Returns answers that repeat the secrets.
fn bad_replies() -> Vec<Step> {
    let all = format!("{KEY} {ENV_VALUE} {PRIVATE_KEY}");
    let detail = format!(
        r#"{{"code":"conflict","message":"Duplicate route","detail":{{"key":"{all}"}},"retry":false}}"#
    );
    vec![
        json(409, detail),
        json(200, format!(r#"{{"id":{{"x":"{all}"}}}}"#)),
        json(200, format!(r#"["{all}"]"#)),
        json(200, format!(r#""{all}""#)),
        json(200, all.clone()),
        answer(200, "Content-Type: text/plain\r\n", &all),
        answer(404, "Content-Type: text/plain\r\n", &all),
        answer(500, "Content-Type: text/plain\r\n", &all),
        Step::SendAndClose(format!("{all}\r\n\r\n")),
        Step::SendAndClose(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{{\"id\":\"{all}"
        )),
        Step::Drop,
    ]
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    for call in calls::all().into_iter().chain(calls::waits()).map(Arc::new) {
        let replies = std::iter::once((true, call.good_reply()))
            .chain(bad_replies().into_iter().map(|bad| (false, bad)));
        for (good, reply) in replies {
            let seen = Arc::clone(&call);
            let server = Server::answering(move |request| {
                if seen.is(request) {
                    return reply.clone();
                }
                seen.beside(request).unwrap_or_else(|| answer(404, "", ""))
            })
            .await;
            let (text, result) = (call.make)(&client(&server.url())).await;
            match &result {
                // A bad answer that decodes has secrets in the wrong fields.
                Ok(()) if !good => {}
                Ok(()) => search(&call.name, &text),
                Err(error) => search(&call.name, &shown(error)),
            }
        }
    }
    let logged = captured.text();
    assert!(
        logged.contains("flynn_call") && logged.contains("GET"),
        "the spans were not seen: {logged:.300}"
    );
    search("tracing", &logged);
    let logged = String::from_utf8_lossy(&LOGGED.lock().unwrap_or_else(PoisonError::into_inner))
        .into_owned();
    search("log", &logged);
}
