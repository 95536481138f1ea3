//! Scripted programs, which one-off jobs run.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;

use crate::life::guard::guarded;

/// The command of a one-off job. Its `Debug` shows only the names in its env.
#[derive(Clone, Default)]
pub struct Command {
    /// The arguments: the job's `args` if there are any, otherwise the process's.
    pub args: Vec<String>,
    /// The environment, including the release's if the job requested it.
    pub env: std::collections::BTreeMap<String, String>,
    /// True if it runs on a terminal.
    pub tty: bool,
    /// The lines and columns of its terminal at the start; 0 if the request does not set them.
    pub size: (u16, u16),
    /// True if a client is attached, so that it can receive input.
    pub attached: bool,
}

impl Command {
    /// Returns the default program for the command, which runs unless you set
    /// [`Builder::programs`](crate::Builder::programs): `exit N`, `sleep N`, `cat` or `echo`; any other command prints
    /// its arguments and exits with 0.
    #[must_use]
    pub fn default_program(&self) -> Box<dyn Program> {
        Programs::default().run(self)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("args", &self.args)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("tty", &self.tty)
            .field("attached", &self.attached)
            .finish_non_exhaustive()
    }
}

/// An input of a running program. Its `Debug` shows only the length of standard input.
#[derive(Clone)]
#[non_exhaustive]
pub enum Input {
    /// The program starts.
    Start,
    /// Bytes on its standard input.
    Stdin(Bytes),
    /// The end of its standard input.
    Eof,
    /// A signal, such as 15.
    Signal(u32),
    /// The terminal has a new size.
    Resize {
        /// Lines.
        height: u16,
        /// Columns.
        width: u16,
    },
    /// The requested waiting time has passed.
    Timer,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Stdin(bytes) => write!(f, "Stdin({} bytes)", bytes.len()),
            Self::Eof => f.write_str("Eof"),
            Self::Signal(signal) => write!(f, "Signal({signal})"),
            Self::Resize { height, width } => write!(f, "Resize({height}x{width})"),
            Self::Timer => f.write_str("Timer"),
        }
    }
}

/// An action of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Bytes on its standard output.
    Stdout(Bytes),
    /// Bytes on its standard error.
    Stderr(Bytes),
    /// Requests [`Input::Timer`] after this time. At most one is pending.
    Wait(SignedDuration),
    /// Exits with this status. Later outputs are ignored.
    Exit(i32),
}

/// A program: receives input, returns output, and ends with [`Output::Exit`]. A program that panics exits with 101. A
/// panic during a test's own [`advance`](crate::MockController::advance), [`step`](crate::MockController::step) and
/// similar calls propagates to the test.
///
/// It runs on its own thread and may call the mock. While a detached program reacts, the clock of its mock is paused;
/// other mocks continue. It must not move the clock ([`advance`](crate::MockController::advance) and similar methods
/// panic).
pub trait Program: Send {
    /// Reacts to an input.
    fn react(&mut self, input: Input) -> Vec<Output>;
}

impl<F: FnMut(Input) -> Vec<Output> + Send> Program for F {
    fn react(&mut self, input: Input) -> Vec<Output> {
        self(input)
    }
}

type Make = dyn Fn(&Command) -> Box<dyn Program> + Send + Sync;

/// Creates the program for a command.
#[derive(Clone)]
pub(crate) struct Programs(Arc<Make>);

impl Programs {
    /// Creates programs with `make`.
    pub(crate) fn new(make: impl Fn(&Command) -> Box<dyn Program> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// Returns the program for this command. Does not panic: a program that panics exits with 101.
    pub(crate) fn run(&self, command: &Command) -> Box<dyn Program> {
        Box::new(Guarded::New(self.clone(), command.clone()))
    }
}

/// A user's program, which is created when it starts.
enum Guarded {
    New(Programs, Command),
    Made(Box<dyn Program>),
    /// It has panicked.
    Gone,
}

/// The exit status of a Rust process that panics.
const PANICKED: i32 = 101;

impl Program for Guarded {
    fn react(&mut self, input: Input) -> Vec<Output> {
        if let Self::New(programs, command) = self {
            let made = guarded(|| (programs.0)(command));
            *self = made.map_or(Self::Gone, Self::Made);
        }
        let outputs = match self {
            Self::Made(program) => guarded(|| program.react(input)),
            Self::New(..) | Self::Gone => None,
        };
        outputs.unwrap_or_else(|| {
            *self = Self::Gone;
            vec![Output::Exit(PANICKED)]
        })
    }
}

impl fmt::Debug for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Programs(..)")
    }
}

impl Default for Programs {
    /// `exit N`, `sleep N`, `cat`, `echo`; anything else prints its arguments and exits with 0.
    fn default() -> Self {
        Self::new(|command| Box::new(Shell::new(command)))
    }
}

/// The default programs, selected by the arguments.
struct Shell {
    act: Act,
}

enum Act {
    Exit(i32),
    Sleep(SignedDuration),
    Cat,
    Print(String),
}

impl Shell {
    fn new(command: &Command) -> Self {
        let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
        let words = args.strip_prefix(&["/runner/init"]).unwrap_or(&args);
        let number = |text: Option<&&str>| text.and_then(|n| n.parse().ok());
        let act = match words.first() {
            Some(&"exit") => Act::Exit(number(words.get(1)).unwrap_or(0)),
            Some(&"sleep") => {
                let seconds = words.get(1).and_then(|n| n.parse().ok());
                let time = seconds.and_then(|n| SignedDuration::try_from_secs_f64(n).ok());
                Act::Sleep(time.unwrap_or_default())
            }
            Some(&"cat") if command.attached => Act::Cat,
            Some(&"echo") => Act::Print(words.get(1..).unwrap_or_default().join(" ")),
            _ => Act::Print(words.join(" ")),
        };
        Self { act }
    }
}

impl Program for Shell {
    fn react(&mut self, input: Input) -> Vec<Output> {
        match (&self.act, input) {
            (Act::Exit(status), Input::Start) => vec![Output::Exit(*status)],
            (Act::Sleep(time), Input::Start) => vec![Output::Wait(*time)],
            (Act::Sleep(_), Input::Timer) | (Act::Cat, Input::Eof) => vec![Output::Exit(0)],
            (Act::Cat, Input::Stdin(bytes)) => vec![Output::Stdout(bytes)],
            (Act::Print(text), Input::Start) => {
                vec![Output::Stdout(format!("{text}\n").into()), Output::Exit(0)]
            }
            (_, Input::Signal(number)) if kills(number) => vec![Output::Exit(0)],
            _ => Vec::new(),
        }
    }
}

/// Returns whether a signal ends a process that does not handle it. The host reports such an end as status 0.
fn kills(signal: u32) -> bool {
    // SIGCHLD, SIGCONT, the four that stop a process, SIGURG and SIGWINCH do not.
    matches!(signal, 1..=64) && !matches!(signal, 17..=23 | 28)
}
