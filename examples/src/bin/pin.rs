//! `pin FILE|HOST:PORT ...` prints one pin a line, in the order asked, and nothing else on
//! standard output. What has no pin is told on standard error and makes the exit status 1.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use flynn_examples::failure::OneLine;
use flynn_examples::output;
use flynn_tls::{Bundle, Pin, Probe, probe_many};
use lexopt::prelude::*;

const USAGE: &str = "usage: pin FILE|HOST:PORT ...
Prints one pin a line: what Flynn keeps as TLSPin in ~/.flynnrc.
  FILE       the first certificate of a file, PEM or DER
  HOST:PORT  what a server presents: controller.example.com:443, 10.0.0.1:443, [::1]:443
Exit status: 0 when all have a pin, 1 when one has none, 2 when called wrongly.";
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Where a pin comes from.
enum Source {
    File(Pin),
    Server,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            return match output::line(USAGE) {
                Ok(()) => ExitCode::SUCCESS,
                Err(e) => cannot_write(&e),
            };
        }
        Err(e) => {
            eprintln!("pin: {e}\n{USAGE}");
            return ExitCode::from(2);
        }
    };

    // Files are read first; servers are asked together, then everything is told in order.
    let mut probes = Vec::new();
    let sources: Vec<Result<Source, String>> =
        arguments.iter().map(|argument| source(argument, &mut probes)).collect();
    let mut answers = probe_many(probes, AT_ONCE).await.into_iter();

    let mut status = ExitCode::SUCCESS;
    for (argument, source) in arguments.iter().zip(sources) {
        let pin = source.and_then(|source| match source {
            Source::File(pin) => Ok(pin),
            Source::Server => match answers.next() {
                Some(Ok(presented)) => Ok(presented.pin()),
                Some(Err(e)) => Err(OneLine(&e).to_string()),
                None => Err("not asked".to_owned()),
            },
        });
        match pin {
            Ok(pin) => {
                if let Err(e) = output::line(pin) {
                    return cannot_write(&e);
                }
            }
            Err(e) => {
                eprintln!("pin: {argument}: {e}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn cannot_write(e: &io::Error) -> ExitCode {
    eprintln!("pin: standard output: {e}");
    ExitCode::FAILURE
}

/// What to find the pins of; `None` when help is asked for.
fn arguments() -> Result<Option<Vec<String>>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut arguments = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Value(argument) => arguments.push(argument.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    if arguments.is_empty() {
        return Err("name a file or a server".into());
    }
    Ok(Some(arguments))
}

fn source(argument: &str, probes: &mut Vec<Probe>) -> Result<Source, String> {
    // What exists is a file, whatever its name looks like.
    if !Path::new(argument).exists() {
        let (host, port) = server(argument)?;
        probes.push(Probe::new(host, port));
        return Ok(Source::Server);
    }
    let bytes = std::fs::read(argument).map_err(|e| format!("cannot be read: {e}"))?;
    let bundle = Bundle::from_pem(&bytes).map_err(|e| OneLine(&e).to_string())?;
    // The first of the file, as openssl takes it: that is what a server would present.
    let first = bundle.certificates().first().ok_or("no certificate")?;
    Ok(Source::File(first.pin()))
}

/// What is no file must be a host and its port.
fn server(argument: &str) -> Result<(&str, u16), String> {
    let no_server = || Err("no such file, and no server: write HOST:PORT".to_owned());
    let Some((host, port)) = argument.rsplit_once(':') else {
        return no_server();
    };
    // A bare IPv6 address would lose its last group to the port.
    let bare_ipv6 = host.contains(':') && !host.starts_with('[');
    if host.is_empty() || host.contains('/') || bare_ipv6 {
        return no_server();
    }
    match port.parse() {
        Ok(port @ 1..) => Ok((host, port)),
        _ => Err(format!("{port:?} is not a port (1 to 65535)")),
    }
}
