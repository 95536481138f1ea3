//! Serves a mocked Flynn cluster to any other program, such as the original CLI.
//!
//! ```text
//! cargo run -p flynn-examples --bin mock-controller -- --domain example.com --server 2016
//! ```
//!
//! It prints where it listens, its key and its pin, and the command that adds it to a `.flynnrc`.
//! It serves until it is interrupted.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_examples::cli::{self, Server, WrongCall};
use flynn_examples::output;
use flynn_mock::{MockController, Pace};

/// Serves a mocked Flynn cluster to any other program until it is interrupted.
#[derive(Parser)]
#[command(name = "mock-controller")]
struct Options {
    /// The cluster's domain
    #[arg(long, value_name = "DOMAIN", default_value = "example.com")]
    domain: String,
    /// The server to imitate
    #[arg(long, value_name = "YEAR", default_value = "2021")]
    server: Server,
    /// The controller's key [default: made up]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The address and port to listen on [default: 127.0.0.1, any free port]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// The same ids and times in every run; implies --at-once
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Finish jobs, deployments and deletions before they are answered
    #[arg(long)]
    at_once: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::parse::<Options>(WrongCall::OneLine) {
        Ok(options) => output::exit("mock-controller", options.serve().await),
        Err(status) => status,
    }
}

impl Options {
    async fn serve(self) -> Result<ExitCode> {
        let mock = self.start().context("cannot start")?;
        let introduced = output::line(introduction(&mock).trim_end());
        tokio::signal::ctrl_c().await.context("cannot wait for an interrupt")?;
        introduced?;
        Ok(ExitCode::SUCCESS)
    }

    fn start(self) -> std::io::Result<MockController> {
        let at_once = self.at_once || self.seed.is_some();
        let mut builder =
            MockController::builder().bootstrapped(self.domain).server(self.server.into()).tls();
        builder = builder.programs(flynn_examples::demo::program);
        builder = builder.pace(if at_once { Pace::AtOnce } else { Pace::Timed });
        if let Some(key) = self.key {
            builder = builder.key(key);
        }
        if let Some(listen) = self.listen {
            builder = builder.bind(listen);
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        builder.try_start()
    }
}

/// The mock's key opens nothing but the mock, so it may be shown.
fn introduction(mock: &MockController) -> String {
    let (addr, domain, key, pin) = (mock.addr(), mock.domain(), mock.key(), mock.pin());
    format!(
        "serving https and http on {addr}\n\
         domain  {domain}\n\
         key     {key}\n\
         pin     {pin}\n\n\
         To reach it by name, resolve controller.{domain} (and git., images., dashboard., status.) \
         to {}:\n\n    \
         curl --insecure --resolve controller.{domain}:{port}:{ip} --user :{key} \
         https://controller.{domain}:{port}/apps\n    \
         flynn cluster add --no-git -p {pin} mock {domain}:{port} {key}\n",
        addr.ip(),
        port = addr.port(),
        ip = addr.ip(),
    )
}
