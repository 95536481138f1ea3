//! Creates on AWS what a specification describes.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use flynn_aws::plan::{Plan, PlanOptions};
use flynn_examples::aws::apply::{self, Clients};
use flynn_examples::{aws, output};

/// Creates and configures what a Flynn cluster needs on AWS: the bucket, the user or role with its policy and key, the
/// health checks and the records.
///
/// It prints the plan and asks before it changes anything. A second run changes nothing. Security groups are not
/// changed: run the printed commands. Credentials and AWS_ENDPOINT_URL come from the environment and ~/.aws, as for the
/// AWS CLI.
#[derive(Parser)]
#[command(name = "aws-apply")]
struct Options {
    /// The specification, in TOML (see aws-plan --example)
    spec: PathBuf,
    /// Outputs of aws ec2 describe-security-groups and others, for the printed commands
    #[arg(long, value_name = "FILE", num_args = 1..)]
    observed: Vec<PathBuf>,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
    /// Print the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Create a new access key even if the user already has one
    #[arg(long)]
    new_key: bool,
    /// A new file for the new access key, which only you can read
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The file that gets the inverse of each step before the step runs [default: aws-apply-DOMAIN.undo]
    #[arg(long, value_name = "FILE")]
    undo_file: Option<PathBuf>,
    /// Undo the steps in this file instead, the last one first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["observed", "new_key", "key_file", "undo_file"])]
    undo: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    output::exit("aws-apply", run(&options).await)
}

async fn run(options: &Options) -> Result<ExitCode> {
    let spec = aws::read_spec(&options.spec)?;
    let clients = Clients::from_env(&spec).await;
    if let Some(path) = &options.undo {
        let steps = apply::read_undo(path)?;
        for step in steps.iter().rev() {
            output::line(step.sentence())?;
        }
        let question = format!("Undo {} steps?", steps.len());
        if !options.dry_run && (options.yes || apply::confirm(&question)?) {
            apply::undo(&clients, path).await?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let observed = clients.observe(&spec, &options.observed).await?;
    let plan_options = PlanOptions::default().new_key(options.new_key);
    let plan = Plan::with_options(&spec, &observed, plan_options);
    for finding in &plan.findings {
        output::line(finding)?;
    }
    for step in &plan.steps {
        let whose = if apply::is_live(step) { "" } else { "run yourself: " };
        output::line(format_args!("{whose}{}\n    {}", step.sentence(), step.command()))?;
    }
    if plan.has_errors() {
        bail!("the plan has errors, so nothing was changed");
    }
    let number = plan.steps.iter().filter(|step| apply::is_live(step)).count();
    if number == 0 {
        output::line("everything holds that this program can change")?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.dry_run || !(options.yes || apply::confirm(&format!("Apply {number} steps?"))?) {
        return Ok(ExitCode::SUCCESS);
    }
    let default = PathBuf::from(format!("aws-apply-{}.undo", spec.domain));
    let undo_file = options.undo_file.as_ref().unwrap_or(&default);
    apply::apply(&clients, &plan, undo_file, options.key_file.as_deref()).await?;
    Ok(ExitCode::SUCCESS)
}
