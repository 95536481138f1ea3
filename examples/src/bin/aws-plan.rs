//! Prints what a cluster needs on AWS.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_aws::blobstore::AccessKey;
use flynn_aws::plan::{Plan, PlanOptions, script};
use flynn_examples::{aws, output};

/// Prints what a Flynn cluster needs on AWS, as one JSON object: policy, operator_policy, blobstore_env, change_batch,
/// zone_lines, security_groups, preflight, plan.
///
/// Sends nothing. The plan compares the specification with outputs of the AWS CLI, and starts from nothing without
/// them. Save them like this:
///
///     aws s3api list-buckets > buckets.json
///     aws route53 list-hosted-zones > zones.json
///     aws ec2 describe-instances > instances.json
///     aws-plan cluster.toml --observed *.json
#[derive(Parser)]
#[command(name = "aws-plan", verbatim_doc_comment)]
#[allow(clippy::struct_excessive_bools, reason = "they are options of a command line")]
struct Options {
    /// The specification, in TOML; - is standard input
    #[arg(required_unless_present = "example")]
    spec: Option<PathBuf>,
    /// JSON outputs of the AWS CLI; the commands are recognized by the content
    #[arg(long, value_name = "FILE", num_args = 1..)]
    observed: Vec<PathBuf>,
    /// Put the key from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into blobstore_env instead of placeholders
    #[arg(long)]
    with_key: bool,
    /// Plan a new access key even if the user already has one
    #[arg(long)]
    new_key: bool,
    /// Print the plan's commands as a script for sh instead
    #[arg(long, conflicts_with = "with_key")]
    script: bool,
    /// Print a commented specification instead
    #[arg(long, exclusive = true)]
    example: bool,
}

fn main() -> ExitCode {
    output::exit("aws-plan", run(&Options::parse()))
}

fn run(options: &Options) -> Result<ExitCode> {
    let Some(path) = options.spec.as_ref().filter(|_| !options.example) else {
        output::write(aws::EXAMPLE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let spec = aws::read_spec(path)?;
    let observed = aws::read_observed(&spec, &options.observed)?;
    let plan_options = PlanOptions::default().new_key(options.new_key);
    let plan = Plan::with_options(&spec, &observed, plan_options);
    if options.script {
        output::write(script(&plan.steps, &[]).as_bytes())?;
        for finding in &plan.findings {
            output::complain("aws-plan", finding);
        }
    } else {
        let key = if options.with_key { Some(key_of_environment()?) } else { None };
        let documents = aws::documents(&spec, &observed, &plan, key.as_ref())?;
        output::line(format_args!("{documents:#}"))?;
    }
    Ok(ExitCode::from(u8::from(plan.has_errors())))
}

fn key_of_environment() -> Result<AccessKey> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("cannot use ${name}"));
    let id = variable("AWS_ACCESS_KEY_ID")?;
    Ok(AccessKey { id, secret: variable("AWS_SECRET_ACCESS_KEY")?.into() })
}
