//! Runs steps: looks, makes the missing changes, and looks again. The state printed as "after" was read back.

use std::time::{Duration, Instant};

use comfy_table::ColumnConstraint::UpperBoundary;
use comfy_table::{LineStyle, Table, Width, presets};

use crate::screen::{Mark, Screen, seconds};
use crate::session::Session;
use crate::step::{Look, Step};
use crate::text::{one_line, printable};
use anyhow::{Result, bail};

/// Whether to run the steps or only show their changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make the missing changes.
    Do,
    /// Look and print the plan, but change nothing.
    DryRun,
}

/// The outcome of one step.
#[derive(Debug)]
pub struct Report {
    /// The step.
    pub step: Step,
    /// The outcome.
    pub mark: Mark,
    /// The state before.
    pub before: String,
    /// The state after, read back.
    pub after: String,
    /// The time that it took.
    pub took: Duration,
}

/// The outcome of all steps.
#[derive(Debug)]
pub struct Summary {
    /// The steps in their order.
    pub reports: Vec<Report>,
    /// The failures, in the order of the steps.
    pub failures: Vec<(Step, anyhow::Error)>,
}

/// Runs steps in their order. A step that fails stops only the steps that [need](Step::needs) it.
pub async fn run(session: &mut Session, steps: &[Step], mode: Mode) -> Summary {
    let mut summary = Summary { reports: Vec::new(), failures: Vec::new() };
    for step in steps {
        session.screen.begin(*step);
        let start = Instant::now();
        let mut before = String::new();
        let result = match summary.blocks(*step) {
            Some(needed) => {
                Ok((Mark::Blocked, format!("needs step {} ({})", needed.number(), needed.title())))
            }
            None => run_one(session, *step, mode, &mut before).await,
        };
        let took = start.elapsed();
        let (mark, after) = result.unwrap_or_else(|why| {
            let after = one_line(why.as_ref());
            summary.failures.push((*step, why));
            (Mark::Failed, after)
        });
        // The changes of a dry run are already printed line by line; its last line is the state that was found.
        let shown = if mark == Mark::Planned { &before } else { &after };
        session.screen.end(mark, shown, took);
        summary.reports.push(Report { step: *step, mark, before, after, took });
    }
    summary
}

async fn run_one(
    session: &mut Session,
    step: Step,
    mode: Mode,
    before: &mut String,
) -> Result<(Mark, String)> {
    let found = step.look(session).await?;
    before.clone_from(found.before.as_ref().unwrap_or(&found.now));
    let show = |screen: &Screen, look: &Look| {
        for line in &look.details {
            screen.say(line);
        }
    };
    if found.skipped {
        return Ok((Mark::Skipped, found.now));
    }
    if found.holds {
        show(&session.screen, &found);
        let mark = if step.only_looks() { Mark::Checked } else { Mark::Held };
        return Ok((mark, found.now));
    }
    if mode == Mode::DryRun {
        show(&session.screen, &found);
        for line in &found.plan {
            session.screen.say(format_args!("would {line}"));
        }
        return Ok((Mark::Planned, found.plan.join(", ")));
    }
    step.act(session).await?;
    let now = step.look(session).await?;
    show(&session.screen, &now);
    if !now.holds {
        bail!("it was done without an error, but the state is still: {}", now.now);
    }
    Ok((Mark::Done, now.now))
}

impl Summary {
    /// Returns true if no step failed.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }

    /// Returns a step that this one needs and that failed or was not tried.
    fn blocks(&self, step: Step) -> Option<Step> {
        let ended_badly = |report: &&Report| matches!(report.mark, Mark::Failed | Mark::Blocked);
        let needed = self.reports.iter().filter(|report| step.needs().contains(&report.step));
        needed.filter(ended_badly).map(|report| report.step).next()
    }

    /// Returns the closing table: each step with its state before and after or, in a dry run, with its planned changes.
    pub fn table(&self, mode: Mode) -> Vec<String> {
        let cell = |text: &str| printable(if text.is_empty() { "–" } else { text }).into_owned();
        let last = if mode == Mode::DryRun { "Would" } else { "After" };
        let mut table = Table::new();
        table.load_style(presets::NOTHING.header_separator(LineStyle::new(' ', '─', ' ', ' ')));
        table.set_header(["#", "Step", "Before", last]);
        table.add_rows(self.reports.iter().map(|report| {
            [
                report.step.number().to_string(),
                report.step.title().to_owned(),
                cell(&report.before),
                format!("{} {}", sign(report.mark), cell(&report.after)),
            ]
        }));
        table.set_constraints([4, 28, 46, 50].map(|width| UpperBoundary(Width::Fixed(width))));
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Returns one line that sums up the run.
    ///
    /// # Errors
    /// Fails if steps failed. The error names them, the causes and the remedy.
    pub fn closing(self, mode: Mode) -> Result<String> {
        let took: Duration = self.reports.iter().map(|report| report.took).sum();
        let count = |mark: Mark| self.reports.iter().filter(|report| report.mark == mark).count();
        if self.failures.is_empty() {
            let (done, held, checked) =
                (count(Mark::Done), count(Mark::Held), count(Mark::Checked));
            let seen = format!("{held} held already, {checked} checked ({})", seconds(took));
            return Ok(match mode {
                Mode::DryRun => {
                    format!("{} to do, {seen}; nothing was changed.", count(Mark::Planned))
                }
                Mode::Do => format!("All steps hold: {done} done now, {seen}."),
            });
        }
        let mut message: Vec<String> = self
            .failures
            .iter()
            .map(|(step, why)| {
                let (number, title) = (step.number(), step.title());
                format!("step {number} ({title}) failed: {}", one_line(why.as_ref()))
            })
            .collect();
        match count(Mark::Blocked) {
            0 => {}
            1 => message.push("1 step that needs it was not tried".to_owned()),
            blocked => message.push(format!("{blocked} steps that need it were not tried")),
        }
        message.push(match mode {
            Mode::DryRun => "nothing was changed".to_owned(),
            Mode::Do => "fix the cause and run it again, it continues where it stopped".to_owned(),
        });
        bail!(message.join("; "))
    }
}

fn sign(mark: Mark) -> &'static str {
    mark.text().split(' ').next().unwrap_or_default()
}
