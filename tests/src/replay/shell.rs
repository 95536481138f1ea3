//! The scripts of the recorded one-off jobs. The recorded hosts ran a real `sh -c`. Here the mock's own programs run the
//! statements; only `>&2`, `read`, `stty size`, `trap` and `exit` are done here.

use std::collections::VecDeque;

use flynn_mock::{Command, Input, Output, Program};

/// Runs the statements of a script one after the other.
#[derive(Default)]
pub(crate) struct Shell {
    command: Command,
    statements: VecDeque<String>,
    /// The statement that runs.
    current: Option<Box<dyn Program>>,
    /// The statement for signal 2, and whether the signal has arrived.
    trap: Option<String>,
    trapped: bool,
}

impl Shell {
    /// Returns the shell for a command `sh -c SCRIPT`; `None` for any other command.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        let ["sh", "-c", script] = command.args.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let statements = script.split(';').map(|text| text.trim().to_owned()).collect();
        Some(Self { command: command.clone(), statements, ..Self::default() })
    }

    /// Starts a statement.
    fn start(&mut self, statement: &str) -> Vec<Output> {
        let (lines, columns) = self.command.size;
        let text = statement.replace("stty size", &format!("echo {lines} {columns}"));
        let words = text.strip_suffix(" >&2");
        let args = words.unwrap_or(&text).split(' ').map(str::to_owned).collect();
        let mut program = Command { args, ..self.command.clone() }.default_program();
        match text.split(' ').next() {
            Some("exit") => self.statements.clear(),
            Some("trap") => {
                self.trap = text.split('"').nth(1).map(str::to_owned);
                return vec![Output::Exit(0)];
            }
            Some("read") => {
                program = Box::new(|input| match input {
                    Input::Stdin(bytes) if bytes.contains(&b'\n') => vec![Output::Exit(0)],
                    Input::Eof => vec![Output::Exit(0)],
                    _ => vec![],
                });
            }
            _ => {}
        }
        let outputs = program.react(Input::Start).into_iter().map(|output| match output {
            Output::Stdout(text) if words.is_some() => Output::Stderr(text),
            output => output,
        });
        self.current = Some(program);
        outputs.collect()
    }
}

impl Program for Shell {
    fn react(&mut self, input: Input) -> Vec<Output> {
        match input {
            Input::Resize { height, width } => self.command.size = (height, width),
            // The shell waits for its statement, then runs the trap.
            Input::Signal(2) if self.trap.is_some() => {
                self.trapped = true;
                return vec![];
            }
            Input::Signal(1..=15) => return vec![Output::Exit(0)],
            _ => {}
        }
        let mut outputs =
            self.current.as_mut().map_or(vec![Output::Exit(0)], |current| current.react(input));
        while let Some(Output::Exit(_)) = outputs.last() {
            let trap = self.trap.clone().filter(|_| std::mem::take(&mut self.trapped));
            let Some(next) = trap.or_else(|| self.statements.pop_front()) else { break };
            outputs.pop();
            outputs.extend(self.start(&next));
        }
        outputs
    }
}
