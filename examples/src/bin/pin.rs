//! `pin FILE.pem|HOST:PORT ...` prints one pin a line, in the order asked, and nothing else on
//! standard output. What has no pin is told on standard error and makes the exit status 1.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use flynn_examples::failure::OneLine;
use flynn_tls::{Bundle, Pin, Probe, probe_many};

const USAGE: &str = "usage: pin FILE.pem|HOST:PORT ...";
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Where a pin comes from.
enum Source {
    File(Pin),
    Server,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if arguments.is_empty() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }

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
            Ok(pin) => println!("{pin}"),
            Err(e) => {
                eprintln!("pin: {argument}: {e}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn source(argument: &str, probes: &mut Vec<Probe>) -> Result<Source, String> {
    // What exists is a file, whatever its name looks like.
    if !Path::new(argument).exists()
        && let Some((host, port)) = host_and_port(argument)
    {
        probes.push(Probe::new(host, port));
        return Ok(Source::Server);
    }
    let bytes = std::fs::read(argument).map_err(|e| e.to_string())?;
    let bundle = Bundle::from_pem(&bytes).map_err(|e| OneLine(&e).to_string())?;
    // The first of the file, as openssl takes it: that is what a server would present.
    let first = bundle.certificates().first().ok_or("no certificate")?;
    Ok(Source::File(first.pin()))
}

fn host_and_port(argument: &str) -> Option<(&str, u16)> {
    let (host, port) = argument.rsplit_once(':')?;
    if host.is_empty() || host.contains('/') {
        return None;
    }
    port.parse().ok().map(|port| (host, port))
}
