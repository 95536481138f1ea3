//! Progress on the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::{Style, StyledObject};
use indicatif::ProgressBar;

use crate::output::OutputLost;
use crate::step::Step;
use crate::text::printable;

/// Lines of progress. On a terminal they are coloured, unless `NO_COLOR` is set, and a spinner shows the current step.
/// Clones write to the same place.
#[derive(Clone)]
pub struct Screen {
    is_terminal: bool,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    out: Box<dyn Write + Send>,
    spinner: ProgressBar,
    lost: Option<io::Error>,
}

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Checked, with nothing to do.
    Checked,
    /// Nothing to do.
    Held,
    /// Done now.
    Done,
    /// To do, in a dry run.
    Planned,
    /// Not requested.
    Skipped,
    /// Failed.
    Failed,
    /// Not tried, because a step that it needs failed.
    Blocked,
}

impl Mark {
    /// Returns a sign and a word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Checked => "✓ checked",
            Self::Held => "= holds already",
            Self::Done => "✓ done",
            Self::Planned => "→ to do, now",
            Self::Skipped => "- not asked for",
            Self::Failed => "✗ failed",
            Self::Blocked => "- not tried",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Checked | Self::Done => Style::new().green(),
            Self::Held | Self::Skipped | Self::Blocked => Style::new().dim(),
            Self::Planned => Style::new().yellow(),
            Self::Failed => Style::new().red(),
        }
    }
}

impl Screen {
    /// Writes to standard output.
    pub fn stdout() -> Self {
        let out = io::stdout();
        Self { is_terminal: out.is_terminal(), ..Self::to(out) }
    }

    /// Writes to `out`, without colours.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        let shown = Shown { out: Box::new(out), spinner: ProgressBar::hidden(), lost: None };
        Self { is_terminal: false, shown: Arc::new(Mutex::new(shown)) }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self::to(io::sink())
    }

    /// Prints a line, escaped.
    pub fn line(&self, text: impl Display) {
        self.print(&printable(&text.to_string()));
    }

    /// Prints that a step begins.
    pub fn begin(&self, step: Step) {
        let title = self.styled(&Style::new().bold(), step.title());
        let line = format!("{:>2}/{}  {title}", step.number(), Step::ALL.len());
        self.print(&line);
        if self.is_terminal {
            let spinner = ProgressBar::new_spinner().with_message(step.title());
            spinner.enable_steady_tick(Duration::from_millis(100));
            self.shown().spinner = spinner;
        }
    }

    /// Prints what happens in a step.
    pub fn say(&self, text: impl Display) {
        self.line(format_args!("       {text}"));
    }

    /// Prints how a step ended.
    pub fn end(&self, mark: Mark, text: impl Display, took: Duration) {
        self.shown().spinner.finish_and_clear();
        let (mark, text) = (self.styled(&mark.style(), mark.text()), text.to_string());
        let line = format!("       {mark}: {}  ({})", printable(&text), seconds(took));
        self.print(&line);
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Returns the first write that failed. The steps do not stop when a write fails.
    pub fn close(&self) -> Result<(), OutputLost> {
        self.shown().lost.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn print(&self, line: &str) {
        let Shown { out, spinner, lost } = &mut *self.shown();
        let written = spinner.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush()));
        if let Err(error) = written {
            lost.get_or_insert(error);
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn styled<'a>(&self, style: &Style, text: &'a str) -> StyledObject<&'a str> {
        let style = style.clone().force_styling(self.is_terminal && console::colors_enabled());
        style.apply_to(text)
    }
}

/// Formats a time: in milliseconds below one second.
pub fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}
