//! The Route53 change batch of a cluster's domain, or the script that makes its health checks, on the standard output.

use std::ffi::OsString;
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use flynn_aws::dns::{DnsPlan, Routing};
use flynn_examples::output;
use flynn_examples::steps::dns::health_check_script;
use lexopt::prelude::*;

const HELP: &str = "\
Prints the Route53 change batch of a Flynn cluster's domain: the nodes at the apex, and the wildcard.

usage: dns-plan DOMAIN IP... [--multi-value] [--health-check IP=ID]...
       dns-plan DOMAIN IP... --create-health-checks[=SALT]

  --multi-value             up to eight nodes an answer, instead of one at a time
  --health-check IP=ID      the id of a node's health check; while it fails, the node is not in the
                            answers. For all nodes or for none
  --create-health-checks    print a script for sh instead, which makes a health check a node and
                            prints the --health-check=IP=ID of each; run again, it makes no second
                            one. With a SALT (any text) they are new ones: for when Route53 answers
                            HealthCheckAlreadyExists, as it does for some days after a deletion

From nothing to the end, with the AWS CLI:

    dns-plan example.com 203.0.113.10 203.0.113.11 --create-health-checks > checks.sh
    sh checks.sh > checks
    dns-plan example.com 203.0.113.10 203.0.113.11 $(cat checks) > batch.json
    aws route53 change-resource-record-sets --hosted-zone-id ZONE --change-batch file://batch.json

Where the apex has an ordinary A record already, or one of the other kind of answer, Route53 refuses
the batch (InvalidChangeBatch) and changes nothing. Then put the old record set in front of the batch's
Changes, as `aws route53 list-resource-record-sets --hosted-zone-id ZONE` prints it:

    {\"Action\": \"DELETE\", \"ResourceRecordSet\": {\"Name\": \"example.com.\", \"Type\": \"A\", ...}},

Both then happen at once. The records of nodes that have left the cluster go the same way.
";

fn main() -> ExitCode {
    output::exit("dns-plan", run(std::env::args_os().skip(1)))
}

fn run(line: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let arguments =
        Arguments::parse(line).context("cannot understand the command line (see --help)")?;
    let text = match arguments {
        Some(arguments) => arguments.document()?,
        None => HELP.to_owned(),
    };
    output::line(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// The command line, read.
#[derive(Default)]
struct Arguments {
    values: Vec<String>,
    multi_value: bool,
    checks: Vec<(IpAddr, String)>,
    /// `--create-health-checks` with its salt.
    create: Option<String>,
}

impl Arguments {
    /// `None` when help is wanted.
    fn parse(line: impl Iterator<Item = OsString>) -> Result<Option<Self>, lexopt::Error> {
        let mut parser = lexopt::Parser::from_args(line);
        let mut arguments = Self::default();
        while let Some(option) = parser.next()? {
            match option {
                Short('h') | Long("help") => return Ok(None),
                Long("multi-value") => arguments.multi_value = true,
                Long("health-check") => {
                    let check = parser.value()?.parse_with(|check| {
                        let (ip, id) = check.split_once('=').ok_or("IP=ID is wanted")?;
                        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((ip.parse()?, id.into()))
                    })?;
                    arguments.checks.push(check);
                }
                Long("create-health-checks") => {
                    let salt = parser.optional_value().unwrap_or_default();
                    arguments.create = Some(salt.string()?);
                }
                Value(value) => arguments.values.push(value.string()?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(arguments))
    }

    /// The batch or the script.
    fn document(self) -> Result<String> {
        let Some((domain, nodes)) = self.values.split_first() else {
            bail!("a domain and the IP addresses of its nodes are wanted (see --help)");
        };
        let nodes: Vec<IpAddr> = nodes
            .iter()
            .map(|node| node.parse().with_context(|| format!("{node:?} is not an IP address")))
            .collect::<Result<_>>()?;
        let mut plan = DnsPlan::new(domain, nodes).context("cannot plan the DNS records")?;
        if let Some(salt) = self.create {
            if self.multi_value || !self.checks.is_empty() {
                bail!("--create-health-checks goes without other options");
            }
            return Ok(health_check_script(&plan.reference_salt(salt)));
        }
        if self.multi_value {
            plan = plan.routing(Routing::MultiValue);
        }
        for (node, id) in &self.checks {
            plan = plan.health_check_id(*node, id).context("cannot use --health-check")?;
        }
        let checked = |node: &IpAddr| self.checks.iter().any(|(ip, _)| ip.to_canonical() == *node);
        let unchecked = plan.nodes().iter().find(|node| !checked(node));
        if let Some(node) = unchecked.filter(|_| !self.checks.is_empty()) {
            bail!("{node} has no --health-check, others have one");
        }
        Ok(plan.change_batch().to_json())
    }
}
