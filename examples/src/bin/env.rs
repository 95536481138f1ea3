//! Shows and changes the environment of an app.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_client::Env;
use flynn_config::read_file;
use flynn_examples::{cli, output};

/// Shows the environment of an app, or changes it in one release and one deployment.
#[derive(Parser)]
#[command(name = "env")]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The app
    app: String,
    /// Variables to set
    #[arg(value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A dotenv file with variables to set; - for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A variable to remove; may be repeated
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    /// Print the names that would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<ExitCode> {
    let env = options.connection.client().await?.app(options.app.as_str()).env();
    let mut set = Env::from_lines(&options.set.join("\n"))?;
    if let Some(file) = options.file {
        let text = String::from_utf8(read_file(&file)?).context("the file is not UTF-8")?;
        set.extend(Env::from_dotenv(&text)?);
    }
    if set.is_empty() && options.unset.is_empty() {
        for (name, value) in env.get().await? {
            output::line(format_args!("{name}={}", shlex::try_quote(&value)?))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let change = env.set(set).unset(options.unset).after_running();
    if options.dry_run {
        output::line(change.preview().await?.diff)?;
        return Ok(ExitCode::SUCCESS);
    }
    match change.timeout(Duration::from_secs(600)).await?.release {
        Some(release) => output::line(format_args!("release {} runs", release.id))?,
        None => output::line("nothing to change")?,
    }
    Ok(ExitCode::SUCCESS)
}
