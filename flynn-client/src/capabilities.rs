//! Asks which features the server supports, without side effects.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::capabilities::{Capability, Support};
//!
//! let can = flynn.capabilities().await?;
//! assert_eq!(can.get(Capability::ScaleRequests), Support::Yes);
//! assert_eq!(can.get(Capability::Hosts), Support::No); // only the fork supports them
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use futures_util::future::join_all;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transport::{Deadline, Repeat, Request, Spec};

/// A feature that not all servers support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Log sinks; from v20161215.2 on.
    Sinks,
    /// Scale requests; from v20170309.0 on. Before that, scaling writes formations.
    ScaleRequests,
    /// Volumes; from v20170310.0 on.
    Volumes,
    /// All routes in one call; from v20200107.0 on. Before that, they are read app by app.
    AllRoutes,
    /// Configuration of ACME; the fork.
    Acme,
    /// Managed certificates; the fork.
    ManagedCertificates,
    /// Hosts and their statistics; the fork.
    Hosts,
    /// Statistics of the cluster; the fork.
    ClusterStats,
    /// Statistics of jobs; the fork.
    JobsStats,
    /// Users, personal tokens, collaborators and scheduler events; the fork from September 2026 on.
    Users,
    /// Metrics of the router; the fork from September 2026 on.
    RouterMetrics,
}

impl Capability {
    /// All capabilities.
    pub const ALL: [Self; 11] = [
        Self::Sinks,
        Self::ScaleRequests,
        Self::Volumes,
        Self::AllRoutes,
        Self::Acme,
        Self::ManagedCertificates,
        Self::Hosts,
        Self::ClusterStats,
        Self::JobsStats,
        Self::Users,
        Self::RouterMetrics,
    ];

    /// Returns a call that shows the capability and changes nothing. No object has the nil UUID, so the server answers
    /// 404: with an empty body if it knows the path, with text if it does not.
    fn probe(self) -> Spec {
        match self {
            Self::Sinks => Spec::get("/sinks/{sink}", [NIL]),
            Self::ScaleRequests => {
                Spec::put("/apps/{app}/scale/{release}", [NIL, NIL], Repeat::Safe)
                    .body(serde_json::json!({}))
            }
            Self::Volumes => Spec::get("/apps/{app}/volumes", [NIL]),
            Self::AllRoutes => Spec::get("/routes", []).of_router(),
            Self::Acme => Spec::get("/acme/config", []),
            // One that does not exist is a 500.
            Self::ManagedCertificates => Spec::get("/managed-certificates", []),
            Self::Hosts => Spec::get("/hosts", []),
            Self::ClusterStats => Spec::get("/cluster/stats", []),
            Self::JobsStats => Spec::get("/apps/{app}/jobs-stats", [NIL]),
            Self::Users => Spec::get("/users/{user}", [NIL]),
            Self::RouterMetrics => Spec::get("/cluster/router-metrics", []),
        }
    }
}

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// An answer about a [`Capability`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Support {
    /// The server supports it.
    Yes,
    /// The server does not support it. A call would fail with [`Unsupported`](ErrorKind::Unsupported).
    No,
    /// Unknown: the server failed, or the token may not make the call.
    Unknown,
}

/// The capabilities of a server; returned by [`Client::capabilities`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities([Support; Capability::ALL.len()]);

impl Capabilities {
    /// Returns whether the server supports this.
    pub fn get(&self, capability: Capability) -> Support {
        self.iter()
            .find(|(of, _)| *of == capability)
            .map_or(Support::Unknown, |(_, support)| support)
    }

    /// Iterates over all capabilities.
    pub fn iter(&self) -> impl Iterator<Item = (Capability, Support)> + '_ {
        Capability::ALL.into_iter().zip(self.0)
    }
}

impl Client {
    /// Asks which features the server supports. Once the server has answered for every capability, the client and its
    /// clones cache the result.
    ///
    /// # Errors
    /// Returns the error of the first call if all calls failed, for example because the server cannot be reached or the
    /// key is wrong. A 403 is not an error but [`Support::Unknown`].
    pub fn capabilities(&self) -> Request<Capabilities> {
        let client = self.clone();
        Request::steps("capabilities()", |deadline| async move { ask(&client, deadline).await })
    }
}

async fn ask(client: &Client, deadline: Deadline) -> Result<Capabilities, Error> {
    let transport = client.transport();
    if let Some(known) = transport.capabilities.get() {
        let mut found = Capabilities([Support::No; Capability::ALL.len()]);
        for (slot, _) in found.0.iter_mut().zip(known).filter(|(_, known)| **known) {
            *slot = Support::Yes;
        }
        return Ok(found);
    }
    let specs = Capability::ALL.map(Capability::probe);
    // Only the status matters, so an open answer is dropped unread.
    let answers = join_all(specs.iter().map(|spec| transport.open(spec, deadline))).await;
    let mut found = Capabilities([Support::Unknown; Capability::ALL.len()]);
    let (mut trouble, mut all_told) = (None, true);
    for (slot, answer) in found.0.iter_mut().zip(answers) {
        *slot = match answer.map(drop) {
            Err(error) if error.is_unsupported() => Support::No,
            // A token of an app may not ask.
            Err(error) if error.is_forbidden() => {
                all_told = false;
                Support::Unknown
            }
            Err(error) if !tells(&error) => {
                trouble.get_or_insert(error);
                Support::Unknown
            }
            Ok(()) | Err(_) => Support::Yes,
        };
    }
    match trouble {
        Some(error) if found.0.iter().all(|support| *support == Support::Unknown) => Err(error),
        Some(_) => Ok(found),
        None if !all_told => Ok(found),
        None => {
            let known = found.0.map(|support| support == Support::Yes);
            transport.capabilities.get_or_init(|| Box::from(known));
            Ok(found)
        }
    }
}

/// Returns whether an error shows that the server knows the path.
fn tells(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::Validation
            | ErrorKind::Conflict
            | ErrorKind::PreconditionFailed
    )
}
