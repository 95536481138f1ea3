//! Moves a cluster to another domain; `.flynnrc`, the CA file and `.gitconfig` follow.

use std::process::ExitCode;

use flynn_examples::program;
use flynn_examples::step::Step;

const HELP: &str = "\
Moves a Flynn cluster to another domain and waits for the end; routes that the server leaves out
are made, and .flynnrc, the CA file and .gitconfig follow.

usage: migrate-domain --cluster NAME --domain D [--connect-to IP:PORT] [--dry-run]

Without options it shows itself on a mocked cluster. The options are those of productionize.
";

const STEPS: [Step; 2] = [Step::Connect, Step::Domain];

#[tokio::main]
async fn main() -> ExitCode {
    program::main("migrate-domain", HELP, &STEPS).await
}
