//! The tables of the cluster: rows, ids and times. Imports nothing from the crate.
//!
//! A row is also the real server's document, with the same order of fields.

mod acme;
mod apps;
mod artifacts;
mod backups;
mod certificates;
mod deployments;
mod domain;
mod events;
mod formations;
mod identity;
mod ids;
mod jobs;
mod jsonb;
mod logs;
mod names;
mod next_id;
mod processes;
mod providers;
mod releases;
mod resources;
mod routes;
mod sinks;
mod states;
mod status;
mod tables;
mod time;
mod volumes;

pub(crate) use self::acme::{AcmeConfig, ManagedCertificate};
pub(crate) use self::apps::App;
pub(crate) use self::artifacts::Artifact;
pub(crate) use self::backups::Backup;
pub(crate) use self::certificates::Certificate;
pub(crate) use self::deployments::Deployment;
pub(crate) use self::domain::{DomainMigration, TlsCert};
pub(crate) use self::events::{Event, EventLog};
pub(crate) use self::formations::{Formation, ScaleRequest};
pub(crate) use self::identity::{PersonalToken, Role, Tenancy, User, account_of, role_permission};
pub(crate) use self::ids::{Ids, hex, is_uuid, stored_uuid};
pub(crate) use self::jobs::Job;
pub(crate) use self::jsonb::{jsonb, jsonb_list, jsonb_value};
pub(crate) use self::logs::Line;
pub(crate) use self::names::app_name_for;
pub use self::next_id::NextId;
pub(crate) use self::processes::{Limits, Process, VolumeRequest};
pub(crate) use self::providers::Provider;
pub(crate) use self::releases::Release;
pub(crate) use self::resources::Resource;
pub(crate) use self::routes::Route;
pub(crate) use self::sinks::Sink;
pub(crate) use self::states::{
    BackupStatus, CertificateStatus, DeploymentStatus, JobState, ScaleState, VolumeState,
};
pub(crate) use self::status::{HEALTHY, Health, UNHEALTHY, VERSION};
pub(crate) use self::tables::{
    Absent, Counts, NO_TEXT, Strings, Tables, Tags, empty, is_text, newest_first, total,
};
pub(crate) use self::time::{BAD_TIME, Time};
pub(crate) use self::volumes::Volume;
