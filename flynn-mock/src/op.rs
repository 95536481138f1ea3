//! The operations of the controller, by name.

use http::Method;

use crate::engine::Request;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $($method:ident $path:literal),+;)+) => {
        /// An operation of the controller's API, to aim a [`Fault`](crate::Fault) at or to find
        /// recorded requests by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Op {
            /// Every request, also of other hosts than the controller and of unknown paths.
            Any,
            $($(#[$doc])* #[doc = concat!("`", $(stringify!($method), " ", $path, "` "),+, ".")] $name,)+
        }

        /// Method, path segments, operation.
        const TABLE: &[(Method, &str, Op)] = &[$($((Method::$method, $path, Op::$name),)+)+];
    };
}

operations! {
    /// Is it there?
    Ping = GET "/ping";
    /// Its health.
    Status = GET "/.well-known/status";
    /// The status app, at `status.DOMAIN`: the health of every service.
    StatusApp = GET "/";
    /// The cluster's CA.
    CaCertificate = GET "/ca-cert";
    /// The backup or its record.
    Backup = GET "/backup";
    /// The start of a domain migration.
    DomainMigrate = PUT "/domain";
    /// All apps.
    AppList = GET "/apps";
    /// A new app.
    AppCreate = POST "/apps";
    /// One app.
    AppGet = GET "/apps/:app";
    /// A change of an app.
    AppUpdate = POST "/apps/:app";
    /// A new meta.
    AppMeta = POST "/apps/:app/meta";
    /// The end of an app.
    AppDelete = DELETE "/apps/:app";
    /// Garbage collection.
    AppGc = POST "/apps/:app/gc";
    /// The log.
    AppLog = GET "/apps/:app/log";
    /// All releases.
    ReleaseList = GET "/releases";
    /// A new release.
    ReleaseCreate = POST "/releases";
    /// One release.
    ReleaseGet = GET "/releases/:release";
    /// An app's releases.
    AppReleases = GET "/apps/:app/releases";
    /// An app's current release.
    AppRelease = GET "/apps/:app/release";
    /// Another current release.
    AppReleaseSet = PUT "/apps/:app/release";
    /// The end of a release.
    ReleaseDelete = DELETE "/apps/:app/releases/:release";
    /// All artifacts.
    ArtifactList = GET "/artifacts";
    /// A new artifact.
    ArtifactCreate = POST "/artifacts";
    /// One artifact.
    ArtifactGet = GET "/artifacts/:artifact";
    /// The start of a deployment.
    Deploy = POST "/apps/:app/deploy";
    /// An app's deployments.
    DeploymentList = GET "/apps/:app/deployments";
    /// One deployment.
    DeploymentGet = GET "/deployments/:deployment";
    /// Every formation, as a list of the active ones or a stream.
    FormationListAll = GET "/formations";
    /// An app's formations.
    FormationList = GET "/apps/:app/formations";
    /// One formation.
    FormationGet = GET "/apps/:app/formations/:release";
    /// New numbers of processes.
    FormationPut = PUT "/apps/:app/formations/:release";
    /// The end of a formation.
    FormationDelete = DELETE "/apps/:app/formations/:release";
    /// A scale request.
    Scale = PUT "/apps/:app/scale/:release";
    /// A one-off job, attached or not.
    JobRun = POST "/apps/:app/jobs";
    /// An app's jobs.
    JobList = GET "/apps/:app/jobs";
    /// One job.
    JobGet = GET "/apps/:app/jobs/:job";
    /// The scheduler's word on a job.
    JobPut = PUT "/apps/:app/jobs/:job";
    /// The end of a job.
    JobKill = DELETE "/apps/:app/jobs/:job";
    /// Every active job.
    JobListActive = GET "/active-jobs";
    /// Every route.
    RouteListAll = GET "/routes";
    /// An app's routes.
    RouteList = GET "/apps/:app/routes";
    /// A new route.
    RouteCreate = POST "/apps/:app/routes";
    /// One route.
    RouteGet = GET "/apps/:app/routes/:type/:id";
    /// A change of a route.
    RouteUpdate = PUT "/apps/:app/routes/:type/:id";
    /// The end of a route.
    RouteDelete = DELETE "/apps/:app/routes/:type/:id";
    /// All providers.
    ProviderList = GET "/providers";
    /// A new provider.
    ProviderCreate = POST "/providers";
    /// One provider.
    ProviderGet = GET "/providers/:provider";
    /// Every resource.
    ResourceListAll = GET "/resources";
    /// A provider's resources.
    ResourceList = GET "/providers/:provider/resources";
    /// An app's resources.
    AppResources = GET "/apps/:app/resources";
    /// A new resource.
    ResourceProvision = POST "/providers/:provider/resources";
    /// One resource.
    ResourceGet = GET "/providers/:provider/resources/:resource";
    /// An existing resource, registered.
    ResourcePut = PUT "/providers/:provider/resources/:resource";
    /// The end of a resource.
    ResourceDelete = DELETE "/providers/:provider/resources/:resource";
    /// A resource for one more app.
    ResourceAppAdd = PUT "/providers/:provider/resources/:resource/apps/:app";
    /// An app loses its resources.
    ResourceAppRemove = DELETE "/providers/:provider/resources/:resource/apps/:app";
    /// Events, as a list or a stream.
    EventList = GET "/events";
    /// One event.
    EventGet = GET "/events/:event";
    /// Every volume, as a list or a stream.
    VolumeListAll = GET "/volumes";
    /// The scheduler's word on a volume.
    VolumePut = PUT "/volumes/:volume";
    /// An app's volumes.
    VolumeList = GET "/apps/:app/volumes";
    /// One volume.
    VolumeGet = GET "/apps/:app/volumes/:volume";
    /// The end of a volume.
    VolumeDecommission = PUT "/apps/:app/volumes/:volume/decommission";
    /// Every log sink, as a list or a stream.
    SinkList = GET "/sinks";
    /// A new log sink.
    SinkCreate = POST "/sinks";
    /// One log sink.
    SinkGet = GET "/sinks/:sink";
    /// The end of a log sink.
    SinkDelete = DELETE "/sinks/:sink";
}

impl Op {
    /// The operation of a method and a path (without query), if the controller has it.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|(of, template, _)| of == method && fits(template, path))
            .map(|(_, _, op)| *op)
    }

    /// Whether it reads or changes routes.
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

    /// Whether it can answer with events one by one.
    pub(crate) fn streams(self) -> bool {
        let streams = [
            Self::Any,
            Self::EventList,
            Self::AppLog,
            Self::FormationListAll,
            Self::VolumeListAll,
            Self::SinkList,
        ];
        streams.contains(&self)
    }

    /// Whether the answer to a request is such a stream, unless the request is refused.
    pub(crate) fn asks_for_stream(request: &Request) -> bool {
        let accept = request.header_text("accept");
        match Self::of(&request.method, &request.path) {
            Some(Self::EventList) => accept != "application/json",
            Some(op) => op.streams() && accept.contains("text/event-stream"),
            None => false,
        }
    }

    /// Whether the request is this operation.
    pub(crate) fn covers(self, request: &Request) -> bool {
        self == Self::Any || Self::of(&request.method, &request.path) == Some(self)
    }
}

/// Whether a path has the segments of a template, `:name` standing for any non-empty one.
fn fits(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    template.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|got| wanted == got || (wanted.starts_with(':') && !got.is_empty()))
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_operation() {
        for (method, path, op) in [
            (Method::GET, "/apps", Some(Op::AppList)),
            (Method::GET, "/apps/www", Some(Op::AppGet)),
            (Method::PUT, "/apps/www/routes/http/1", Some(Op::RouteUpdate)),
            (Method::GET, "/apps/", None),
            (Method::PATCH, "/apps", None),
            (Method::GET, "/apps/www/nosuch", None),
        ] {
            assert_eq!(Op::of(&method, path), op, "{method} {path}");
        }
    }
}
