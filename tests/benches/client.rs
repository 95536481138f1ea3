//! What `flynn-client` costs: CPU time through its public API, with all defaults on, divided by that of
//! hand-written reqwest and `serde_json` with the same structs, against the same local server.
//!
//! The server is this program again, in a process of its own, so that its CPU time counts for nobody.

#[path = "client/baseline.rs"]
mod baseline;
#[path = "client/server.rs"]
mod server;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flynn_client::apps::App;
use flynn_client::routes::Route;
use flynn_client::{Client, Error};

use baseline::Baseline;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Each round has both sides in turn, so that what else the machine does meets both; the median of their
/// ratios counts.
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
    runtime.block_on(workloads(&url))
}

async fn workloads(url: &str) -> Result<()> {
    let ours = Client::builder(url).key(KEY).build()?;
    let theirs = Baseline::new(url, KEY)?;

    let ours_apps = async || -> Result<usize, Error> { Ok(ours.apps().list().await?.len()) };
    let their_apps = async || -> Result<usize> { Ok(theirs.get::<Vec<App>>("/apps").await?.len()) };
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
    compare("5000 gets in sequence", 5_000, ours_gets, their_gets).await
}

/// Prints the median of the rounds' ratios.
async fn compare<E: Into<Box<dyn std::error::Error>>>(
    workload: &str,
    expected: usize,
    ours: impl AsyncFn() -> Result<usize, E>,
    theirs: impl AsyncFn() -> Result<usize>,
) -> Result<()> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let start = cpu_time();
        assert_eq!(ours().await.map_err(Into::into)?, expected, "{workload}");
        let middle = cpu_time();
        assert_eq!(theirs().await?, expected, "{workload}");
        let end = cpu_time();
        let (ours, theirs) = (middle.saturating_sub(start), end.saturating_sub(middle));
        // The first round warms up.
        if round > 0 {
            rounds.push((ours.as_secs_f64() / theirs.as_secs_f64(), ours, theirs));
        }
    }
    rounds.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, ours, theirs) = rounds.get(rounds.len() / 2).copied().ok_or("no rounds")?;
    println!("{workload}: {ratio:.2}");
    eprintln!("    ours {ours:?}, hand-written {theirs:?}");
    Ok(())
}

/// CPU time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
