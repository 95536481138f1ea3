//! Streams that break while the cluster changes: what a watch sees is what the cluster has recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use flynn_client::apps::NewApp;
use flynn_client::events::Event;
use flynn_client::formations::ExpandedFormation;
use flynn_client::logs::LogItem;
use flynn_client::sinks::{NewSink, Sink, SyslogConfig};
use flynn_client::volumes::Volume;
use flynn_client::{Change, Client, Error, RetryPolicy, Stream};
use flynn_mock::{AppSeed, MockController};
use futures_util::StreamExt as _;
use tokio::sync::Notify;

use crate::cutter::{Cutter, Fate};
use crate::faults::is_long;
use crate::server::{Server, Step, answer, events};

/// The way in which a stream breaks.
struct Break {
    name: &'static str,
    /// By the number of the stream.
    fate: fn(usize) -> Fate,
    /// The cluster's action after a change, by the number of the change.
    besides: fn(&MockController, usize),
    /// Changes in a long run.
    changes: usize,
}

const BREAKS: &[Break] = &[
    Break {
        name: "cuts in a frame",
        // In a long run each byte of a frame is the last one once.
        fate: |n| Fate::Cut { frames: (n + 1) % 3, bytes: if is_long() { n } else { 37 * n } },
        besides: |_, _| {},
        changes: 300,
    },
    Break {
        name: "resets",
        fate: |n| Fate::Reset { frames: (n + 1) % 3 },
        besides: |_, _| {},
        changes: 300,
    },
    Break {
        name: "silence",
        fate: |n| Fate::Silent { frames: 3 + n % 3 },
        besides: |_, _| {},
        changes: 60,
    },
    Break {
        name: "error frames",
        fate: |_| Fate::Whole,
        besides: |mock, n| {
            if n % 3 == 0 {
                mock.end_streams();
            }
        },
        changes: 300,
    },
    Break {
        name: "restarts",
        fate: |_| Fate::Whole,
        besides: |mock, n| {
            if n % 5 == 0 {
                mock.shut_down();
                mock.restart();
            }
        },
        changes: 300,
    },
];

/// Frames that come twice: only events have ids by which they can be told.
const TWICE: Break =
    Break { name: "duplicates", fate: |_| Fate::Twice, besides: |_, _| {}, changes: 300 };

/// The watched stream.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Events,
    Log,
    Formations,
    Volumes,
    Sinks,
}

impl What {
    /// Makes a change that the watch must see.
    async fn change(self, mock: &MockController, n: usize) {
        // A new client, since a restart closes the connections of the previous one.
        let client = mock.client();
        let count = i64::try_from(n).unwrap();
        let scale = async |count| {
            let scaling = client.app("www").scale([("web", count)]).await.unwrap();
            scaling.wait().await.unwrap();
        };
        match self {
            Self::Events => {
                client.apps().create(NewApp::named(format!("app-{n}"))).await.unwrap();
            }
            Self::Log => {
                mock.log("www", &n.to_string());
                client.app("www").get().await.unwrap();
            }
            Self::Formations => scale(1 + count % 3).await,
            // A volume that is used again would send no event.
            Self::Volumes => scale(2 + count).await,
            Self::Sinks => {
                let config = SyslogConfig::new(format!("syslog://host-{n}:514"));
                client.sinks().create(NewSink::syslog(&config)).await.unwrap();
            }
        }
    }

    /// Watches until all of this number of changes are seen.
    async fn see(self, client: &Client, mock: &MockController, changes: usize, run: &Run) {
        // Longer than a busy machine needs for a frame.
        let (state, idle) = (mock.state(), Duration::from_secs(1));
        match self {
            Self::Events => {
                let mut seen = BTreeMap::<i64, Event>::new();
                let watch = client.events().past().count(1).watch().idle_timeout(idle);
                let recorded =
                    |first: i64| state.events().into_iter().filter(move |event| event.id >= first);
                let take = |event: Option<Event>, over| {
                    if let Some(event) = event {
                        let before = seen.insert(event.id, event);
                        assert!(before.is_none(), "{before:?} twice");
                    }
                    let first = seen.first_key_value().map_or(0, |(id, _)| *id);
                    over && seen.len() == recorded(first).count()
                };
                run.until(watch, take).await;
                let first = *seen.first_key_value().unwrap().0;
                assert!(seen.into_values().eq(recorded(first)));
            }
            Self::Log => {
                let mut seen = Vec::new();
                let watch = client.app("www").log().lines(1).watch().idle_timeout(idle);
                let last = (changes - 1).to_string();
                let take = |item, over| {
                    match item {
                        Some(LogItem::Line(line)) => seen.push(line),
                        Some(gap) => panic!("{gap:?} after {:?}", seen.last()),
                        None => {}
                    }
                    over && seen.last().is_some_and(|line| line.msg == last)
                };
                run.until(watch, take).await;
                let mut all = mock.client().app("www").log().await.unwrap();
                let before = all.iter().position(|line| line.msg == FIRST).unwrap();
                assert_eq!(seen, all.split_off(before));
            }
            Self::Formations => {
                let mut seen = None;
                let watch = client.formations().stream().watch().idle_timeout(idle);
                let take = |change: Option<Change<ExpandedFormation>>, over| {
                    if let Some(Change::Existing(formation) | Change::Changed(formation)) = change {
                        seen = Some(formation.processes);
                    }
                    over && seen == state.app("www").unwrap().formation().map(|it| it.processes)
                };
                run.until(watch, take).await;
            }
            Self::Volumes => {
                let mut seen = BTreeMap::new();
                let watch = client.volumes().stream().watch().idle_timeout(idle);
                let take = |change: Option<Change<Volume>>, over| {
                    if let Some(Change::Existing(volume) | Change::Changed(volume)) = change {
                        seen.insert(volume.id.to_string(), volume.updated_at);
                    }
                    let recorded = || {
                        let all = state.volumes().into_iter();
                        all.map(|it| (it.id.to_string(), it.updated_at)).collect()
                    };
                    over && seen == recorded()
                };
                run.until(watch, take).await;
            }
            Self::Sinks => {
                let mut seen = BTreeMap::new();
                let watch = client.sinks().stream().watch().idle_timeout(idle);
                let take = |change: Option<Change<Sink>>, over| {
                    if let Some(Change::Existing(sink) | Change::Changed(sink)) = change {
                        seen.insert(sink.id.to_string(), sink);
                    }
                    let recorded = || {
                        let all = state.sinks().into_iter();
                        all.map(|sink| (sink.id.to_string(), sink)).collect()
                    };
                    over && seen == recorded()
                };
                run.until(watch, take).await;
            }
        }
    }
}

/// The progress of a run.
#[derive(Default)]
struct Run {
    /// The first item has come.
    begun: Notify,
    /// The last change is made.
    changed: Notify,
}

impl Run {
    /// Passes items to `take` until it says that all have arrived. `take` gets whether the last change has been made,
    /// and is called once without an item then.
    async fn until<T>(
        &self,
        mut items: impl Stream<Item = Result<T, Error>> + Unpin,
        mut take: impl FnMut(Option<T>, bool) -> bool,
    ) {
        take(Some(items.next().await.unwrap().unwrap()), false);
        self.begun.notify_one();
        let mut over = false;
        loop {
            let item = tokio::select! {
                item = items.next() => Some(item.unwrap().unwrap()),
                () = self.changed.notified(), if !over => {
                    over = true;
                    None
                }
            };
            if take(item, over) {
                return;
            }
        }
    }
}

/// A line that is there before the watch.
const FIRST: &str = "the first line";

async fn survives(what: What, how: &Break) {
    let www = AppSeed::new("www").process("web", 1).process_data("web");
    let mock = MockController::builder().app(www).start().await;
    mock.log("www", FIRST);
    let cutter = Cutter::start(mock.addr(), how.fate).await;
    let quick = RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(2));
    let client = Client::builder(format!("http://{}", cutter.address)).key(mock.key()).no_proxy();
    let client = client.retry(quick).build().unwrap();
    let changes = if is_long() { how.changes } else { 12 };
    let changes = changes.min(match what {
        // Each connection brings the whole log again.
        What::Log => 300,
        // Each change is a job.
        What::Volumes => 40,
        _ => usize::MAX,
    });
    let run = Run::default();
    let write = async {
        run.begun.notified().await;
        for n in 0..changes {
            what.change(&mock, n).await;
            (how.besides)(&mock, n);
        }
        run.changed.notify_one();
    };
    let both = async { tokio::join!(write, what.see(&client, &mock, changes, &run)) };
    let limit = Duration::from_secs(if is_long() { 1200 } else { 120 });
    let end = tokio::time::timeout(limit, both).await;
    let streams = cutter.streams.load(std::sync::atomic::Ordering::Relaxed);
    assert!(end.is_ok(), "{what:?} with {}: {streams} streams", how.name);
    assert!(streams > 1 || how.name == TWICE.name, "{what:?} with {}: {streams}", how.name);
}

#[tokio::test]
async fn events_survive_everything() {
    for how in BREAKS.iter().chain([&TWICE]) {
        survives(What::Events, how).await;
    }
}

#[tokio::test]
async fn logs_survive_everything() {
    for how in BREAKS {
        survives(What::Log, how).await;
    }
}

#[tokio::test]
async fn objects_survive_everything() {
    for what in [What::Formations, What::Volumes, What::Sinks] {
        for how in BREAKS {
            survives(what, how).await;
        }
    }
}

/// A log of which more is written between two connections than a new one asks for.
#[tokio::test]
async fn missing_lines_are_always_told() {
    let mock = MockController::builder().app(AppSeed::new("www").process("web", 1)).start().await;
    mock.log("www", "0");
    let mut watch = mock.client().app("www").log().lines(1).watch().overlap(3);
    let (mut last, mut gaps) = (0, 0);
    let LogItem::Line(first) = watch.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(first.msg, "0");
    for lines in [1, 2, 3, 4, 9] {
        mock.shut_down();
        for n in last + 1..=last + lines {
            mock.log("www", &n.to_string());
        }
        mock.restart();
        let (until, mut next) = (last + lines, Some(last + 1));
        while last < until {
            match watch.next().await.unwrap().unwrap() {
                LogItem::Line(line) => {
                    last = line.msg.parse().unwrap();
                    assert!(next.is_none_or(|next| next == last), "{last} instead of {next:?}");
                    next = Some(last + 1);
                }
                LogItem::Gap(_) => {
                    (gaps, next) = (gaps + 1, None);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // If three old lines are read again, the last line seen is among them even after two new ones. The first new one
    // may come on the connection that is being closed.
    assert!((1..=3).contains(&gaps), "{gaps}");
}

/// A stream that ends after any number of bytes, as real servers frame it, and is whole the second time.
#[tokio::test]
async fn a_cut_at_any_byte_is_healed() {
    let logged = |n: u32| {
        let line = format!(
            r#"{{"job_id":"h-1","msg":"{n}","timestamp":"2026-11-22T21:54:00.00000000{n}Z"}}"#
        );
        format!("data: {{\"event\":\"message\",\"data\":{line}}}\n\n")
    };
    let sink =
        |n: u32| format!("data: {{\"id\":\"{n}\",\"updated_at\":\"2026-11-22T21:54:0{n}Z\"}}\n\n");
    let cases: [(What, [String; 3], &str); 3] = [
        (What::Events, [1, 2, 3].map(|n| format!("data: {{\"id\":{n}}}\n\n")), "1 2 3"),
        (What::Log, [1, 2, 3].map(logged), "1 2 3"),
        (What::Sinks, [sink(1), sink(2), "data: {\"id\":\"\"}\n\n".to_owned()], "1 2 caught-up"),
    ];
    for (what, frames, expected) in cases {
        let chunks = frames.iter().map(|frame| format!("{:x}\r\n{frame}\r\n", frame.len()));
        let body = chunks.collect::<String>() + "0\r\n\r\n";
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let whole = events(&frames.concat());
        let step = if is_long() { 1 } else { 3 };
        for cut in (0..=body.len()).step_by(step) {
            let broken = Step::SendAndClose(format!("{head}{}", &body[..cut]));
            let server = Server::play([broken, whole.clone(), answer(404, "", "")]).await;
            let seen = names(what, &server.client()).await;
            // Before its first line a log does not know what it has missed.
            let seen = seen.strip_prefix("gap ").unwrap_or(&seen);
            assert_eq!(seen, expected, "{what:?} {cut} {:?}", server.lines());
        }
    }
}

/// Returns the items of a watch until it gives up.
async fn names(what: What, client: &Client) -> String {
    let names: Vec<_> = match what {
        What::Events => {
            let watch = client.events().past().watch();
            watch.map(|event| event.map(|event| event.id.to_string())).collect().await
        }
        What::Log => {
            let watch = client.app("www").log().lines(3).watch();
            let name = |item| match item {
                LogItem::Line(line) => line.msg,
                _ => "gap".to_owned(),
            };
            watch.map(|item| item.map(name)).collect().await
        }
        _ => {
            let watch = client.sinks().stream().watch();
            let name = |change: Change<Sink>| match change {
                Change::Existing(sink) | Change::Changed(sink) => sink.id.to_string(),
                _ => "caught-up".to_owned(),
            };
            watch.map(|change| change.map(name)).collect().await
        }
    };
    let (names, errors): (Vec<_>, Vec<_>) = names.into_iter().partition(Result::is_ok);
    assert_eq!(errors.len(), 1, "{errors:?}");
    names.into_iter().map(Result::unwrap).collect::<Vec<_>>().join(" ")
}
