//! Serves a mocked Flynn cluster to programs in any language.
//!
//! ```text
//! cargo install flynn-mock --features controller
//! mock-controller --seed apps.toml --ready-file ready.json
//! ```
//!
//! It prints where it serves, its key and pin, the command that adds it to the Flynn CLI, and the
//! names to map. Other programs read these from the ready file, with the URL and the token of the
//! control API. It serves until it is interrupted or terminated.

#![allow(clippy::doc_markdown, reason = "the doc comments of options are the text of --help")]

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use flynn_mock::control::{Control, Journal, ReadyFile, SeedFile};
use flynn_mock::jiff::Timestamp;
use flynn_mock::{MockController, Pace, ServerAge};

/// Serves a mocked Flynn cluster to programs in any language, until it is interrupted.
#[derive(Parser)]
#[command(name = "mock-controller", version)]
struct Options {
    /// Set the domain of the cluster
    #[arg(long, value_name = "DOMAIN", default_value = "example.com")]
    domain: String,
    /// Set the key of the controller [default: a random key]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Set the address of the cluster; the port speaks HTTP and HTTPS
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Set the address of the control API, a loopback address
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Use http://IP:PORT as the URL, so that clients need neither names nor certificates
    #[arg(long)]
    no_tls: bool,
    /// Set the release of Flynn
    #[arg(long, value_name = "RELEASE", default_value = "2021")]
    server: Server,
    /// Set when jobs start, deployments end, and so on
    #[arg(long, value_name = "PACE", default_value = "timed")]
    pace: PaceOption,
    /// Create the apps of a TOML file at the start
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Make the same ids, keys and times in every run
    #[arg(long, value_name = "NUMBER")]
    deterministic: Option<u64>,
    /// Start the clock at this time (RFC 3339); only requests and the control API move it
    #[arg(long, value_name = "TIME")]
    clock: Option<Timestamp>,
    /// Write a JSON file with the URLs, the key, the pin and the token of the control API once the
    /// cluster is ready
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Append a line of JSON for each request and its answer to a file, without secrets
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy)]
enum Server {
    /// v20161015.2
    #[value(name = "2016")]
    V2016,
    /// v20210218.0, the last upstream release
    #[value(name = "2021")]
    V2021,
    /// The fork as of June 2026
    #[value(name = "fork-2026-06")]
    Fork2026June,
    /// The fork as of September 2026
    #[value(name = "fork-2026-09")]
    Fork2026September,
}

#[derive(ValueEnum, Clone, Copy)]
enum PaceOption {
    /// Use the delays of a real cluster
    Timed,
    /// At once, before the request is answered
    AtOnce,
    /// Only through the control API
    ByHand,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) if error.use_stderr() => return fail(in_one_line(&error)),
        Err(help) => return exit(&help.print()),
    };
    match options.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

impl Options {
    async fn run(self) -> Result<(), String> {
        let control = self.start()?;
        let journal = self.journal.as_ref().map(|path| {
            let failed = |e| format!("cannot open the journal {}: {e}", path.display());
            Journal::open(path, &control).map_err(failed)
        });
        let journal = journal.transpose()?;
        let ready_file = self.ready_file.as_ref().map(|path| {
            let failed = |e| format!("cannot write the ready file {}: {e}", path.display());
            ReadyFile::write(path, &control).map_err(failed)
        });
        let ready_file = ready_file.transpose()?;
        let printed = print(&control.introduction());
        interrupted().await.map_err(|e| format!("cannot wait for a signal: {e}"))?;
        drop((ready_file, journal, control));
        printed.map_err(|e| format!("cannot write the introduction: {e}"))
    }

    fn start(&self) -> Result<Control, String> {
        let mut builder = MockController::builder()
            .bootstrapped(&self.domain)
            .bind(self.listen)
            .server(match self.server {
                Server::V2016 => ServerAge::V2016,
                Server::V2021 => ServerAge::V2021,
                Server::Fork2026June => ServerAge::Fork2026June,
                Server::Fork2026September => ServerAge::Fork2026September,
            })
            .pace(match self.pace {
                PaceOption::Timed => Pace::Timed,
                PaceOption::AtOnce => Pace::AtOnce,
                PaceOption::ByHand => Pace::ByHand,
            });
        if !self.no_tls {
            builder = builder.tls();
        }
        if let Some(key) = &self.key {
            builder = builder.key(key);
        }
        if let Some(number) = self.deterministic {
            builder = builder.seed(number);
        }
        if let Some(time) = self.clock {
            builder = builder.clock(time);
        }
        if let Some(path) = &self.seed {
            let seed = SeedFile::load(path).map_err(|e| e.to_string())?;
            builder = seed.into_apps().into_iter().fold(builder, flynn_mock::Builder::app);
        }
        let mock = builder.try_start().map_err(|e| format!("cannot start: {e}"))?;
        Control::start(mock, self.control).map_err(|e| format!("cannot start the control API: {e}"))
    }
}

/// Waits for an interrupt or a request to terminate.
async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Returns the reason of a wrong command line, without the usage.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let reason = text.split("\n\n").next().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    let lines: Vec<_> = reason.lines().map(str::trim).collect();
    format!("{} (see --help)", lines.join(" "))
}

fn fail(message: impl Display) -> ExitCode {
    // Without stderr, only the status can tell.
    let _ = writeln!(io::stderr(), "mock-controller: {message}");
    ExitCode::FAILURE
}

fn exit(printed: &io::Result<()>) -> ExitCode {
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
