//! What a person sees while the steps run.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::step::Step;

/// Lines of progress, coloured on a terminal unless `NO_COLOR` is set.
pub struct Screen {
    out: Box<dyn Write + Send>,
    colour: bool,
}

/// How a step ended, as its last line shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Looked at and found right; there was nothing to do.
    Checked,
    /// Held already.
    Held,
    /// Was done now, and holds.
    Done,
    /// Would be done: a dry run.
    Planned,
    /// Was not asked for.
    Skipped,
    /// Failed.
    Failed,
}

impl Mark {
    /// A sign and a word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Checked => "✓ checked",
            Self::Held => "= holds already",
            Self::Done => "✓ done",
            Self::Planned => "→ to do, now",
            Self::Skipped => "- not asked for",
            Self::Failed => "✗ failed",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Checked | Self::Done => "32",
            Self::Held | Self::Skipped => "2",
            Self::Planned => "33",
            Self::Failed => "31",
        }
    }
}

impl Screen {
    /// Writes to the standard output.
    pub fn stdout() -> Self {
        let out = std::io::stdout();
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out: Box::new(out), colour }
    }

    /// Writes, without colours, wherever the caller likes.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), colour: false }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self::to(std::io::sink())
    }

    /// A line of its own.
    pub fn line(&mut self, text: impl Display) {
        // Whoever closed the other end of the pipe does not want to read on; the steps go on.
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    /// A step begins.
    pub fn begin(&mut self, step: Step) {
        let title = self.paint("1", step.title());
        self.line(format_args!("{:>2}/{}  {title}", step.number(), Step::ALL.len()));
    }

    /// Something happens in a step.
    pub fn say(&mut self, text: impl Display) {
        self.line(format_args!("       {text}"));
    }

    /// A step ends.
    pub fn end(&mut self, mark: Mark, text: impl Display, took: Duration) {
        let mark = self.paint(mark.colour(), mark.text());
        self.line(format_args!("       {mark}: {text}  ({})", seconds(took)));
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A time as a person reads it: milliseconds below one second.
pub fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}
