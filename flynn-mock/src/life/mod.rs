//! What moves the cluster forward: the queue of due steps, the scheduler, rollouts, one-off jobs,
//! deletions, domain migrations and garbage collection.

mod apps;
mod artifacts;
mod backups;
mod bootstrap;
mod certificates;
mod deletion;
mod deployments;
mod domain;
mod engine;
mod events;
mod formations;
pub(crate) mod guard;
mod jobs;
mod logs;
mod oneoff;
mod options;
mod processes;
mod program;
mod provider_apis;
mod providers;
mod races;
mod releases;
mod resources;
mod rollout;
mod routes;
mod scheduler;
mod volumes;
pub(crate) mod work;

pub(crate) use self::certificates::given_certificate;
pub(crate) use self::engine::Engine;
pub(crate) use self::formations::formation_request;
pub use self::options::ClusterCertificate;
pub(crate) use self::options::{Certifier, Options, StartOrder};
pub use self::options::{Crash, Delays, Pace};
pub(crate) use self::program::Programs;
pub use self::program::{Command, Input, Output, Program};
pub(crate) use self::provider_apis::ProviderApis;
pub use self::provider_apis::{ProviderCall, Provision};
pub use self::races::Races;
pub(crate) use self::releases::deletion;
pub(crate) use self::scheduler::MOST_JOBS;
