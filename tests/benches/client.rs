//! What `flynn-client` costs: CPU time through its public API, with all defaults on, divided by that of
//! hand-written reqwest and `serde_json` with the same structs, against the same local server.
//!
//! The server is this program again, in a process of its own, so that its CPU time counts for nobody.

#[path = "client/baseline.rs"]
mod baseline;
mod ratio;
#[path = "client/server.rs"]
mod server;

use std::process::{Child, Command, Stdio};

use flynn_client::apps::App;
use flynn_client::routes::Route;
use flynn_client::{Client, Error};

use baseline::Baseline;
use ratio::{Rounds, cpu_time};

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
