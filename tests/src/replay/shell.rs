//! The programs of the recorded one-off jobs. The stand-in hosts ran a real `sh -c`; here a few of its
//! commands are enough: `echo`, `sleep`, `cat`, `read`, `stty size`, `trap`, `exit`.

use std::collections::VecDeque;

use flynn_mock::{Command, Input, Output, Program};
use jiff::SignedDuration;

/// A shell that runs a script, statement by statement.
#[derive(Debug, Default)]
pub struct Shell {
    statements: VecDeque<String>,
    /// The input that it has not read yet.
    input: VecDeque<u8>,
    /// True if its input has ended.
    closed: bool,
    waiting: Option<Waiting>,
    /// The command that signal 2 makes it run, and whether the signal has arrived.
    trap: Option<String>,
    trapped: bool,
    status: i32,
    size: (u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waiting {
    /// Waits for a line.
    Line,
    /// Waits for the end of its input, which `cat` prints.
    End,
    /// Waits for a time.
    Time,
}

impl Shell {
    /// The shell for a command `sh -c SCRIPT`; `None` for any other command.
    pub fn of(command: &Command) -> Option<Self> {
        let words: Vec<&str> = command.args.iter().map(String::as_str).collect();
        let words = words.strip_prefix(&["/runner/init"]).unwrap_or(&words);
        let [shell, "-c", script] = words else { return None };
        if !matches!(*shell, "sh" | "bash" | "/bin/sh") {
            return None;
        }
        let statements = script.split(';').map(|text| text.trim().to_owned()).collect();
        Some(Self { statements, size: command.size, ..Self::default() })
    }

    fn run(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while self.waiting.is_none() {
            if std::mem::take(&mut self.trapped)
                && let Some(command) = self.trap.clone()
            {
                self.statements.push_front(command);
            }
            let Some(statement) = self.statements.pop_front() else {
                outputs.push(Output::Exit(self.status));
                break;
            };
            if let Some(exit) = self.statement(&statement, &mut outputs) {
                outputs.push(Output::Exit(exit));
                break;
            }
        }
        outputs
    }

    /// Runs one statement; the status of an `exit`.
    fn statement(&mut self, statement: &str, outputs: &mut Vec<Output>) -> Option<i32> {
        let (name, rest) = statement.split_once(' ').unwrap_or((statement, ""));
        self.status = 0;
        match name {
            "exit" => return Some(rest.trim().parse().unwrap_or(0)),
            "echo" => {
                let (text, to_stderr) = match rest.strip_suffix(">&2") {
                    Some(text) => (text, true),
                    None => (rest, false),
                };
                let line = format!("{}\n", text.trim().trim_matches(['"', '\''])).into();
                outputs.push(if to_stderr { Output::Stderr(line) } else { Output::Stdout(line) });
            }
            "sleep" => {
                let seconds: f64 = rest.trim().parse().unwrap_or(0.0);
                let time = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
                outputs.push(Output::Wait(time));
                self.waiting = Some(Waiting::Time);
            }
            "stty" => {
                let (lines, columns) = self.size;
                outputs.push(Output::Stdout(format!("{lines} {columns}\n").into()));
            }
            "trap" => {
                let command = rest.trim_end_matches("INT").trim();
                self.trap = Some(command.trim_matches(['"', '\'']).to_owned());
            }
            "read" => self.waiting = Some(Waiting::Line),
            "cat" => self.waiting = Some(Waiting::End),
            _ => self.status = 127,
        }
        self.feed(outputs);
        None
    }

    /// Gives the input to the statement that waits for it.
    fn feed(&mut self, outputs: &mut Vec<Output>) {
        match self.waiting {
            Some(Waiting::Line) => {
                if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                    self.input.drain(..=end);
                    self.waiting = None;
                } else if self.closed {
                    self.waiting = None;
                }
            }
            Some(Waiting::End) => {
                if !self.input.is_empty() {
                    let all: Vec<u8> = self.input.drain(..).collect();
                    outputs.push(Output::Stdout(all.into()));
                }
                if self.closed {
                    self.waiting = None;
                }
            }
            Some(Waiting::Time) | None => {}
        }
    }
}

impl Program for Shell {
    fn react(&mut self, input: Input) -> Vec<Output> {
        match input {
            Input::Stdin(bytes) => self.input.extend(bytes),
            Input::Eof => self.closed = true,
            Input::Timer => self.waiting = None,
            Input::Resize { height, width } => self.size = (height, width),
            // The shell waits for its child, then runs the trap.
            Input::Signal(2) if self.trap.is_some() => self.trapped = true,
            Input::Signal(1..=15) => return vec![Output::Exit(0)],
            _ => {}
        }
        let mut outputs = Vec::new();
        self.feed(&mut outputs);
        outputs.extend(self.run());
        outputs
    }
}
