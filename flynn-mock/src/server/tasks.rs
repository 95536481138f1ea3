//! The tasks of a mock.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Tasks that end together; `None` after they were ended.
#[derive(Clone, Debug)]
pub(crate) struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(JoinSet::new()))))
    }
}

impl Tasks {
    /// Runs a task until it ends or [`abort_all`](Self::abort_all) is called. Later tasks never run.
    pub(crate) fn spawn(&self, on: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(set) = tasks.as_mut() else { return };
        while set.try_join_next().is_some() {}
        set.spawn_on(task, on);
    }

    /// Runs a task on the runtime of the caller, and ignores its result.
    pub(crate) fn spawn_here<T>(&self, task: impl Future<Output = T> + Send + 'static) {
        self.spawn(&Handle::current(), async move {
            let _ = task.await;
        });
    }

    /// Ends all tasks, without waiting.
    pub(crate) fn abort_all(&self) {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(tasks);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_task_that_comes_after_the_end_never_runs() {
        let tasks = Tasks::default();
        let task = |ran: oneshot::Sender<()>| async { ran.send(()).unwrap() };
        let (ran, before) = oneshot::channel();
        tasks.spawn(&Handle::current(), task(ran));
        assert!(before.await.is_ok());
        tasks.abort_all();
        let (ran, after) = oneshot::channel();
        tasks.spawn(&Handle::current(), task(ran));
        assert!(after.await.is_err());
    }
}
