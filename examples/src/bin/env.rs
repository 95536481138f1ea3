//! Shows and changes the environment of an app.

use std::path::PathBuf;
use std::process::ExitCode;

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
    target: cli::AppOptions,
    /// Variables to set
    #[arg(value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A dotenv file with variables to set; - for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A variable to remove; may be repeated
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    #[command(flatten)]
    change: cli::ChangeOptions,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(options: Options) -> Result<()> {
    let (_, app) = options.target.open().await?;
    let mut set = Env::new();
    if let Some(file) = options.file {
        let text = String::from_utf8(read_file(&file)?).context("the file is not UTF-8")?;
        set = Env::from_dotenv(&text).with_context(|| format!("cannot use {}", file.display()))?;
    }
    set.extend(Env::from_arguments(&options.set)?);
    if set.is_empty() && options.unset.is_empty() {
        for (name, value) in app.env().get().await? {
            output::line(format_args!("{name}={}", shlex::try_quote(&value)?))?;
        }
        return Ok(());
    }
    let change = app.env().set(set).unset(options.unset).after_running();
    if options.change.dry_run {
        return output::line(change.preview().await?.diff);
    }
    output::line(change.timeout(options.change.timeout()).await?)
}
