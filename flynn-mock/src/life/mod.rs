//! What moves the cluster forward: the queue of due steps, the scheduler, rollouts, one-off jobs,
//! deletions and domain migrations.

pub(crate) mod bootstrap;
pub(crate) mod certificates;
pub(crate) mod deletion;
pub(crate) mod domain;
pub(crate) mod guard;
pub(crate) mod oneoff;
pub(crate) mod options;
pub(crate) mod processes;
pub(crate) mod program;
pub(crate) mod races;
pub(crate) mod rollout;
pub(crate) mod scheduler;
pub(crate) mod work;
