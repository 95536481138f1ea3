//! The program `productionize`: a command line becomes a job, the job a run of all steps.

use std::net::IpAddr;
use std::path::PathBuf;

use flynn_aws::blobstore::{Backend, S3Backend};
use flynn_aws::dns::DnsPlan;
use flynn_config::Locations;
use flynn_mock::ServerAge;

use crate::cli::Arguments;
use crate::demo::{self, Demo};
use crate::failure::{Context, Failure, Result};
use crate::job::Job;
use crate::runner::{self, Mode};
use crate::screen::Screen;
use crate::session::Session;
use crate::step::Step;
use crate::steps;

/// The backend's name, as in the guide.
const BACKEND: &str = "s3main";

/// Carries out these steps as the command line asks for.
///
/// # Errors
/// What is wrong with the input, before anything is touched; or which step failed and why.
pub async fn run(mut arguments: Arguments, steps: &[Step], screen: Screen) -> Result<()> {
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Do };
    if arguments.cluster.is_some() {
        let session = Session::open(real_job(&arguments)?, screen)?;
        return carry_out(session, steps, mode, None).await;
    }
    let age = arguments.server.unwrap_or(ServerAge::V2016);
    let demo = Demo::start(age).await?;
    if !steps.contains(&Step::Domain) {
        arguments.domain.get_or_insert_with(|| demo::OLD_DOMAIN.to_owned());
    }
    let session = Session::open(demo_job(&arguments, &demo)?, screen)?;
    carry_out(session, steps, mode, Some(&demo)).await
}

async fn carry_out(
    mut session: Session,
    steps: &[Step],
    mode: Mode,
    demo: Option<&Demo>,
) -> Result<()> {
    preflight(&mut session, mode).await?;
    for line in heading(&session, demo) {
        session.screen.line(line);
    }
    let summary = runner::run(&mut session, steps, mode).await;
    session.screen.line("");
    for line in summary.table(mode) {
        session.screen.line(line);
    }
    session.screen.line("");
    if demo.is_some() && summary.is_complete() {
        show_documents(&mut session)?;
    }
    session.screen.line(summary.closing(mode)?);
    Ok(())
}

/// The folder goes away with the mock: shows what would stay of it.
fn show_documents(session: &mut Session) -> Result<()> {
    for path in [steps::blobstore::policy_file(session), steps::dns::batch_file(session)] {
        if path.exists() {
            let what = path.display().to_string();
            let text = std::fs::read_to_string(&path).context(format!("cannot read {what}"))?;
            session.screen.line(format_args!("{what}:\n{text}"));
        }
    }
    Ok(())
}

/// Everything that can be refused is refused before the first change.
async fn preflight(session: &mut Session, mode: Mode) -> Result<()> {
    steps::certificate::look(session)?;
    steps::git::look(session)?;
    if !session.job.documents.is_dir() {
        return Err(Failure::new(format!("{} is not a folder", session.job.documents.display())));
    }
    let host = format!("controller.{}", session.job.domain);
    match session.reach.resolves(&host).await {
        Err(failure) if mode == Mode::DryRun => {
            session.screen.line(format_args!("Note: {failure}"));
        }
        resolved => resolved?,
    }
    steps::connect::look(session).await?;
    Ok(())
}

fn heading(session: &Session, demo: Option<&Demo>) -> Vec<String> {
    let mut lines = vec![format!(
        "Cluster {:?} at {} becomes {}",
        session.cluster.name(),
        session.reach.controller_url(),
        session.job.domain
    )];
    if let Some(demo) = demo {
        lines.push(format!(
            "The cluster is a mock on {}, home is {}; both go away at the end.",
            demo.mock.addr(),
            demo.home().display()
        ));
    }
    lines.push(String::new());
    lines
}

fn real_job(arguments: &Arguments) -> Result<Job> {
    let missing = || Failure::new("--cluster needs --domain, --cert and --key");
    let domain = arguments.domain.as_deref().ok_or_else(missing)?;
    let backend = match (&arguments.bucket, &arguments.region) {
        (Some(bucket), Some(region)) => Some(backend(bucket, region)?),
        _ => None,
    };
    Ok(Job {
        locations: Locations::from_env().context("cannot find your home")?,
        cluster: arguments.cluster.clone(),
        domain: domain.parse().context("cannot use --domain")?,
        certificate: arguments.certificate.clone().ok_or_else(missing)?,
        key: arguments.key.clone().ok_or_else(missing)?,
        ca: arguments.ca.clone(),
        backend,
        dns: plan(domain, &arguments.nodes)?,
        documents: arguments.out.clone().unwrap_or_else(|| PathBuf::from(".")),
        connect_to: arguments.connect_to,
    })
}

/// The job for a mock: what is not given is made up.
///
/// # Errors
/// What is wrong with what is given.
pub fn demo_job(arguments: &Arguments, demo: &Demo) -> Result<Job> {
    let domain = arguments.domain.as_deref().unwrap_or(demo::NEW_DOMAIN);
    let given = arguments.certificate.clone().zip(arguments.key.clone());
    let (certificate, key, ca) = if let Some((certificate, key)) = given {
        (certificate, key, arguments.ca.clone())
    } else {
        demo.buy_certificate(domain)?;
        let file = |name: &str| demo.home().join(name);
        (file("certificate.pem"), file("certificate.key"), Some(file("ca.pem")))
    };
    let bucket = arguments.bucket.as_deref().unwrap_or("example-flynn-blobs");
    let region = arguments.region.as_deref().unwrap_or("us-east-1");
    let mut nodes = arguments.nodes.clone();
    if nodes.is_empty() {
        // Addresses of a network that is reserved for documentation.
        nodes = (10..13).map(|host| IpAddr::from([203, 0, 113, host])).collect();
    }
    Ok(Job {
        locations: Locations::in_home(demo.home()),
        cluster: Some(demo::CLUSTER.to_owned()),
        domain: domain.parse().context("cannot use --domain")?,
        certificate,
        key,
        ca,
        backend: Some(backend(bucket, region)?),
        dns: plan(domain, &nodes)?,
        documents: arguments.out.clone().unwrap_or_else(|| demo.home().to_owned()),
        connect_to: Some(demo.mock.addr()),
    })
}

/// S3 with the key of the environment, or with the role of the instances.
fn backend(bucket: &str, region: &str) -> Result<Backend> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let s3 = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => S3Backend::with_key(bucket, region, &id, &secret),
        (None, None) => S3Backend::with_ec2_role(bucket, region),
        _ => {
            return Err(Failure::new(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: one is not set",
            ));
        }
    };
    s3.and_then(|s3| Backend::new(BACKEND, s3)).context("cannot use the bucket")
}

fn plan(domain: &str, nodes: &[IpAddr]) -> Result<Option<DnsPlan>> {
    if nodes.is_empty() {
        return Ok(None);
    }
    DnsPlan::new(domain, nodes.iter().copied()).map(Some).context("cannot plan the DNS records")
}
