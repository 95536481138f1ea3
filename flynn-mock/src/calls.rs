//! The table of the controller's calls: methods, paths, operations and handlers.

mod dispatch;
mod unknown;

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::api::answer::Reply;
use crate::api::auth::Caller;
use crate::api::call::Call;
use crate::api::{
    acme, apps, artifacts, backups, collaborators, deployments, domain, events, formations, hosts,
    jobs, logs, providers, releases, resources, routes, sinks, status, tenancy, tokens, users,
    volumes,
};
use crate::dialect::ServerAge::{self, Fork2026June, Fork2026September, V2016, V2021};
use crate::life::Engine;
use crate::store::NO_TEXT;
use crate::wire::Request;

pub(crate) use self::dispatch::{attempt, handle, read};

type Handler = fn(&mut Engine, &Call<'_>) -> Reply;

/// One call of the table.
struct Row {
    method: Method,
    /// The path; a segment that starts with `:` is a parameter.
    pattern: &'static str,
    /// The number of slashes in the path.
    slashes: usize,
    /// The first release that has the call.
    since: ServerAge,
    op: Op,
    name: &'static str,
    /// `None` if the call is answered before the search for a handler.
    handler: Option<Handler>,
}

macro_rules! calls {
    ($(
        $(#[$doc:meta])*
        $name:ident = $method:ident $path:literal $(since $since:ident)? $(=> $handler:path)?;
    )+) => {
        /// An operation of the controller's API. It selects the requests of a [`Fault`](crate::Fault), and recorded
        /// requests.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Op {
            /// Any request, including requests to other hosts and unknown paths.
            Any,
            $(
                $(#[$doc])*
                #[doc = concat!("\n\n`", stringify!($method), " ", $path, "`")]
                $name,
            )+
        }

        /// Every call, in the order in which paths are matched.
        const CALLS: &[Row] = &[$(Row {
            method: Method::$method,
            pattern: $path,
            slashes: slashes($path),
            since: calls!(@since $($since)?),
            op: Op::$name,
            name: stringify!($name),
            handler: calls!(@handler $($handler)?),
        },)+];
    };
    (@since) => { V2016 };
    (@since $since:ident) => { $since };
    (@handler) => { None };
    (@handler $handler:path) => { Some($handler) };
}

calls! {
    /// Checks that the controller answers.
    Ping = GET "/ping";
    /// Reads the controller's own health.
    Status = GET "/.well-known/status" => status::get;
    /// Reads the health of every service from the status app, at `status.DOMAIN`.
    StatusApp = GET "/";
    /// Reads the certificate of the cluster's CA.
    CaCertificate = GET "/ca-cert" => domain::ca_certificate;
    /// Creates a backup, or reads the record of the latest one.
    Backup = GET "/backup" => backups::get;
    /// Starts a domain migration.
    DomainMigrate = PUT "/domain" => domain::migrate;
    /// Lists the apps.
    AppList = GET "/apps" => apps::list;
    /// Creates an app.
    AppCreate = POST "/apps" => apps::create;
    /// Reads an app.
    AppGet = GET "/apps/:app" => apps::get;
    /// Changes an app.
    AppUpdate = POST "/apps/:app" => apps::update;
    /// Replaces an app's metadata.
    AppMeta = POST "/apps/:app/meta" => apps::update_meta;
    /// Deletes an app.
    AppDelete = DELETE "/apps/:app" => apps::delete;
    /// Deletes old releases of an app.
    AppGc = POST "/apps/:app/gc" => apps::collect_garbage;
    /// Reads or follows an app's log.
    AppLog = GET "/apps/:app/log" => logs::get;
    /// Lists the releases of all apps.
    ReleaseList = GET "/releases" => releases::list;
    /// Creates a release.
    ReleaseCreate = POST "/releases" => releases::create;
    /// Reads a release.
    ReleaseGet = GET "/releases/:release" => releases::get;
    /// Lists the releases of an app.
    AppReleases = GET "/apps/:app/releases" => releases::list_of_app;
    /// Reads an app's current release.
    AppRelease = GET "/apps/:app/release" => releases::get_current;
    /// Sets an app's current release.
    AppReleaseSet = PUT "/apps/:app/release" => releases::set_current;
    /// Deletes a release.
    ReleaseDelete = DELETE "/apps/:app/releases/:release" => releases::delete;
    /// Lists the artifacts.
    ArtifactList = GET "/artifacts" => artifacts::list;
    /// Creates an artifact.
    ArtifactCreate = POST "/artifacts" => artifacts::create;
    /// Reads an artifact.
    ArtifactGet = GET "/artifacts/:artifact" => artifacts::get;
    /// Starts a deployment.
    Deploy = POST "/apps/:app/deploy" => deployments::create;
    /// Lists the deployments of an app.
    DeploymentList = GET "/apps/:app/deployments" => deployments::list;
    /// Reads a deployment.
    DeploymentGet = GET "/deployments/:deployment" => deployments::get;
    /// Lists the active formations of all apps, or streams every formation.
    FormationListAll = GET "/formations" => formations::list_or_stream;
    /// Lists the formations of an app.
    FormationList = GET "/apps/:app/formations" => formations::list_of_app;
    /// Reads a formation.
    FormationGet = GET "/apps/:app/formations/:release" => formations::get;
    /// Sets the process counts of a formation.
    FormationPut = PUT "/apps/:app/formations/:release" => formations::put;
    /// Deletes a formation.
    FormationDelete = DELETE "/apps/:app/formations/:release" => formations::delete;
    /// Creates a scale request.
    Scale = PUT "/apps/:app/scale/:release" since V2021 => formations::put_scale_request;
    /// Runs a one-off job, attached or not.
    JobRun = POST "/apps/:app/jobs" => jobs::run;
    /// Lists the jobs of an app.
    JobList = GET "/apps/:app/jobs" => jobs::list_of_app;
    /// Reads a job.
    JobGet = GET "/apps/:app/jobs/:job" => jobs::get;
    /// Stores a job's state, as the scheduler does.
    JobPut = PUT "/apps/:app/jobs/:job" => jobs::put;
    /// Kills a job.
    JobKill = DELETE "/apps/:app/jobs/:job" => jobs::kill;
    /// Lists the active jobs of all apps.
    JobListActive = GET "/active-jobs" => jobs::list_active;
    /// Lists the routes of all apps.
    RouteListAll = GET "/routes" since V2021 => routes::list;
    /// Lists the routes of an app.
    RouteList = GET "/apps/:app/routes" => routes::list_of_app;
    /// Creates a route.
    RouteCreate = POST "/apps/:app/routes" => routes::create;
    /// Reads a route.
    RouteGet = GET "/apps/:app/routes/:type/:id" => routes::get;
    /// Changes a route.
    RouteUpdate = PUT "/apps/:app/routes/:type/:id" => routes::update;
    /// Deletes a route.
    RouteDelete = DELETE "/apps/:app/routes/:type/:id" => routes::delete;
    /// Lists the providers.
    ProviderList = GET "/providers" => providers::list;
    /// Creates a provider.
    ProviderCreate = POST "/providers" => providers::create;
    /// Reads a provider.
    ProviderGet = GET "/providers/:provider" => providers::get;
    /// Lists the resources of all providers.
    ResourceListAll = GET "/resources" => resources::list;
    /// Lists the resources of a provider.
    ResourceList = GET "/providers/:provider/resources" => resources::list_of_provider;
    /// Lists the resources of an app.
    AppResources = GET "/apps/:app/resources" => resources::list_of_app;
    /// Provisions a resource.
    ResourceProvision = POST "/providers/:provider/resources" => resources::provision;
    /// Reads a resource.
    ResourceGet = GET "/providers/:provider/resources/:resource" => resources::get;
    /// Registers a resource that exists elsewhere.
    ResourcePut = PUT "/providers/:provider/resources/:resource" => resources::put;
    /// Deletes a resource.
    ResourceDelete = DELETE "/providers/:provider/resources/:resource" => resources::delete;
    /// Adds an app to a resource.
    ResourceAppAdd = PUT "/providers/:provider/resources/:resource/apps/:app" => resources::add_app;
    /// Removes all resources from an app.
    ResourceAppRemove = DELETE "/providers/:provider/resources/:resource/apps/:app" => resources::remove_app;
    /// Reads the configuration of ACME.
    AcmeConfigGet = GET "/acme/config" since Fork2026June => acme::get_config;
    /// Replaces the configuration of ACME.
    AcmeConfigPut = PUT "/acme/config" since Fork2026June => acme::put_config;
    /// Lists or streams the managed certificates.
    ManagedCertificateList = GET "/managed-certificates" since Fork2026June => acme::list_or_stream;
    /// Reads a managed certificate.
    ManagedCertificateGet = GET "/managed-certificates/:id" since Fork2026June => acme::get;
    /// Stores a managed certificate's status, as the ACME worker does.
    ManagedCertificatePut = PUT "/managed-certificates/:id" since Fork2026June => acme::put;
    /// Lists the hosts.
    HostList = GET "/hosts" since Fork2026June => hosts::list;
    /// Reads the usage of a host.
    HostStats = GET "/hosts/:id/stats" since Fork2026June => hosts::stats;
    /// Reads the usage of all hosts.
    ClusterStats = GET "/cluster/stats" since Fork2026June => hosts::cluster_stats;
    /// Reads the usage of the jobs of all hosts.
    ClusterJobsStats = GET "/cluster/jobs-stats" since Fork2026June => hosts::cluster_jobs_stats;
    /// Reads the usage of an app's jobs.
    AppJobsStats = GET "/apps/:app/jobs-stats" since Fork2026June => hosts::app_jobs_stats;
    /// Reads the router's response times by service.
    RouterMetrics = GET "/cluster/router-metrics" since Fork2026September => hosts::router_metrics;
    /// Reads the owner of the credential.
    WhoAmI = GET "/whoami" since Fork2026September => users::who_am_i;
    /// Lists the users.
    UserList = GET "/users" since Fork2026September => users::list;
    /// Creates a user.
    UserCreate = POST "/users" since Fork2026September => users::create;
    /// Reads a user.
    UserGet = GET "/users/:user" since Fork2026September => users::get;
    /// Changes a user.
    UserUpdate = PATCH "/users/:user" since Fork2026September => users::update;
    /// Deletes a user.
    UserDelete = DELETE "/users/:user" since Fork2026September => users::delete;
    /// Creates the first personal token of a user.
    UserToken = POST "/users/:user/bootstrap-token" since Fork2026September => tokens::bootstrap;
    /// Lists the caller's personal tokens.
    TokenList = GET "/tokens" since Fork2026September => tokens::list;
    /// Creates a personal token.
    TokenCreate = POST "/tokens" since Fork2026September => tokens::create;
    /// Revokes a personal token.
    TokenRevoke = DELETE "/tokens/:token" since Fork2026September => tokens::revoke;
    /// Lists the collaborators of an app.
    CollaboratorList = GET "/apps/:app/collaborators" since Fork2026September => collaborators::list_of_app;
    /// Adds a collaborator to an app, or changes the role.
    CollaboratorAdd = POST "/apps/:app/collaborators" since Fork2026September => collaborators::add_to_app;
    /// Removes a collaborator from an app.
    CollaboratorRemove = DELETE "/apps/:app/collaborators/:user" since Fork2026September => collaborators::remove_from_app;
    /// Lists the collaborators of an account.
    AccountCollaboratorList = GET "/accounts/:account/collaborators" since Fork2026September => collaborators::list_of_account;
    /// Adds a collaborator to an account, or changes the role.
    AccountCollaboratorAdd = POST "/accounts/:account/collaborators" since Fork2026September => collaborators::add_to_account;
    /// Removes a collaborator from an account.
    AccountCollaboratorRemove = DELETE "/accounts/:account/collaborators/:user" since Fork2026September => collaborators::remove_from_account;
    /// Transfers an app to another account.
    AppTransfer = POST "/apps/:app/transfer" since Fork2026September => collaborators::transfer;
    /// Suspends an account and scales its apps to zero.
    AccountSuspend = POST "/accounts/:account/suspend" since Fork2026September => tenancy::suspend;
    /// Lifts the suspension of an account.
    AccountUnsuspend = POST "/accounts/:account/unsuspend" since Fork2026September => tenancy::unsuspend;
    /// Reads the tenancy settings.
    TenancyGet = GET "/tenancy" since Fork2026September => tenancy::get;
    /// Replaces the tenancy settings.
    TenancyPut = PUT "/tenancy" since Fork2026September => tenancy::put;
    /// Records that a scheduled job has started.
    SchedulerEventCreate = POST "/apps/:app/scheduler-events" since Fork2026September => events::create_scheduler_event;
    /// Lists or streams events.
    EventList = GET "/events" => events::list_or_stream;
    /// Reads an event.
    EventGet = GET "/events/:event" => events::get;
    /// Lists or streams the volumes of all apps.
    VolumeListAll = GET "/volumes" since V2021 => volumes::list_or_stream;
    /// Stores a volume's state, as the scheduler does.
    VolumePut = PUT "/volumes/:volume" since V2021 => volumes::put;
    /// Lists the volumes of an app.
    VolumeList = GET "/apps/:app/volumes" since V2021 => volumes::list_of_app;
    /// Reads a volume.
    VolumeGet = GET "/apps/:app/volumes/:volume" since V2021 => volumes::get;
    /// Decommissions a volume.
    VolumeDecommission = PUT "/apps/:app/volumes/:volume/decommission" since V2021 => volumes::decommission;
    /// Lists or streams the log sinks.
    SinkList = GET "/sinks" since V2021 => sinks::list_or_stream;
    /// Creates a log sink.
    SinkCreate = POST "/sinks" since V2021 => sinks::create;
    /// Reads a log sink.
    SinkGet = GET "/sinks/:sink" since V2021 => sinks::get;
    /// Deletes a log sink.
    SinkDelete = DELETE "/sinks/:sink" since V2021 => sinks::delete;
}

impl Op {
    /// Returns the operation of a method and a path without its query; `None` if no controller has it.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let path = decoded(path);
        let row = CALLS.iter().find(|row| row.method == *method && row.fits(&path, exactly));
        row.map(|row| row.op)
    }

    /// Returns all operations with their calls, in the order of the table.
    pub fn all() -> impl Iterator<Item = (Self, &'static Method, &'static str)> {
        CALLS.iter().map(|row| (row.op, &row.method, row.pattern))
    }

    /// Returns the name of its variant, such as `AppList`.
    #[must_use]
    pub fn name(self) -> &'static str {
        CALLS.iter().find(|row| row.op == self).map_or("Any", |row| row.name)
    }

    /// Returns the operation of this [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let row = CALLS.iter().find(|row| row.name == name).map(|row| row.op);
        row.or_else(|| (name == "Any").then_some(Self::Any))
    }

    /// Returns whether it reads or changes routes.
    pub(crate) fn is_of_routes(self) -> bool {
        matches!(
            self,
            Self::RouteListAll
                | Self::RouteList
                | Self::RouteCreate
                | Self::RouteGet
                | Self::RouteUpdate
                | Self::RouteDelete
        )
    }

    /// Returns whether it can answer with a stream of events, or attach to a job.
    pub(crate) fn streams(self) -> bool {
        matches!(
            self,
            Self::Any
                | Self::EventList
                | Self::AppLog
                | Self::JobRun
                | Self::FormationListAll
                | Self::VolumeListAll
                | Self::SinkList
                | Self::ManagedCertificateList
        )
    }

    /// Returns whether the answer to this request is a stream, unless the request is refused.
    pub(crate) fn is_stream(self, request: &Request) -> bool {
        let accept = request.header_text("accept");
        match self {
            Self::EventList => accept != "application/json",
            Self::JobRun => request.header_text("upgrade").contains("flynn-attach/0"),
            op => op.streams() && accept.contains("text/event-stream"),
        }
    }
}

/// Returns the path as the handlers see it.
fn decoded(path: &str) -> Cow<'_, str> {
    if path.bytes().all(|byte| byte.is_ascii() && byte != b'%') {
        return path.into();
    }
    percent_decode_str(path).decode_utf8_lossy().replace('\u{fffd}', NO_TEXT).into()
}

const fn slashes(path: &str) -> usize {
    let (mut rest, mut count) = (path.as_bytes(), 0);
    while let [first, others @ ..] = rest {
        if *first == b'/' {
            count += 1;
        }
        rest = others;
    }
    count
}

impl Row {
    /// Returns whether a path is one of this call; `same` compares the fixed parts.
    fn fits(&self, path: &str, same: fn(&str, &str) -> bool) -> bool {
        self.slashes == slashes(path)
            // A parameter may be empty, except at the end.
            && !(self.ends_in_param() && path.ends_with('/'))
            && self.parts(path).all(|(wanted, given)| wanted.starts_with(':') || same(wanted, given))
    }

    fn ends_in_param(&self) -> bool {
        self.pattern.rsplit('/').next().is_some_and(|last| last.starts_with(':'))
    }

    /// Returns the segments of the pattern, each with that of the path.
    fn parts<'a>(&self, path: &'a str) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.pattern.split('/').zip(path.split('/'))
    }

    /// Returns the parameters of a path that fits.
    fn params(&self, path: &str) -> Vec<String> {
        let params = self.parts(path).filter(|(wanted, _)| wanted.starts_with(':'));
        params.map(|(_, given)| given.to_owned()).collect()
    }
}

fn exactly(wanted: &str, given: &str) -> bool {
    wanted == given
}

/// Returns the calls with this method that a release has.
fn known(age: ServerAge, method: &Method) -> impl Iterator<Item = (&'static Row, Handler)> {
    CALLS
        .iter()
        .filter(move |row| row.method == *method && row.since <= age)
        .filter_map(|row| Some((row, row.handler?)))
}

/// Finds the handler of a request and its parameters.
fn find(age: ServerAge, request: &Request, caller: Caller) -> Option<(Handler, Call<'_>)> {
    let path = decoded(&request.path);
    let (row, handler) = known(age, &request.method).find(|(row, _)| row.fits(&path, exactly))?;
    Some((handler, Call { request, params: row.params(&path), caller }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_by_key(age: ServerAge, request: &Request) -> Option<(Handler, Call<'_>)> {
        find(age, request, Caller::with_key())
    }

    #[test]
    fn paths_find_their_operation() {
        for (method, path, op) in [
            (Method::GET, "/apps", Some(Op::AppList)),
            (Method::GET, "/apps/www", Some(Op::AppGet)),
            (Method::GET, "/%61pps/www", Some(Op::AppGet)),
            (Method::PUT, "/apps/www/routes/http/1", Some(Op::RouteUpdate)),
            (Method::GET, "/apps//release", Some(Op::AppRelease)),
            (Method::GET, "/apps/", None),
            (Method::PATCH, "/apps", None),
            (Method::GET, "/apps/www/nosuch", None),
        ] {
            assert_eq!(Op::of(&method, path), op, "{method} {path}");
        }
    }

    #[test]
    fn operations_have_names() {
        for (op, ..) in Op::all() {
            assert_eq!(Op::from_name(op.name()), Some(op));
        }
        assert_eq!(Op::from_name(Op::Any.name()), Some(Op::Any));
        assert_eq!(Op::from_name("NoSuch"), None);
    }

    #[test]
    fn an_empty_parameter_in_the_middle_is_one() {
        let request = Request::new(Method::GET, "/apps//release");
        let (_, call) = find_by_key(V2016, &request).unwrap();
        assert_eq!(call.param(0), "");
        assert!(find_by_key(V2016, &Request::new(Method::GET, "/apps/")).is_none());
    }

    #[test]
    fn a_release_has_the_calls_since_it() {
        let request = Request::new(Method::GET, "/sinks");
        assert!(find_by_key(V2016, &request).is_none());
        assert!(find_by_key(V2021, &request).is_some());
    }
}
