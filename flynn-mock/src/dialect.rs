//! The differences between the releases of Flynn, as values that the handlers use.
//!
//! To add a release, add a [`Dialect`], usually based on the previous one.

use crate::wire::{BodyRules, Schemas};

/// The release of Flynn that a mock imitates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ServerAge {
    /// v20161015.2, the release of the guide.
    V2016,
    /// v20210218.0, the last upstream release.
    #[default]
    V2021,
    /// The fork randy-girard/flynn as of June 2026 (a67b62e), from recordings.
    Fork2026June,
    /// The fork as of September 2026 (4f613aad), from its source.
    Fork2026September,
}

impl ServerAge {
    /// Returns the values of this release.
    pub(crate) fn dialect(self) -> &'static Dialect {
        match self {
            Self::V2016 => &V2016,
            Self::V2021 => &V2021,
            Self::Fork2026June => &FORK_JUNE,
            Self::Fork2026September => &FORK_SEPTEMBER,
        }
    }
}

/// The way that a worker detects the end of a deployment's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RolloutBy {
    /// It counts the events of the jobs.
    JobEvents,
    /// It waits for its scale request.
    ScaleRequests,
}

/// The rights of a token without scopes and grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// There are no tokens: a password of the user `Bearer` is an ordinary password.
    Unknown,
    /// The server refuses all tokens, since the mock cannot sign any.
    Refused,
    /// Everything.
    Unlimited,
    /// Nothing.
    Limited,
}

/// The values of one release.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one difference of its own")]
pub(crate) struct Dialect {
    /// The release; the table of calls compares it.
    pub(crate) age: ServerAge,
    /// The objects that a bootstrap creates.
    pub(crate) manifest: &'static str,
    /// The differences from that manifest.
    pub(crate) manifest_changes: Option<&'static str>,

    /// The rules for reading bodies.
    pub(crate) bodies: BodyRules,
    /// Fields of a release that this release of Flynn does not know yet.
    pub(crate) unknown_release_fields: &'static [&'static str],
    /// Fields of a new job that this release of Flynn does not know yet.
    pub(crate) unknown_job_fields: &'static [&'static str],
    /// The checks of the JSON schemas.
    pub(crate) schemas: Schemas,
    /// The content type of the answer to a malformed path.
    pub(crate) malformed_type: &'static str,
    /// The request headers that CORS allows.
    pub(crate) cors_headers: &'static str,
    /// Streams and backups also accept the key in the query.
    pub(crate) key_in_query: bool,
    pub(crate) tokens: Tokens,

    /// Releases name their app, and can have any number of artifacts, which can be of the type `flynn`. Earlier, a
    /// release has exactly one image, and slugs are started by `/runner/init`.
    pub(crate) layered_images: bool,
    /// Formations are changed by scale requests.
    pub(crate) scale_requests: bool,
    pub(crate) rollout_by: RolloutBy,
    pub(crate) volumes: bool,
    /// A job is read and stored only under its own app.
    pub(crate) jobs_under_app: bool,
    /// Events have their own transaction, and so their own time.
    pub(crate) events_apart: bool,
    /// A deployment during another one is queued instead of refused.
    pub(crate) queues_deployments: bool,

    /// A deployment of these apps breaks the worker's own connections.
    pub(crate) breaks_worker: &'static [&'static str],
    /// The scheduler stops the jobs of a type one by one, and counts them until they are down.
    pub(crate) stops_one_by_one: bool,
    /// The router drains a job's connections before the job stops.
    pub(crate) drains: bool,
    /// The default limits of process types.
    pub(crate) limits: &'static [(&'static str, i64)],

    /// The controller checks routes before the database: reserved ports, ports of HTTP routes, and routes of one
    /// service that drain differently.
    pub(crate) checks_routes: bool,
    /// A `PUT` of a route uses the type and id in the body, and the router reports the change.
    pub(crate) routes_by_router: bool,
    /// A `PUT` of a route without a certificate keeps the existing certificate.
    pub(crate) keeps_certificates: bool,
    /// Certificates with Ed25519 keys can be loaded.
    pub(crate) ed25519: bool,

    /// The apps that a domain migration redeploys, in order.
    pub(crate) migrated_apps: &'static [&'static str],
    /// A migration checks for the new values; otherwise it compares with the old ones.
    pub(crate) migrates_by_new_values: bool,

    /// ACME and managed certificates.
    pub(crate) managed_certificates: bool,
    /// Reserved app names, separated by white space. Flynn's own apps may have them.
    pub(crate) reserved_names: &'static str,
    /// Users, personal tokens, owners and roles; jobs have names, and one-off jobs a type.
    pub(crate) users: bool,
    /// The controller has a second route, `auth.DOMAIN`.
    pub(crate) auth_route: bool,
    /// `/ca-cert` accepts a wrong key.
    pub(crate) open_ca: bool,
}

/// The fields that only the fork of September 2026 reads.
const LATER_FIELDS: &[&str] =
    &["owner_account", "created_by", "building", "tls_mode", "included", "tenant_safe"];

const STRATEGIES_2016: &[&str] = &["all-at-once", "one-by-one", "sirenia", "discoverd-meta"];
const STRATEGIES_2021: &[&str] =
    &["all-at-once", "one-by-one", "sirenia", "discoverd-meta", "one-down-one-up", "in-batches"];

const V2016: Dialect = Dialect {
    age: ServerAge::V2016,
    manifest: include_str!("life/bootstrap/v2016.json"),
    manifest_changes: None,
    bodies: BodyRules {
        // It reads whole bodies; the mock reads at most what any call needs.
        most_read: 8 << 20,
        json_type: false,
        unknown: LATER_FIELDS,
    },
    unknown_release_fields: &["app_id"],
    unknown_job_fields: &["artifacts", "data", "partition", "profiles", "mounts_from", "type"],
    schemas: Schemas {
        strategies: STRATEGIES_2016,
        checks_apps: true,
        artifact_kinds: &["docker", "file"],
        more_app_fields: &[],
        sink_kinds: &[],
    },
    malformed_type: "text/plain",
    cors_headers: "Authorization,Accept,Content-Type,If-Match,If-None-Match",
    key_in_query: true,
    tokens: Tokens::Unknown,
    layered_images: false,
    scale_requests: false,
    rollout_by: RolloutBy::JobEvents,
    volumes: false,
    jobs_under_app: true,
    events_apart: true,
    queues_deployments: false,
    breaks_worker: &["controller", "router"],
    stops_one_by_one: true,
    drains: true,
    limits: &[("memory", 1 << 30), ("cpu", 1000), ("max_fd", 10_000)],
    checks_routes: false,
    routes_by_router: true,
    keeps_certificates: true,
    ed25519: false,
    // The dashboard also has the domain.
    migrated_apps: &["controller", "router", "dashboard"],
    migrates_by_new_values: false,
    managed_certificates: false,
    reserved_names: "",
    users: false,
    auth_route: false,
    open_ca: false,
};

const V2021: Dialect = Dialect {
    age: ServerAge::V2021,
    manifest: include_str!("life/bootstrap/v2021.json"),
    bodies: BodyRules { most_read: 1_000_000, json_type: true, unknown: LATER_FIELDS },
    unknown_release_fields: &[],
    unknown_job_fields: &["type"],
    schemas: Schemas {
        strategies: STRATEGIES_2021,
        checks_apps: false,
        artifact_kinds: &["docker", "file", "flynn"],
        more_app_fields: &[],
        sink_kinds: &["syslog"],
    },
    malformed_type: "text/plain; charset=utf-8",
    cors_headers: "Auth-Key,Authorization,Accept,Content-Type,If-Match,If-None-Match,X-GRPC-Web",
    key_in_query: false,
    tokens: Tokens::Refused,
    layered_images: true,
    scale_requests: true,
    rollout_by: RolloutBy::ScaleRequests,
    volumes: true,
    jobs_under_app: false,
    events_apart: false,
    breaks_worker: &[],
    stops_one_by_one: false,
    drains: false,
    limits: &[("memory", 1 << 30), ("cpu", 1000), ("max_fd", 10_000), ("temp_disk", 100 << 20)],
    checks_routes: true,
    routes_by_router: false,
    ed25519: true,
    migrated_apps: &["controller", "router"],
    migrates_by_new_values: true,
    ..V2016
};

const FORK_JUNE: Dialect = Dialect {
    age: ServerAge::Fork2026June,
    tokens: Tokens::Unlimited,
    keeps_certificates: false,
    managed_certificates: true,
    ..V2021
};

const FORK_SEPTEMBER: Dialect = Dialect {
    age: ServerAge::Fork2026September,
    manifest_changes: Some(include_str!("life/bootstrap/september.json")),
    tokens: Tokens::Limited,
    queues_deployments: true,
    bodies: BodyRules { unknown: &[], ..FORK_JUNE.bodies },
    unknown_job_fields: &[],
    schemas: Schemas {
        more_app_fields: &["owner_account", "created_by", "building"],
        sink_kinds: &["syslog", "otel"],
        ..FORK_JUNE.schemas
    },
    reserved_names: include_str!("wire/reserved.txt"),
    users: true,
    auth_route: true,
    open_ca: true,
    ..FORK_JUNE
};
