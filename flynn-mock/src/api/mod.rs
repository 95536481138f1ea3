//! The handlers, one file per resource.

pub(crate) mod acme;
pub(crate) mod answer;
pub(crate) mod apps;
pub(crate) mod artifacts;
pub(crate) mod auth;
pub(crate) mod backups;
pub(crate) mod call;
pub(crate) mod deployments;
pub(crate) mod domain;
pub(crate) mod events;
pub(crate) mod formations;
pub(crate) mod hosts;
pub(crate) mod jobs;
pub(crate) mod logs;
pub(crate) mod providers;
pub(crate) mod releases;
pub(crate) mod resources;
pub(crate) mod routes;
pub(crate) mod sinks;
pub(crate) mod status;
pub(crate) mod streams;
pub(crate) mod volumes;
