//! The cost of `flynn-client`: the CPU time through its public API, with all defaults on, divided by that of
//! hand-written reqwest and `serde_json` with the same structs, against the same local server. Also measures the memory
//! that a long stream and a large backup leave.
//!
//! The server is this program in a separate process, so that its CPU time is not measured.

#[path = "client/baseline.rs"]
mod baseline;
mod memory;
mod ratio;
#[path = "client/server.rs"]
mod server;

use std::pin::pin;
use std::process::{Child, Command, Stdio};

use flynn_client::apps::App;
use flynn_client::events::{Event, EventType};
use flynn_client::routes::Route;
use flynn_client::{Client, Error, Stream};
use futures_util::StreamExt as _;

use baseline::Baseline;
use ratio::{Rounds, cpu_time};
use server::EVENTS;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const ROUNDS: usize = 31;
const KEY: &str = "0123456789abcdef0123456789abcdef";

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result<()> {
    if std::env::var_os(server::ROLE).is_some() {
        return server::serve();
    }
    let mut child = Command::new(std::env::current_exe()?)
        .env(server::ROLE, "server")
        .stdout(Stdio::piped())
        .spawn()?;
    let url = server::url_of(&mut child)?;
    let _server = Server(child);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        memory_stays_flat(&url).await?;
        workloads(&url).await
    })
}

async fn workloads(url: &str) -> Result<()> {
    let ours = Client::builder(url).key(KEY).build()?;
    let theirs = Baseline::new(url, KEY)?;

    let ours_apps = async || -> Result<usize, Error> { Ok(ours.apps().list().await?.len()) };
    let their_apps =
        async || -> Result<usize> { Ok(theirs.get::<Vec<App>>("/apps?all=1").await?.len()) };
    compare("list 10000 apps", 10_000, ours_apps, their_apps).await?;

    let ours_routes = async || -> Result<usize, Error> { Ok(ours.routes().list().await?.len()) };
    let their_routes =
        async || -> Result<usize> { Ok(theirs.get::<Vec<Route>>("/routes").await?.len()) };
    compare("list 2000 routes with certificates", 2_000, ours_routes, their_routes).await?;

    let ours_gets = async || -> Result<usize, Error> {
        let mut seen = 0;
        for _ in 0..5_000 {
            seen += usize::from(ours.app("www").get().await?.name == "www");
        }
        Ok(seen)
    };
    let their_gets = async || -> Result<usize> {
        let mut seen = 0;
        for _ in 0..5_000 {
            seen += usize::from(theirs.get::<App>("/apps/www").await?.name == "www");
        }
        Ok(seen)
    };
    compare("5000 gets in sequence", 5_000, ours_gets, their_gets).await?;

    let their_events = async || theirs.events("/events?past=true").await;
    let streamed = async || count(ours.events().past().stream().await?).await;
    compare("200000 events streamed", EVENTS, streamed, their_events).await?;
    let watched = async || count(ours.events().past().watch()).await;
    compare("200000 events watched", EVENTS, watched, their_events).await
}

/// Reads all events of the server.
async fn count(events: impl Stream<Item = Result<Event, Error>>) -> Result<usize, Error> {
    let mut events = pin!(events.take(EVENTS));
    let mut seen = 0;
    while let Some(event) = events.next().await {
        seen += usize::from(event?.object_type == EventType::Job);
    }
    Ok(seen)
}

/// The memory that the process may gain while most of the work is done, in KiB.
const SLACK: usize = 2 << 10;

/// Memory after a tenth of the work, and at its end.
async fn memory_stays_flat(url: &str) -> Result<()> {
    let client = Client::builder(url).key(KEY).build()?;
    let mut watch = client.events().past().watch();
    let mut before = None;
    for n in 0..EVENTS {
        watch.next().await.ok_or("the watch has ended")??;
        if n == EVENTS / 10 {
            before = memory::resident();
        }
    }
    flat("200000 events watched", before)?;
    drop(watch);

    let mut before = None;
    let backup = client.backup();
    let save = backup.save(tokio::io::sink()).on_progress(|bytes| {
        if before.is_none() && bytes >= server::BACKUP / 10 {
            before = memory::resident();
        }
    });
    assert_eq!(save.await?.size, server::BACKUP);
    flat("a backup of 1 GiB", before)
}

fn flat(what: &str, before: Option<usize>) -> Result<()> {
    let (Some(before), Some(after)) = (before, memory::resident()) else {
        eprintln!("    no memory figures on this system");
        return Ok(());
    };
    println!("memory: {what}: {before} to {after} KiB");
    if after > before + SLACK { Err(format!("{what}: memory grows").into()) } else { Ok(()) }
}

async fn compare<E: Into<Box<dyn std::error::Error>>>(
    workload: &str,
    expected: usize,
    ours: impl AsyncFn() -> Result<usize, E>,
    theirs: impl AsyncFn() -> Result<usize>,
) -> Result<()> {
    let mut rounds = Rounds::default();
    for round in 0..=ROUNDS {
        let start = cpu_time();
        assert_eq!(ours().await.map_err(Into::into)?, expected, "{workload}");
        let middle = cpu_time();
        assert_eq!(theirs().await?, expected, "{workload}");
        let end = cpu_time();
        // The first round warms up.
        if round > 0 {
            rounds.add(middle.saturating_sub(start), end.saturating_sub(middle));
        }
    }
    rounds.print(workload);
    Ok(())
}
