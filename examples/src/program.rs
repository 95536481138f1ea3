//! Programs made of steps: a command line becomes a job, the job a run.

use std::process::ExitCode;

use flynn_mock::ServerAge;

use crate::blocking::blocking;
use crate::cli::Arguments;
use crate::demo::{self, Demo};
use crate::documents;
use crate::failure::{Context, Failure, Result};
use crate::job::Job;
use crate::output;
use crate::preflight::preflight;
use crate::runner::{self, Mode};
use crate::screen::Screen;
use crate::session::Session;
use crate::step::Step;
use crate::steps;

/// The `main` of a program that runs these steps: exit status 0 when all hold, 1 and one line when not.
pub async fn main(name: &str, help: &str, steps: &'static [Step]) -> ExitCode {
    let done = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) if arguments.help => output::line(help.trim_end()).context("cannot write"),
        Ok(arguments) => tokio::select! {
            done = run(arguments, steps, Screen::stdout()) => done,
            Ok(()) = tokio::signal::ctrl_c() => Err(Failure::new("interrupted")),
        },
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Carries out these steps as the command line asks for.
///
/// # Errors
/// What is wrong with the input, before anything is touched; or which step failed and why.
pub async fn run(mut arguments: Arguments, steps: &'static [Step], screen: Screen) -> Result<()> {
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Do };
    if arguments.cluster.is_some() {
        let open = move || Session::open(Job::real(&arguments, steps)?, screen);
        let session = blocking(open).await?;
        return carry_out(session, steps, mode, None).await;
    }
    let shows_itself = Arguments { server: None, dry_run: false, ..arguments.clone() };
    if steps != Step::ALL && shows_itself != Arguments::default() {
        return Err(Failure::new(
            "--cluster is missing; without any options the program shows itself on a mocked cluster",
        ));
    }
    let age = arguments.server.unwrap_or(ServerAge::V2016);
    let demo = Demo::start(age).await?;
    if !steps.contains(&Step::Domain) {
        arguments.domain.get_or_insert_with(|| demo::OLD_DOMAIN.to_owned());
    }
    let open = move || Ok((Session::open(Job::demo(&arguments, &demo)?, screen)?, demo));
    let (session, demo) = blocking(open).await?;
    carry_out(session, steps, mode, Some(&demo)).await
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
    Ok(())
}

/// The folder goes away with the mock: shows what would stay of it.
async fn show_documents(session: &mut Session) {
    for path in [steps::blobstore::policy_file(session), steps::dns::batch_file(session)] {
        let Ok(text) = documents::read(&path).await else { continue };
        session.screen.line(format_args!("{}:\n{text}", path.display()));
    }
}

fn heading(session: &Session, steps: &[Step], demo: Option<&Demo>) -> Vec<String> {
    let (name, url) = (session.cluster.name(), session.reach.controller_url());
    let mut lines = vec![format!("Cluster {name:?} at {url}")];
    if steps.contains(&Step::Domain) {
        lines.push(format!("It shall have the domain {}.", session.job.domain));
    }
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
