//! Installs a bought or renewed certificate: on the router, on the system apps' routes, and as the pin of `.flynnrc`.

use std::process::ExitCode;

use flynn_examples::cli::Arguments;
use flynn_examples::failure::Result;
use flynn_examples::productionize;
use flynn_examples::screen::Screen;
use flynn_examples::step::Step;

const HELP: &str = "\
Installs a certificate on a Flynn cluster: checked first, then on the router and on the routes of
the system apps, the controller's last, and its pin into .flynnrc.

usage: install-certificate --cluster NAME --domain D --cert F --key F [--connect-to IP:PORT] [--dry-run]

Without --cluster it shows itself on a mocked cluster. The options are those of productionize.
";

/// The steps of `productionize` that are about the certificate.
const STEPS: [Step; 5] = [Step::Connect, Step::Certificate, Step::Router, Step::Routes, Step::Pin];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("install-certificate: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments = Arguments::parse(std::env::args_os().skip(1))?;
    if arguments.help {
        print!("{HELP}");
        return Ok(());
    }
    productionize::run(arguments, &STEPS, Screen::stdout()).await
}
