//! Programs made of steps.

use std::process::{ExitCode, Termination};

use anyhow::{Result, bail};
use clap::Parser;
use flynn_mock::ServerAge;

use crate::blocking::blocking;
use crate::cli::{self, Arguments, Server, Target, WrongCall};
use crate::connect;
use crate::demo::{self, Demo};
use crate::documents;
use crate::job::Job;
use crate::login;
use crate::output;
use crate::preflight::preflight;
use crate::runner::{self, Mode};
use crate::screen::Screen;
use crate::session::Session;
use crate::step::Step;
use crate::steps;

/// The `main` of a program that runs these steps. Exits with 0 if all succeed, otherwise with 1 and a one-line error.
pub async fn main<P: Parser + Into<Arguments>>(steps: &'static [Step]) -> ExitCode {
    let arguments: Arguments = match cli::parse::<P>(WrongCall::OneLine) {
        Ok(options) => options.into(),
        Err(status) => return status,
    };
    let done = tokio::select! {
        done = run(arguments, steps, Screen::stdout()) => done,
        Ok(()) = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    output::exit(P::command().get_name(), done.map(Termination::report))
}

/// Runs these steps with the options of the command line.
///
/// # Errors
/// Fails before anything changes if the input is not valid. Otherwise fails if a step fails, and names the step.
pub async fn run(mut arguments: Arguments, steps: &'static [Step], screen: Screen) -> Result<()> {
    if arguments.target.cluster.is_some() {
        return on_cluster(arguments, steps, screen).await;
    }
    let server = arguments.target.server;
    let shows_itself = Arguments { target: Target::default(), ..arguments.clone() };
    if steps != Step::ALL && shows_itself != Arguments::default() {
        bail!("--cluster is missing; without any options the program runs on a mocked cluster");
    }
    let mode = mode(&arguments);
    let demo = Demo::start(server.map_or(ServerAge::V2016, Server::into)).await?;
    if server == Some(Server::Fork2026September) {
        // The fork reserves the name `www`.
        arguments.app.get_or_insert_with(|| "site".to_owned());
    }
    if !steps.contains(&Step::Domain) {
        arguments.domain.get_or_insert_with(|| demo::OLD_DOMAIN.to_owned());
    }
    let open = move || {
        let job = Job::demo(&arguments, &demo)?;
        let cluster = connect::cluster(&job.locations, Some(demo::CLUSTER))?;
        Ok((Session::open(job, cluster, screen)?, demo))
    };
    let (session, demo) = blocking(open).await?;
    carry_out(session, steps, mode, Some(&demo)).await
}

/// Runs these steps on a cluster of the `.flynnrc`: the named one, or `$FLYNN_CLUSTER`, or the default one.
///
/// # Errors
/// Returns the errors of [`run`].
pub async fn on_cluster(
    arguments: Arguments,
    steps: &'static [Step],
    screen: Screen,
) -> Result<()> {
    let mode = mode(&arguments);
    let Target { cluster, connect_to, .. } = arguments.target.clone();
    let (locations, cluster) = login::cluster(cluster, connect_to).await?;
    let open = move || {
        let job = Job::real(locations, &cluster, &arguments, steps)?;
        Session::open(job, cluster, screen)
    };
    carry_out(blocking(open).await?, steps, mode, None).await
}

fn mode(arguments: &Arguments) -> Mode {
    if arguments.target.dry_run { Mode::DryRun } else { Mode::Do }
}

async fn carry_out(
    mut session: Session,
    steps: &[Step],
    mode: Mode,
    demo: Option<&Demo>,
) -> Result<()> {
    preflight(&mut session, steps, mode).await?;
    for line in heading(&session, steps, demo) {
        session.screen.line(line);
    }
    let summary = runner::run(&mut session, steps, mode).await;
    session.screen.line("");
    for line in summary.table(mode) {
        session.screen.line(line);
    }
    session.screen.line("");
    if demo.is_some() && summary.is_complete() {
        show_documents(&mut session).await;
    }
    session.screen.line(summary.closing(mode)?);
    Ok(session.screen.close()?)
}

/// Prints the documents of a mocked run, whose folder is deleted at the end.
async fn show_documents(session: &mut Session) {
    for path in [steps::blobstore::policy_file(session), steps::dns::batch_file(session)] {
        let Ok(text) = documents::read(&path).await else { continue };
        session.screen.line(format_args!("{}:", path.display()));
        for line in text.lines().chain([""]) {
            session.screen.line(line);
        }
    }
}

fn heading(session: &Session, steps: &[Step], demo: Option<&Demo>) -> Vec<String> {
    let (name, url) = (session.cluster.name(), session.reach.controller_url());
    let mut lines = vec![format!("Cluster {name:?} at {url}")];
    if steps.contains(&Step::Domain) {
        lines.push(format!("Its domain will be {}.", session.job.domain));
    }
    if let Some(demo) = demo {
        lines.push(format!(
            "The cluster is a mock on {}, the home folder is {}. Both are removed at the end.",
            demo.mock.addr(),
            demo.home().display()
        ));
    }
    lines.push(String::new());
    lines
}
