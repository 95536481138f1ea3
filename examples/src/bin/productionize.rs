//! Carries out the guide "Productionizing Flynn and hosting your root domain" on a cluster.

use std::process::ExitCode;

use flynn_examples::cli::HELP;
use flynn_examples::program;
use flynn_examples::step::Step;

#[tokio::main]
async fn main() -> ExitCode {
    program::main("productionize", HELP, &Step::ALL).await
}
