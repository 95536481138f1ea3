//! Moves the blobstore's files into an S3 bucket.

use std::process::ExitCode;

use flynn_examples::program;
use flynn_examples::step::Step;

const HELP: &str = "\
Lets the blobstore of a Flynn cluster use an S3 bucket, writes the IAM policy that its user needs,
and moves the existing files there.

usage: move-blobs --cluster NAME --bucket B --region R [--out DIR] [--connect-to IP:PORT] [--dry-run]

Without options it shows itself on a mocked cluster. The options are those of productionize.
";

const STEPS: [Step; 2] = [Step::Connect, Step::Blobstore];

#[tokio::main]
async fn main() -> ExitCode {
    program::main("move-blobs", HELP, &STEPS).await
}
