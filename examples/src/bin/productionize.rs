//! Carries out the guide "Productionizing Flynn and hosting your root domain" on a cluster.

use std::process::ExitCode;

use flynn_examples::cli::{Arguments, HELP};
use flynn_examples::failure::Result;
use flynn_examples::productionize;
use flynn_examples::screen::Screen;
use flynn_examples::step::Step;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("productionize: {failure}");
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
    productionize::run(arguments, &Step::ALL, Screen::stdout()).await
}
