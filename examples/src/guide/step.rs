//! The steps of the guide, in their order.

use crate::session::Session;
use crate::steps;
use anyhow::Result;

/// One step of the guide. You can look at every step without changing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read `.flynnrc` and connect with its pin.
    Connect,
    /// Check the new certificate before anything changes.
    Certificate,
    /// Migrate the cluster to its new domain; the local files follow.
    Domain,
    /// Install the certificate on the system apps' routes, the controller's last.
    Routes,
    /// Write the new pin.
    Pin,
    /// Make the certificate the router's default.
    Router,
    /// Move the blobs to S3.
    Blobstore,
    /// Create the app for the root domain and its route.
    App,
    /// Make git trust the new certificate, through the system's roots or the file of a private CA.
    Git,
    /// Write the DNS plan.
    Dns,
    /// Ask the status.
    Status,
}

/// The result of looking at a step.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// True if the step has nothing to do.
    pub holds: bool,
    /// True if the step was not requested.
    pub skipped: bool,
    /// The current state in a few words, read from the server, the socket or the file.
    pub now: String,
    /// The state before, if `now` is the result of a check and not a state.
    pub before: Option<String>,
    /// The changes that the step would make, for people.
    pub plan: Vec<String>,
    /// Other information: warnings, tables, documents.
    pub details: Vec<String>,
}

impl Look {
    /// The step has nothing to do.
    pub fn holds(now: impl Into<String>) -> Self {
        Self { holds: true, now: now.into(), ..Self::default() }
    }

    /// The step has changes to make.
    pub fn lacks(now: impl Into<String>, plan: impl IntoIterator<Item = String>) -> Self {
        Self { now: now.into(), plan: plan.into_iter().collect(), ..Self::default() }
    }

    /// The step was not requested.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { skipped: true, now: why.into(), ..Self::default() }
    }

    /// Sets the state before.
    pub fn before(mut self, before: impl Into<String>) -> Self {
        self.before = Some(before.into());
        self
    }

    /// Adds other information.
    pub fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}

impl Step {
    /// All steps, in the order of the guide with its mistakes corrected: the pin changes after the routes, and the
    /// router is deployed after them too, because a router that is being replaced gives wrong answers about routes.
    pub const ALL: [Self; 11] = [
        Self::Connect,
        Self::Certificate,
        Self::Domain,
        Self::Routes,
        Self::Pin,
        Self::Router,
        Self::Blobstore,
        Self::App,
        Self::Git,
        Self::Dns,
        Self::Status,
    ];

    /// The steps that install a certificate.
    pub const INSTALL_CERTIFICATE: [Self; 6] =
        [Self::Connect, Self::Certificate, Self::Routes, Self::Pin, Self::Router, Self::Git];

    /// Returns its number in the guide, from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// Returns what it does, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Connect => "Connect with the pin of .flynnrc",
            Self::Certificate => "Check the new certificate",
            Self::Domain => "Migrate the domain",
            Self::Router => "Set the router's default certificate",
            Self::Routes => "Certify the system apps' routes",
            Self::Pin => "Renew the pin",
            Self::Blobstore => "Move the blobstore to S3",
            Self::App => "Serve the root domain",
            Self::Git => "Set git's CA file",
            Self::Dns => "Write the DNS plan",
            Self::Status => "Ask the cluster's status",
        }
    }

    /// Returns the steps that must succeed before this one is tried.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Connect | Self::Certificate | Self::Dns => &[],
            Self::Domain | Self::Blobstore | Self::Status => &[Self::Connect],
            Self::Routes | Self::Router => &[Self::Connect, Self::Certificate, Self::Domain],
            Self::App => &[Self::Connect, Self::Domain],
            Self::Pin | Self::Git => &[Self::Routes],
        }
    }

    /// Returns true for a step that only checks: a problem that it finds is an error of `look`.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Connect | Self::Certificate | Self::Status)
    }

    /// Reads the current state. Changes nothing.
    ///
    /// # Errors
    /// Fails if the state cannot be read or the step is not possible.
    pub async fn look(self, session: &mut Session) -> Result<Look> {
        match self {
            Self::Connect => steps::connect::look(session).await,
            Self::Certificate => steps::certificate::look(session),
            Self::Domain => steps::domain::look(session).await,
            Self::Router => steps::router::look(session).await,
            Self::Routes => steps::routes::look(session).await,
            Self::Pin => steps::pin::look(session).await,
            Self::Blobstore => steps::blobstore::look(session).await,
            Self::App => steps::app::look(session).await,
            Self::Git => steps::git::look(session).await,
            Self::Dns => steps::dns::look(session).await,
            Self::Status => steps::status::look(session).await,
        }
    }

    /// Does what `look` found missing, and reports progress to the session's screen.
    ///
    /// # Errors
    /// Returns why the step failed. Doing it again continues where it stopped.
    pub async fn act(self, session: &mut Session) -> Result<()> {
        match self {
            Self::Connect | Self::Certificate | Self::Status => Ok(()),
            Self::Domain => steps::domain::act(session).await,
            Self::Router => steps::router::act(session).await,
            Self::Routes => steps::routes::act(session).await,
            Self::Pin => steps::pin::act(session).await,
            Self::Blobstore => steps::blobstore::act(session).await,
            Self::App => steps::app::act(session).await,
            Self::Git => steps::git::act(session).await,
            Self::Dns => steps::dns::act(session).await,
        }
    }
}
