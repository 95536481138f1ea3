//! Installs a bought or renewed certificate: on the router, on the system apps' routes, and as the pin of `.flynnrc`.

use std::process::ExitCode;

use flynn_examples::program;
use flynn_examples::step::Step;

const HELP: &str = "\
Installs a certificate on a Flynn cluster: checked first, then on the router and on the routes of
the system apps, the controller's last, and its pin into .flynnrc.

usage: install-certificate --cluster NAME --cert F --key F [--ca F] [--connect-to IP:PORT] [--dry-run]

Without options it shows itself on a mocked cluster. The options are those of productionize.
";

const STEPS: [Step; 5] = [Step::Connect, Step::Certificate, Step::Router, Step::Routes, Step::Pin];

#[tokio::main]
async fn main() -> ExitCode {
    program::main("install-certificate", HELP, &STEPS).await
}
