//! `pin FILE|HOST:PORT ...` prints one pin per line, in the order of its arguments, and nothing else on standard
//! output. Arguments without a pin are reported on standard error and make the exit status 1.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser;
use flynn_config::read_file;
use flynn_examples::cli::{self, WrongCall};
use flynn_examples::output;
use flynn_examples::text::{one_line, printable};
use flynn_tls::{Bundle, Pin, Probe, probe_many};

/// Prints one pin per line, as Flynn stores it as TLSPin in ~/.flynnrc.
#[derive(Parser)]
#[command(
    name = "pin",
    after_help = "Exit status: 0 if all have a pin, 1 if one has none, 2 if called wrongly."
)]
struct Options {
    /// A PEM or DER file, of which the first certificate is used; `-` for standard input; or a server:
    /// controller.example.com:443, 10.0.0.1:443, `[::1]:443`
    #[arg(required = true, value_name = "FILE|HOST:PORT")]
    sources: Vec<String>,
}

const AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// The source of a pin.
enum Source {
    File(Pin),
    Server,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::parse(WrongCall::Usage) {
        Ok(options) => output::exit("pin", run(options).await),
        Err(status) => status,
    }
}

async fn run(options: Options) -> Result<ExitCode> {
    // Reads files first, then asks all servers concurrently, and prints everything in order.
    let mut probes = Vec::new();
    let sources: Vec<Result<Source>> =
        options.sources.iter().map(|argument| source(argument, &mut probes)).collect();
    let mut answers = probe_many(probes, AT_ONCE).await.into_iter();

    let mut status = ExitCode::SUCCESS;
    for (argument, source) in options.sources.iter().zip(sources) {
        let pin = source.and_then(|source| match source {
            Source::File(pin) => Ok(pin),
            Source::Server => match answers.next() {
                Some(presented) => Ok(presented?.pin()),
                None => Err(anyhow!("not asked")),
            },
        });
        match pin {
            Ok(pin) => output::line(pin)?,
            Err(e) => {
                let what = format!("{}: {}", printable(argument), one_line(e.as_ref()));
                output::complain("pin", what);
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

fn source(argument: &str, probes: &mut Vec<Probe>) -> Result<Source> {
    // An argument that names an existing file is always a file; `-` is standard input.
    if argument != "-" && !Path::new(argument).exists() {
        let (host, port) = server(argument)?;
        probes.push(Probe::new(host, port));
        return Ok(Source::Server);
    }
    let bytes = read_file(argument)?;
    let bundle = Bundle::from_pem(&bytes)?;
    // Use the first certificate of the file, as openssl does. A server would present it.
    let first = bundle.certificates().first().context("no certificate")?;
    Ok(Source::File(first.pin()))
}

/// Parses an argument that is not a file as a host and its port.
fn server(argument: &str) -> Result<(&str, u16)> {
    let no_server = "no such file, and not a server: write HOST:PORT";
    let (host, port) = argument.rsplit_once(':').context(no_server)?;
    // A bare IPv6 address would lose its last group to the port.
    let bare_ipv6 = host.contains(':') && !host.starts_with('[');
    if host.is_empty() || host.contains('/') || bare_ipv6 {
        bail!(no_server);
    }
    match port.parse() {
        Ok(port @ 1..) => Ok((host, port)),
        _ => bail!("{port:?} is not a port (1 to 65535)"),
    }
}
