//! Carrying a plan out: each change is verified, and taken back if one fails.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;

use super::{CERT, CertificatePlan, Installation, KEY, Old, Order, Place, ROUTER, Step};
use crate::error::{BoxError, Error, ErrorKind, Pending};
use crate::secret::Secret;
use crate::transport::{Deadline, Limits, operation};

/// The longest time until a new certificate is live.
const LIVE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

impl CertificatePlan {
    /// Installs the certificate step by step.
    ///
    /// `verify` answers [`Question`]s. [`IsTrusted`](Question::IsTrusted) comes first, and again before the
    /// controller's own route; [`IsLive`](Question::IsLive) after each change, repeatedly until the answer is true or
    /// [`live_within`](ApplyCertificate::live_within) has passed. If an answer is false or an error, or a request
    /// fails, the old certificates are restored in reverse order.
    pub fn apply<F, A>(self, verify: F) -> ApplyCertificate
    where
        F: Fn(Question) -> A + Send + Sync + 'static,
        A: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        let verify: Arc<Verify> = Arc::new(move |question| Box::pin(verify(question)));
        ApplyCertificate {
            plan: self,
            verify,
            on_step: None,
            live_within: LIVE,
            limits: Limits::default(),
        }
    }
}

type Verify = dyn Fn(Question) -> BoxFuture<'static, Result<bool, BoxError>> + Send + Sync;

/// A question that an installation asks its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Does this host present the new certificate?
    IsLive {
        /// The host, without a port.
        host: String,
    },
    /// Does the caller's client trust the new certificate? If it does not, it cannot reach the controller afterwards.
    IsTrusted,
}

/// Applies a plan; returned by [`CertificatePlan::apply`]. Awaiting it returns the changed places.
///
/// If it is dropped, the changes made so far stay. Plan again to finish. If it fails, restoring the old certificates may
/// take up to two more minutes, in addition to a timeout.
///
/// # Errors
/// Fails with [`ErrorKind::Failed`] if the certificate does not become live or is not trusted. An error of the closure
/// is its [source](std::error::Error::source). Otherwise returns the errors of the requests. If the old certificates
/// could not be restored, [`Error::pending`] names the places that have the new one: plan again to finish, or install
/// the old certificate.
#[must_use = "nothing is sent until it is awaited"]
pub struct ApplyCertificate {
    plan: CertificatePlan,
    verify: Arc<Verify>,
    on_step: Option<Arc<OnStep>>,
    live_within: Duration,
    limits: Limits,
}

type OnStep = dyn Fn(&Place) + Send + Sync;

operation!(ApplyCertificate => Vec<Place>);

impl fmt::Debug for ApplyCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplyCertificate").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl ApplyCertificate {
    /// Sets the longest time until a host presents the new certificate. The default is 30 seconds.
    pub fn live_within(mut self, time: Duration) -> Self {
        self.live_within = time;
        self
    }

    /// Calls `on_step` with each place that has the new certificate.
    pub fn on_step(mut self, on_step: impl Fn(&Place) + Send + Sync + 'static) -> Self {
        self.on_step = Some(Arc::new(on_step));
        self
    }

    async fn run(self, deadline: Deadline) -> Result<Vec<Place>, Error> {
        let steps = &self.plan.steps;
        if steps.iter().any(|step| step.order >= Order::Controller) {
            self.trusted(deadline).await?;
        }
        for (at, step) in steps.iter().enumerate() {
            let mut begun = at;
            if let Err(error) = self.step(step, &mut begun, deadline).await {
                let done = steps.get(..begun).unwrap_or_default();
                return Err(self.restore(done, error, deadline.for_restoring()).await);
            }
            if let Some(on_step) = &self.on_step {
                on_step(&step.place);
            }
        }
        Ok(self.plan.steps.into_iter().map(|step| step.place).collect())
    }

    /// Counts the step in `begun` if its place may have changed.
    async fn step(&self, step: &Step, begun: &mut usize, deadline: Deadline) -> Result<(), Error> {
        if step.order >= Order::Controller {
            self.trusted(deadline).await?;
        }
        let Installation { cert, key, .. } = &self.plan.installation;
        let written = self.write(&step.place, cert, key, deadline).await;
        // A deployment of the router that fails may have left the new release behind.
        let is_default = matches!(step.place, Place::RouterDefault { .. });
        if is_default || written.as_ref().err().is_none_or(Error::may_have_acted) {
            *begun += 1;
        }
        written?;
        self.confirm(&step.place, cert, deadline).await?;
        match step.place.host() {
            Some(host) => self.live(host, deadline).await,
            None => Ok(()),
        }
    }

    async fn write(
        &self,
        place: &Place,
        cert: &str,
        key: &Secret,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let client = &self.plan.installation.client;
        match place {
            Place::Route { id, app, detaches, .. } => {
                let routes = client.app(app.as_str()).routes();
                let mut update = routes.update(id.clone()).certificate(cert, key);
                if *detaches {
                    // In the same PUT: the server ignores the certificate of a managed route.
                    update = update.detach_managed_certificate();
                }
                update.run(deadline).await.map(|_| ())
            }
            Place::RouterDefault { .. } => {
                let change = client.app(ROUTER).env().set([(CERT, cert), (KEY, key.expose())]);
                change.after_running().run(deadline).await.map(|_| ())
            }
        }
    }

    /// Reads a route's certificate back, because a reply does not prove that it is stored.
    async fn confirm(&self, place: &Place, cert: &str, deadline: Deadline) -> Result<(), Error> {
        let Place::Route { id, app, domain, .. } = place else { return Ok(()) };
        let routes = self.plan.installation.client.app(app.as_str()).routes();
        let stored = routes.get(id.clone()).within(deadline).await?.certificate;
        if stored.is_some_and(|stored| stored.cert.trim() == cert.trim()) {
            return Ok(());
        }
        let message = format!("the certificate of the route {domain} was not stored");
        Err(Error::new(ErrorKind::Failed, message))
    }

    /// Restores what a place had.
    async fn put_back(&self, step: &Step, deadline: Deadline) -> Result<(), Error> {
        let client = &self.plan.installation.client;
        match (&step.place, &step.old) {
            (place, Old::Pair(cert, key)) => {
                self.write(place, cert, key, deadline).await?;
                self.confirm(place, cert, deadline).await
            }
            (Place::Route { id, app, .. }, Old::Managed(name)) => {
                let update = client.app(app.as_str()).routes().update(id.clone());
                let update = update.managed_certificate(name.as_str());
                update.run(deadline).await.map(|_| ())
            }
            // A route in the plan always had something.
            (Place::Route { .. }, Old::None) => Ok(()),
            (Place::RouterDefault { .. }, _) => {
                let change = client.app(ROUTER).env().unset([CERT, KEY]);
                change.after_running().run(deadline).await.map(|_| ())
            }
        }
    }

    async fn trusted(&self, deadline: Deadline) -> Result<(), Error> {
        if self.ask(Question::IsTrusted, deadline).await? {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Failed,
                "the caller does not trust the new certificate: add its pin to the client first",
            ))
        }
    }

    async fn live(&self, host: &str, deadline: Deadline) -> Result<(), Error> {
        let limit = deadline.at_most(self.live_within);
        loop {
            match self.ask(Question::IsLive { host: host.to_owned() }, limit).await {
                Ok(true) => return Ok(()),
                Err(error) if !error.is_timeout() || deadline.is_over() => return Err(error),
                _ => {}
            }
            if limit.remaining().is_none_or(|left| left <= PAUSE) {
                let message = format!("{host} does not present the new certificate");
                return Err(Error::new(ErrorKind::Failed, message));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, question: Question, deadline: Deadline) -> Result<bool, Error> {
        let what = match &question {
            Question::IsLive { host } => format!("cannot verify the certificate of {host}"),
            Question::IsTrusted => "cannot check whether the certificate is trusted".to_owned(),
        };
        let answer = async {
            let answer = (self.verify)(question).await;
            answer.map_err(|e| Error::new(ErrorKind::Failed, what).caused_by(e))
        };
        deadline.limit(answer).await
    }

    /// Restores the old certificates in reverse order, and returns the error with what could not be restored.
    async fn restore(&self, done: &[Step], error: Error, deadline: Deadline) -> Error {
        let mut left = Vec::new();
        for step in done.iter().rev() {
            if self.put_back(step, deadline).await.is_err() {
                left.push(step.place.to_string());
            }
        }
        let domain = self.plan.installation.domain.clone();
        let unrestored =
            (!left.is_empty()).then_some(Pending::Certificate { domain, places: left });
        error.with_only_pending(unrestored)
    }
}
