//! Moves the blobstore's files into an S3 bucket.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use flynn_examples::cli::{self, Arguments};
use flynn_examples::program;
use flynn_examples::step::Step;

/// Configures the blobstore of a Flynn cluster to use an S3 bucket, writes the IAM policy for its user, and moves the
/// existing files there.
///
/// Without options it runs on a mocked cluster.
#[derive(Parser)]
#[command(name = "move-blobs", after_help = cli::AFTER_HELP)]
struct Options {
    #[command(flatten)]
    target: cli::Target,
    #[command(flatten)]
    blobstore: cli::BlobstoreOptions,
    /// The folder for the IAM policy [default: this folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl From<Options> for Arguments {
    fn from(Options { target, blobstore, out }: Options) -> Self {
        Self { target, blobstore, out, ..Self::default() }
    }
}

const STEPS: [Step; 2] = [Step::Connect, Step::Blobstore];

#[tokio::main]
async fn main() -> ExitCode {
    program::main::<Options>(&STEPS).await
}
