//! Serves a mocked Flynn cluster to any other program, such as the original CLI.
//!
//! ```text
//! cargo run -p flynn-examples --bin mock-controller -- --domain example.com --server 2016
//! ```
//!
//! It prints where it listens, its key and its pin, and the command that adds it to a `.flynnrc`.
//! It serves until it is interrupted.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use flynn_examples::failure::OneLine;
use flynn_examples::output;
use flynn_mock::{MockController, Pace, ServerAge};

const USAGE: &str = "\
usage: mock-controller [OPTION...]

  --domain D      the cluster's domain (example.com)
  --server AGE    2016 or 2021 (2021)
  --key K         the controller's key (made up)
  --listen ADDR   address and port (127.0.0.1, any free port)
  --seed N        the same ids and times in every run; implies --at-once
  --at-once       jobs, deployments and deletions are over when they are answered
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return said(USAGE),
        Err(why) => return failed("cannot understand the command line (see --help)", &why),
    };
    let mock = match options.start() {
        Ok(mock) => mock,
        Err(why) => return failed("cannot start", &why),
    };
    let introduced = said(&introduction(&mock));
    match tokio::signal::ctrl_c().await {
        Ok(()) => introduced,
        Err(why) => failed("cannot wait for an interrupt", &why),
    }
}

fn failed(what: &str, why: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("mock-controller: {what}: {}", OneLine(why));
    ExitCode::FAILURE
}

fn said(text: &str) -> ExitCode {
    output::line(text.trim_end()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// What the command line says.
struct Options {
    domain: String,
    age: ServerAge,
    key: Option<String>,
    listen: Option<SocketAddr>,
    seed: Option<u64>,
    at_once: bool,
}

impl Options {
    /// `None` when only the usage is asked for.
    fn parse(mut args: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self {
            domain: "example.com".to_owned(),
            age: ServerAge::V2021,
            key: None,
            listen: None,
            seed: None,
            at_once: false,
        };
        while let Some(arg) = args.next()? {
            match arg {
                Short('h') | Long("help") => return Ok(None),
                Long("domain") => options.domain = args.value()?.string()?,
                Long("key") => options.key = Some(args.value()?.string()?),
                Long("server") => {
                    options.age = args.value()?.parse_with(|age| match age {
                        "2016" => Ok(ServerAge::V2016),
                        "2021" => Ok(ServerAge::V2021),
                        _ => Err("neither 2016 nor 2021"),
                    })?;
                }
                Long("listen") => options.listen = Some(args.value()?.parse()?),
                Long("seed") => options.seed = Some(args.value()?.parse()?),
                Long("at-once") => options.at_once = true,
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }

    fn start(self) -> io::Result<MockController> {
        let at_once = self.at_once || self.seed.is_some();
        let mut builder =
            MockController::builder().bootstrapped(self.domain).server(self.age).tls();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(lexopt::Parser::from_args(args))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--domain", "d.test", "--server", "2016", "--seed", "7"]);
        let options = options.unwrap().unwrap();
        assert_eq!(options.domain, "d.test");
        assert_eq!(options.age, ServerAge::V2016);
        assert_eq!(options.seed, Some(7));
    }

    #[test]
    fn bad_options_are_refused() {
        for args in [&["--seed", "x"][..], &["--server", "2018"], &["--domain"], &["what"]] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }
}
