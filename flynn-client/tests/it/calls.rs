//! Every call of the crate once: its request, a valid answer, and the number of times that it may be sent. The error
//! table and the test of secrets use this list.

use std::fmt::Write as _;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use flynn_client::{Client, Error};
use futures_util::StreamExt as _;

use crate::server::{Seen, Step, answer, events, json, open_events};

/// A call's own `Debug` and that of its result; or the error.
pub(crate) type Outcome = Pin<Box<dyn Future<Output = (String, Result<(), Error>)> + Send>>;

/// The number of times that a call may be sent, stated independently of the code under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Repeated after every transient fault.
    Again,
    /// As `Again`, but a 404 at a later attempt counts as success.
    AgainUntilGone,
    /// Repeated only if the server cannot have acted.
    Once,
}

/// A valid answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Good {
    Json(&'static str),
    /// A 404 is an answer too.
    Optional(&'static str),
    /// No body.
    Nothing,
    /// An event stream that ends after these frames, read frame by frame.
    Stream(&'static str),
    /// An event stream that is read as a whole.
    Events(&'static str),
    /// A body of this type.
    Typed(&'static str, &'static str),
    /// An upgrade to another protocol.
    Upgrade,
}
use Good::{Events, Json, Nothing, Optional, Stream, Typed, Upgrade};

pub(crate) struct Call {
    /// The call as a user writes it.
    pub(crate) name: String,
    /// Method and path of the request under test, without query.
    pub(crate) request: &'static str,
    pub(crate) sent: Sent,
    pub(crate) good: Good,
    /// Requests of the same call that come before or after, and their answers.
    pub(crate) besides: &'static [(&'static str, &'static str)],
    pub(crate) make: fn(&Client) -> Outcome,
}

impl Call {
    /// Returns whether a request is the one under test.
    pub(crate) fn is(&self, request: &Seen) -> bool {
        self.request == request.call()
    }

    /// Returns the answer to one of the other requests.
    pub(crate) fn beside(&self, request: &Seen) -> Option<Step> {
        let known = self.besides.iter().find(|(known, _)| *known == request.call());
        known.map(
            |(_, body)| {
                if body.starts_with("data: ") { open_events(body) } else { json(200, body) }
            },
        )
    }

    pub(crate) fn good_reply(&self) -> Step {
        match self.good {
            Json(body) | Optional(body) => json(200, body),
            Nothing => answer(200, "", ""),
            Stream(frames) | Events(frames) => events(frames),
            Upgrade => Step::Send(
                "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: flynn-attach/0\r\n\r\n".into(),
            ),
            Typed(kind, body) => answer(200, &format!("Content-Type: {kind}\r\n"), body),
        }
    }
}

/// Runs a call, and passes its `Debug` and that of its result to the search for secrets.
fn run<T, F>(call: F) -> Outcome
where
    T: std::fmt::Debug + 'static,
    F: IntoFuture<Output = Result<T, Error>> + std::fmt::Debug + Send + 'static,
    F::IntoFuture: Send,
{
    let shown = format!("{call:?}");
    Box::pin(async move {
        match call.into_future().await {
            Ok(result) => (format!("{shown} {result:?}"), Ok(())),
            Err(error) => (shown, Err(error)),
        }
    })
}

pub(crate) const KEY: &str = "marked-cluster-key";
pub(crate) const ENV_VALUE: &str = "marked-env-value";
pub(crate) const PRIVATE_KEY: &str = "marked-private-key";

const APP_ID: &str = "11111111-0000-4000-8000-000000000001";
const APP: &str = r#"{"id":"11111111-0000-4000-8000-000000000001","name":"www","meta":{}}"#;

/// Calls, each with the number of times that it may be sent, its request, a valid answer, its other requests, and its
/// code.
macro_rules! calls {
    ($c:ident; $($sent:ident $request:literal => $good:ident$(($($with:expr),+))?,
        $([$($beside:expr),+ $(,)?],)? $how:ident($call:expr);)+) => {
        vec![$($crate::calls::Call {
            name: $crate::calls::name(stringify!($call)),
            request: $request,
            sent: $crate::calls::Sent::$sent,
            good: $crate::calls::Good::$good$(($($with),+))?,
            besides: &[$($($beside),+)?],
            make: |$c| $how($call),
        },)+]
    };
}

mod apps;
mod cluster;

/// Returns the code of a call on one line, without the name of the client.
fn name(code: &str) -> String {
    let line = code.split_whitespace().collect::<Vec<_>>().concat();
    line.strip_prefix("c.").unwrap_or(&line).to_owned()
}

/// Calls that respond to a fault in their own way.
pub(crate) struct Exception {
    pub(crate) call: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) kind: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    pub(crate) why: &'static str,
}

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        call: "routes().list()",
        fault: "404 text",
        kind: "ok",
        why: "old servers: the routes of each app are listed",
    },
    Exception {
        call: "route(\"http/u1\").get()",
        fault: "404 text",
        kind: "ok",
        why: "old servers: the routes of each app are listed",
    },
    Exception {
        call: "app(\"www\").scale([(\"web\",2)]).release(\"r1\")",
        fault: "404 text",
        kind: "ok",
        why: "old servers: the formation is written",
    },
    Exception {
        call: "app(\"www\").env().get()",
        fault: "404 empty",
        kind: "ok",
        why: "an app without a release has no variables",
    },
    Exception {
        call: "app(\"www\").jobs().run([\"echo\"]).env(\"SECRET\",ENV_VALUE).attached()",
        fault: "malformed",
        kind: "Unexpected",
        why: "any success but 101 means that the job runs and is out of reach",
    },
    Exception {
        call: "app(\"www\").jobs().run([\"echo\"]).env(\"SECRET\",ENV_VALUE).attached()",
        fault: "HTML",
        kind: "Unexpected",
        why: "any success but 101 means that the job runs and is out of reach",
    },
    Exception {
        call: "app(\"www\").jobs().run([\"echo\"]).env(\"SECRET\",ENV_VALUE).attached()",
        fault: "cut body",
        kind: "Unexpected",
        why: "any success but 101 means that the job runs and is out of reach",
    },
    Exception {
        call: "request(Method::DELETE,\"/apps/www\")",
        fault: "malformed",
        kind: "ok",
        why: "the raw answer is the caller's to read",
    },
    Exception {
        call: "request(Method::DELETE,\"/apps/www\")",
        fault: "HTML",
        kind: "ok",
        why: "the raw answer is the caller's to read",
    },
];

impl Call {
    pub(crate) fn exception(&self, fault: &str) -> Option<&'static Exception> {
        EXCEPTIONS.iter().find(|exception| exception.call == self.name && exception.fault == fault)
    }
}

/// Opens a stream and reads it to its end.
fn drain<S, T, F>(call: F) -> Outcome
where
    T: std::fmt::Debug,
    S: futures_core::Stream<Item = Result<T, Error>> + std::fmt::Debug + Send + Unpin + 'static,
    F: IntoFuture<Output = Result<S, Error>> + std::fmt::Debug + Send + 'static,
    F::IntoFuture: Send,
    T: Send,
{
    let mut shown = format!("{call:?}");
    Box::pin(async move {
        let mut stream = match call.into_future().await {
            Ok(stream) => stream,
            Err(error) => return (shown, Err(error)),
        };
        write!(shown, " {stream:?}").unwrap();
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => write!(shown, " {item:?}").unwrap(),
                Err(error) => return (shown, Err(error)),
            }
        }
        (shown, Ok(()))
    })
}

pub(crate) fn all() -> Vec<Call> {
    [
        apps::apps(),
        apps::releases(),
        apps::formations(),
        apps::routes(),
        cluster::resources(),
        cluster::sinks(),
        cluster::cluster(),
        cluster::streams(),
        cluster::raw(),
        cluster::fork(),
        cluster::users(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) use apps::waits;
