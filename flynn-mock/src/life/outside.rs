//! Calls to code outside the engine: the user's programs and the APIs of providers. The driver of the engine calls them
//! without holding a lock, and passes the answers to the engine.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use crate::life::oneoff::Running;
use crate::life::{
    Command, Engine, Input, Output, Programs, ProviderApis, ProviderCall, Provision,
};
use crate::store::Ids;
use crate::wire::Fail;

/// A program that waits more often than this is considered endless.
const MOST_INPUTS: usize = 1000;

/// An external question that a request depends on.
pub(crate) enum Question {
    /// A resource of a provider.
    Provider { apis: ProviderApis, url: String, call: OwnedCall, secrets: Ids },
    /// The complete output of a command.
    Run { programs: Programs, command: Command },
}

/// A [`ProviderCall`] that outlives the request.
#[derive(Clone, Debug)]
pub(crate) enum OwnedCall {
    Provision(Value),
    Deprovision(String),
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// The provisioned resource; `None` for a refusal.
    Provision(Option<Provision>),
    /// The output and the exit status; `None` for a program that never ends.
    Written(Bytes, Option<i32>),
}

impl Question {
    /// Calls the user's code.
    pub(crate) fn answer(self) -> Given {
        match self {
            Self::Provider { apis, url, call, mut secrets } => {
                let call = match &call {
                    OwnedCall::Provision(config) => ProviderCall::Provision(config),
                    OwnedCall::Deprovision(id) => ProviderCall::Deprovision(id),
                };
                Given::Provision(apis.ask(&url, &call, &mut secrets))
            }
            Self::Run { programs, command } => {
                let mut program = programs.run(&command);
                let mut inputs = vec![Input::Eof, Input::Start];
                let mut written = Vec::new();
                for _ in 0..MOST_INPUTS {
                    let Some(input) = inputs.pop() else { break };
                    for output in program.react(input) {
                        match output {
                            Output::Stdout(bytes) => written.extend_from_slice(&bytes),
                            Output::Wait(_) => inputs.push(Input::Timer),
                            Output::Exit(status) => {
                                return Given::Written(written.into(), Some(status));
                            }
                            Output::Stderr(_) => {}
                        }
                    }
                }
                Given::Written(written.into(), None)
            }
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question")
    }
}

/// An input of a detached program.
pub(crate) struct Callback {
    pub(crate) job: String,
    pub(crate) running: Running,
    pub(crate) input: Input,
}

impl Callback {
    /// Runs the user's code.
    pub(crate) fn run(mut self) -> Reaction {
        let outputs = self.running.program.react(self.input);
        Reaction { job: self.job, running: self.running, outputs }
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("job", &self.job).finish_non_exhaustive()
    }
}

/// The result of a [`Callback`].
pub(crate) struct Reaction {
    pub(crate) job: String,
    pub(crate) running: Running,
    pub(crate) outputs: Vec<Output>,
}

/// The callbacks of an engine. While one waits or runs, no step becomes due, because its output comes first.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    waiting: std::collections::VecDeque<Callback>,
    running: bool,
    /// True if the driver runs them; otherwise the engine runs them at once.
    pub(crate) outside: bool,
    /// The number of callbacks so far.
    pub(crate) count: u64,
}

impl Callbacks {
    /// Returns whether steps must wait.
    pub(crate) fn hold(&self) -> bool {
        self.running || !self.waiting.is_empty()
    }

    /// Takes the next callback, unless one is running.
    pub(crate) fn take(&mut self) -> Option<Callback> {
        if self.running {
            return None;
        }
        let next = self.waiting.pop_front();
        self.running = next.is_some();
        next
    }
}

impl Engine {
    /// Returns the answer to a question, or the question itself. In that case the request is handled again when the
    /// answer is known, so it must not have changed anything.
    pub(crate) fn ask(
        &mut self,
        question: impl FnOnce(&mut Self) -> Question,
    ) -> Result<Given, Fail> {
        let place = self.asked;
        self.asked += 1;
        if let Some(given) = self.given.get(place) {
            return Ok(given.clone());
        }
        self.question = Some(question(self));
        Err(Fail::unknown())
    }

    /// Returns the answer of a provider's API.
    pub(crate) fn ask_provider(&mut self, url: &str, call: OwnedCall) -> Result<Provision, Fail> {
        let given = self.ask(|engine| Question::Provider {
            apis: engine.options.providers.clone(),
            url: url.to_owned(),
            call,
            secrets: engine.ids.fork(),
        })?;
        match given {
            Given::Provision(provision) => provision.ok_or_else(Fail::unknown),
            Given::Written(..) => Err(Fail::unknown()),
        }
    }

    /// Lets a program react, at once or in the driver.
    pub(crate) fn call_back(&mut self, callback: Callback) {
        if self.callbacks.outside {
            self.callbacks.count += 1;
            self.version += 1;
            self.callbacks.waiting.push_back(callback);
        } else {
            self.reacted(callback.run());
        }
    }

    /// Processes the output of a program.
    pub(crate) fn finish_callback(&mut self, reaction: Reaction) {
        self.callbacks.running = false;
        self.version += 1;
        self.reacted(reaction);
    }
}
