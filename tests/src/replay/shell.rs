//! The programs of the recorded one-off jobs. The recorded hosts ran a real `sh -c`; here the commands that the
//! recordings use are enough: `echo`, `sleep`, `cat`, `read`, `stty size`, `trap`, `exit`.

use std::collections::VecDeque;

use flynn_mock::{Command, Input, Output, Program};
use jiff::SignedDuration;

/// Runs a script, statement by statement.
#[derive(Debug, Default)]
pub(crate) struct Shell {
    statements: VecDeque<String>,
    /// The input that no statement has read yet.
    input: Vec<u8>,
    closed: bool,
    /// True once the current `sleep` is over; `None` before it begins.
    slept: Option<bool>,
    /// The command for signal 2, and whether the signal has arrived.
    trap: Option<String>,
    trapped: bool,
    size: (u16, u16),
}

impl Shell {
    /// Returns the shell for a command `sh -c SCRIPT`; `None` for any other command.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        let [shell, option, script] = command.args.as_slice() else { return None };
        if shell != "sh" || option != "-c" {
            return None;
        }
        let statements = script.split(';').map(|text| text.trim().to_owned()).collect();
        Some(Self { statements, size: command.size, ..Self::default() })
    }

    /// Runs statements until one waits.
    fn run(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(statement) = self.statements.front().cloned() {
            let (name, rest) = statement.split_once(' ').unwrap_or((&statement, ""));
            let mut done = true;
            match name {
                "echo" => outputs.push(match rest.strip_suffix(" >&2") {
                    Some(text) => Output::Stderr(format!("{text}\n").into()),
                    None => Output::Stdout(format!("{rest}\n").into()),
                }),
                "stty" => {
                    let (lines, columns) = self.size;
                    outputs.push(Output::Stdout(format!("{lines} {columns}\n").into()));
                }
                "trap" => self.trap = rest.split('"').nth(1).map(str::to_owned),
                "sleep" => {
                    if self.slept.is_none() {
                        let time = SignedDuration::try_from_secs_f64(rest.parse().unwrap_or(0.0));
                        outputs.push(Output::Wait(time.unwrap_or_default()));
                    }
                    done = *self.slept.get_or_insert(false);
                }
                "read" => {
                    let end = self.input.iter().position(|byte| *byte == b'\n');
                    self.input.drain(..end.map_or(0, |end| end + 1));
                    done = end.is_some() || self.closed;
                }
                "cat" => {
                    let input = std::mem::take(&mut self.input);
                    outputs.extend((!input.is_empty()).then(|| Output::Stdout(input.into())));
                    done = self.closed;
                }
                _ => {
                    let status = if name == "exit" { rest.parse().unwrap_or(0) } else { 127 };
                    outputs.push(Output::Exit(status));
                    return outputs;
                }
            }
            if !done {
                return outputs;
            }
            self.slept = None;
            self.statements.pop_front();
            // The shell waits for its child, then runs the trap.
            if std::mem::take(&mut self.trapped) {
                self.trap.iter().for_each(|command| self.statements.push_front(command.clone()));
            }
        }
        outputs.push(Output::Exit(0));
        outputs
    }
}

impl Program for Shell {
    fn react(&mut self, input: Input) -> Vec<Output> {
        match input {
            Input::Stdin(bytes) => self.input.extend(bytes),
            Input::Eof => self.closed = true,
            Input::Timer => self.slept = Some(true),
            Input::Resize { height, width } => self.size = (height, width),
            Input::Signal(2) if self.trap.is_some() => self.trapped = true,
            Input::Signal(1..=15) => return vec![Output::Exit(0)],
            _ => {}
        }
        self.run()
    }
}
