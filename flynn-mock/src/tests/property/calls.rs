//! The calls of the property tests.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A well-formed call on objects that are chosen by number. A number past the end is an object that does not exist.
#[derive(Clone, Debug)]
pub(super) enum Call {
    CreateApp(Option<u8>),
    BadAppName(String),
    UpdateApp(usize, Value),
    DeleteApp(usize),
    CreateRelease(usize, u8, bool),
    SetRelease(usize, usize),
    Deploy(usize, usize),
    DeleteRelease(usize, usize),
    Formation(usize, usize, &'static str, i8),
    Scale(usize, usize, &'static str, i8),
    RunJob(usize, usize, &'static str),
    KillJob(usize, usize),
    CreateRoute(usize, u8, &'static str),
    DeleteRoute(usize, usize),
    CollectGarbage(usize),
    Provision(usize, usize),
    Sink,
    Read(&'static str, usize),
    /// One of [`OTHERS`], on the n-th of everything.
    Other((&'static str, &'static str, &'static str), usize),
    Pass(u16),
    /// Arbitrary bytes, for which only a panic is a failure.
    Garbage(&'static str, &'static str, String),
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let at = || 0..4_usize;
    let kind = || prop::sample::select(vec!["web", "worker", "nosuch"]);
    prop_oneof![
        3 => prop::option::of(0..6_u8).prop_map(Call::CreateApp),
        1 => "[A-Z_. ]{1,8}".prop_map(Call::BadAppName),
        2 => (at(), update()).prop_map(|(app, update)| Call::UpdateApp(app, update)),
        1 => at().prop_map(Call::DeleteApp),
        4 => (at(), 0..3_u8, any::<bool>()).prop_map(|(a, v, c)| Call::CreateRelease(a, v, c)),
        2 => (at(), at()).prop_map(|(a, r)| Call::SetRelease(a, r)),
        4 => (at(), at()).prop_map(|(a, r)| Call::Deploy(a, r)),
        1 => (at(), at()).prop_map(|(a, r)| Call::DeleteRelease(a, r)),
        3 => (at(), at(), kind(), -1..4_i8).prop_map(|(a, r, k, n)| Call::Formation(a, r, k, n)),
        2 => (at(), at(), kind(), -1..4_i8).prop_map(|(a, r, k, n)| Call::Scale(a, r, k, n)),
        2 => (at(), at(), prop::sample::select(vec!["exit 3", "echo a", "sleep 2"]))
            .prop_map(|(a, r, c)| Call::RunJob(a, r, c)),
        2 => (at(), at()).prop_map(|(a, j)| Call::KillJob(a, j)),
        2 => (at(), 0..3_u8, prop::sample::select(vec!["/", "/a/", "/b"]))
            .prop_map(|(a, d, p)| Call::CreateRoute(a, d, p)),
        1 => (at(), at()).prop_map(|(a, r)| Call::DeleteRoute(a, r)),
        1 => at().prop_map(Call::CollectGarbage),
        1 => (at(), at()).prop_map(|(p, a)| Call::Provision(p, a)),
        1 => Just(Call::Sink),
        3 => (prop::sample::select(READS.to_vec()), at()).prop_map(|(p, a)| Call::Read(p, a)),
        6 => (prop::sample::select(OTHERS.to_vec()), at()).prop_map(|(c, n)| Call::Other(c, n)),
        3 => (0..4000_u16).prop_map(Call::Pass),
        2 => (
            prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]),
            prop::sample::select(GARBAGE.to_vec()),
            prop_oneof![Just(String::new()), "\\PC{0,12}", json_text()]
        )
            .prop_map(|(m, p, b)| Call::Garbage(m, p, b)),
    ]
}

/// Calls that need only existing objects. Names stand for their ids.
const OTHERS: &[(&str, &str, &str)] = &[
    ("POST", "/apps/APP/meta", r#"{"meta":{"b":"2"}}"#),
    (
        "PUT",
        "/apps/APP/formations/RELEASE",
        r#"{"processes":{"web":2},"tags":{"web":{"disk":"ssd"}}}"#,
    ),
    ("GET", "/apps/APP/formations/RELEASE?expand=true", ""),
    ("DELETE", "/apps/APP/formations/RELEASE", ""),
    ("GET", "/releases/RELEASE", ""),
    ("GET", "/deployments/DEPLOYMENT", ""),
    ("GET", "/apps/APP/jobs/JOB", ""),
    ("GET", "/apps/APP/log?lines=3", ""),
    ("GET", "/apps/APP/routes/http/ROUTE", ""),
    ("GET", "/routes", ""),
    ("GET", "/events?app_id=APP&count=3", ""),
    ("GET", "/events?object_types=job,release&before_id=300", ""),
    ("GET", "/events/200", ""),
    ("PUT", "/providers/PROVIDER/resources/RESOURCE/apps/APP", ""),
    ("DELETE", "/providers/PROVIDER/resources/RESOURCE/apps/APP", ""),
    ("GET", "/providers/PROVIDER/resources/RESOURCE", ""),
    ("DELETE", "/providers/PROVIDER/resources/RESOURCE", ""),
    ("GET", "/apps/postgres/volumes", ""),
    ("PUT", "/apps/postgres/volumes/VOLUME/decommission", r#"{"id":"VOLUME"}"#),
    ("GET", "/sinks", ""),
    ("GET", "/sinks/SINK", ""),
    ("DELETE", "/sinks/SINK", ""),
    ("GET", "/backup", ""),
    ("PUT", "/domain", r#"{"old_domain":"p.test","domain":"q.test"}"#),
];

const READS: &[&str] = &[
    "/apps",
    "/apps/APP",
    "/apps/APP/release",
    "/apps/APP/releases",
    "/apps/APP/formations",
    "/apps/APP/deployments",
    "/apps/APP/jobs",
    "/apps/APP/routes",
    "/apps/APP/resources",
    "/apps/APP/log",
    "/releases",
    "/artifacts",
    "/providers",
    "/resources",
    "/active-jobs",
    "/formations?active=true",
    "/nosuch",
    "/ping",
    "/ca-cert",
    "/.well-known/status",
];

const GARBAGE: &[&str] = &[
    "/",
    "/apps",
    "/apps/x",
    "/apps/controller",
    "/apps/controller/meta",
    "/apps/router/deploy",
    "/apps/router/release",
    "/apps/router/formations/x",
    "/apps/router/scale/x",
    "/apps/router/jobs",
    "/apps/router/jobs/x",
    "/apps/router/routes",
    "/apps/router/gc",
    "/apps/router/routes/http/x",
    "/apps/router/log?lines=x",
    "/releases",
    "/releases/x",
    "/artifacts",
    "/providers",
    "/providers/postgres/resources",
    "/providers/postgres/resources/x",
    "/providers/x/resources/y/apps/z",
    "/events?count=x",
    "/events/x",
    "/sinks",
    "/sinks/x",
    "/volumes",
    "/volumes/x",
    "/apps/postgres/volumes/x/decommission",
    "/domain",
    "/formations",
    "/apps/%00",
    "/apps/%",
    "/..",
    "//",
    "/apps?key=%zz",
    "/backup",
    "/formations?since=x",
];

fn update() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        Just(json!({"meta": {"a": "1"}})),
        Just(json!({"meta": {}})),
        Just(json!({"strategy": "one-by-one"})),
        (0..200).prop_map(|n| json!({"deploy_timeout": n})),
    ]
}

fn json_text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null",
        "{}",
        "[]",
        "{",
        "1",
        "\"x\"",
        "{\"id\":1}",
        "{\"name\":1}",
        "{\"meta\":{\"a\":1}}",
        "{\"processes\":{\"web\":\"x\"}}",
        "{\"type\":\"http\"}",
        "{\"id\":\"\"}",
        "{\"env\":[]}",
        "{\"state\":\"complete\"}",
        "{\"old_domain\":1}",
        "{\"certificate\":{\"cert\":\"x\"}}",
    ])
    .prop_map(str::to_owned)
}
