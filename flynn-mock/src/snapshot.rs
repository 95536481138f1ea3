//! Snapshots of a mock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::MockController;
use crate::life::Engine;
use crate::server::clock::Clock;

/// The state of a mock at one time; see [`MockController::snapshot`].
#[derive(Clone)]
pub struct Snapshot {
    engine: Arc<Mutex<Engine>>,
    clock: Clock,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl MockController {
    /// Takes a snapshot of the cluster, to [`restore`](Self::restore) it later.
    ///
    /// It contains everything in the cluster, the running background work, and the time of a clock that the test
    /// drives. It contains neither faults nor recorded requests nor the programs of one-off jobs: after a restore, a
    /// job whose program has ended in the meantime stays up.
    ///
    /// ```
    /// use flynn_mock::{AppSeed, MockController};
    ///
    /// let mock = MockController::builder().app(AppSeed::new("www")).start_blocking();
    /// let before = mock.snapshot();
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// mock.client().app("www").delete().await?;
    /// # Ok::<_, flynn_client::Error>(())
    /// # })?;
    /// assert!(mock.state().app("www").is_err());
    /// mock.restore(&before);
    /// assert!(mock.state().app("www").is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn snapshot(&self) -> Snapshot {
        let (engine, clock) = self.hub().with(|inner| (inner.engine.copy(), inner.clock));
        Snapshot { engine: Arc::new(Mutex::new(engine)), clock }
    }

    /// Restores a snapshot of this mock and ends all open streams. Faults and recorded requests
    /// stay.
    #[track_caller]
    pub fn restore(&self, snapshot: &Snapshot) {
        let saved = snapshot.engine.lock().unwrap_or_else(PoisonError::into_inner);
        self.hub().drive(|inner| {
            inner.engine.restore(&saved);
            if let Clock::Driven { .. } = snapshot.clock {
                inner.clock = snapshot.clock;
            }
        });
    }
}
