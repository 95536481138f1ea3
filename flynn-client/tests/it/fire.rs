//! Composite calls with a fault at one of their requests. Afterwards the cluster is unchanged or changed completely, or
//! the error names the intermediate state, and resuming completes the change.

use flynn_client::apps::NewApp;
use flynn_client::releases::ProcessType;
use flynn_client::{Client, Error, Pending};
use flynn_mock::{MockController, ServerAge};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::faults;

/// A cluster with an app that runs a job.
async fn cluster(age: ServerAge) -> MockController {
    let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
    let client = mock.client();
    client.apps().create(NewApp::named("www")).await.unwrap();
    let artifacts = client.app("blobstore").release().await.unwrap().artifact_ids;
    let change = client.app("www").change_release().artifacts(artifacts);
    change.process("web", ProcessType::running(["x"])).await.unwrap();
    client.app("www").scale([("web", 1)]).await.unwrap().wait().await.unwrap();
    mock
}

/// An operation, and a check whether it is complete.
struct Operation {
    run: fn(Client) -> BoxFuture<'static, Result<(), Error>>,
    /// Returns `None` if it is partly complete.
    is_done: fn(&MockController) -> Option<bool>,
}

const SET_ENV: Operation = Operation {
    run: |client| {
        let change = client.app("www").env().set([("A", "1"), ("B", "2")]).after_running();
        change.into_future().map(|done| done.map(drop)).boxed()
    },
    is_done: |mock| {
        let env = mock.state().app("www").unwrap().release().env;
        all_or_nothing([env.contains_key("A"), env.contains_key("B")])
    },
};

const CHANGE_RELEASE: Operation = Operation {
    run: |client| {
        let change = client.app("www").change_release().env([("A", "1")]).args("web", ["y"]);
        change.after_running().into_future().map(|done| done.map(drop)).boxed()
    },
    is_done: |mock| {
        let release = mock.state().app("www").unwrap().release();
        let web = &release.processes["web"];
        all_or_nothing([release.env.contains_key("A"), web.args == ["y"]])
    },
};

const MIGRATE: Operation = Operation {
    run: |client| {
        async move {
            let migration = client.domain().migrate("new.example.org").await?;
            migration.wait().await.map(drop)
        }
        .boxed()
    },
    is_done: |mock| {
        let routes = mock.state().routes();
        let has_route = |name| routes.iter().any(|route| route.domain == name);
        let release = mock.state().app("controller").unwrap().release();
        all_or_nothing([
            has_route("controller.new.example.org"),
            release.env["DEFAULT_ROUTE_DOMAIN"] == "new.example.org",
        ])
    },
};

fn all_or_nothing<const N: usize>(parts: [bool; N]) -> Option<bool> {
    let done = parts.iter().filter(|part| **part).count();
    if done == 0 { Some(false) } else { (done == N).then_some(true) }
}

impl Operation {
    /// Runs the operation with a fault at one request, and returns the number of requests.
    async fn strike(&self, age: ServerAge, at: usize, fault: faults::Fault) -> usize {
        let mock = cluster(age).await;
        let clean = mock.client();
        let releases = mock.state().releases().len();
        let (result, requests) = faults::run(&mock, at, fault, self.run).await;
        let met = format!("{age:?} {fault:?} {at}: {result:?}");
        match result {
            Some(Ok(())) => assert_eq!((self.is_done)(&mock), Some(true), "{met}"),
            Some(Err(error)) => match error.pending().cloned() {
                Some(Pending::PerhapsRelease { .. }) => {
                    assert_eq!((self.is_done)(&mock), Some(false), "{met}");
                    (self.run)(clean).await.unwrap();
                    assert_eq!((self.is_done)(&mock), Some(true), "{met}");
                }
                Some(pending) => self.resume(&mock, pending, &met).await,
                None => {
                    assert_eq!((self.is_done)(&mock), Some(false), "{met}");
                    assert_eq!(mock.state().releases().len(), releases, "{met}");
                }
            },
            // Another run repeats it while the job of the first run still runs.
            None => {
                while let Err(error) = (self.run)(clean.clone()).await {
                    if (self.is_done)(&mock) == Some(true) {
                        break;
                    }
                    let pending =
                        error.pending().cloned().unwrap_or_else(|| panic!("{met} {error}"));
                    clean.resume(pending).await.unwrap();
                }
                assert_eq!((self.is_done)(&mock), Some(true), "{met}");
            }
        }
        requests
    }

    /// Resumes the operation, which completes it. An operation that never began has left nothing behind.
    async fn resume(&self, mock: &MockController, pending: Pending, met: &str) {
        let resumed = mock.client().resume(pending).await;
        let done = match &resumed {
            Err(error) if error.is_not_found() => Some(false),
            resumed => resumed.is_ok().then_some(true),
        };
        assert!(done.is_some() && (self.is_done)(mock) == done, "{met} {resumed:?}");
    }
}

async fn strike(operation: Operation) {
    // The old server takes the same path, so it is struck less often.
    for (age, step) in [(ServerAge::V2016, 2), (ServerAge::V2021, 1)] {
        let run = async |at, fault| operation.strike(age, at, fault).await;
        faults::everywhere(step, 4, run).await;
    }
}

#[tokio::test]
async fn variables_are_set_whatever_request_fails() {
    strike(SET_ENV).await;
}

#[tokio::test]
async fn a_release_is_changed_whatever_request_fails() {
    strike(CHANGE_RELEASE).await;
}

#[tokio::test]
async fn a_domain_is_migrated_whatever_request_fails() {
    strike(MIGRATE).await;
}
