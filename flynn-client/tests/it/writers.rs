//! Writers that deploy a release between the read and the deployment of another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};

use flynn_client::http::{Method, Request};
use flynn_client::releases::ProcessType;
use flynn_client::tower_layer::layer_fn;
use flynn_client::tower_service::Service as Tower;
use flynn_client::{Body, Client, Error, Service};
use flynn_mock::{AppSeed, MockController, ServerAge};
use futures_util::future::BoxFuture;

type Interruption = dyn Fn(u32) -> BoxFuture<'static, ()> + Send + Sync;

/// Runs `interruption` before each request for a deployment.
#[derive(Clone)]
struct Interrupted {
    inner: Service,
    interruption: Arc<Interruption>,
    deployments: Arc<AtomicU32>,
}

impl Tower<Request<Body>> for Interrupted {
    type Response = <Service as Tower<Request<Body>>>::Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Self::Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut this = self.clone();
        Box::pin(async move {
            if request.method() == Method::POST && request.uri().path().ends_with("/deploy") {
                (this.interruption)(this.deployments.fetch_add(1, Relaxed)).await;
            }
            this.inner.call(request).await
        })
    }
}

/// Returns a client that another writer, `write`, always overtakes.
fn overtaken<F>(
    mock: &MockController,
    write: impl Fn(Client, u32) -> F + Send + Sync + 'static,
) -> Client
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let other = mock.client();
    let interruption: Arc<Interruption> = Arc::new(move |round| {
        let written = write(other.clone(), round);
        Box::pin(async move { written.await.unwrap() })
    });
    let deployments = Arc::default();
    let layer = layer_fn(move |inner| Interrupted {
        inner,
        interruption: Arc::clone(&interruption),
        deployments: Arc::clone(&deployments),
    });
    mock.client_builder().layer(layer).build().unwrap()
}

async fn shop(age: ServerAge) -> MockController {
    let shop = AppSeed::new("shop").process("web", 1);
    MockController::builder().bootstrapped("example.com").server(age).app(shop).start().await
}

#[tokio::test]
async fn the_newest_value_of_another_writer_is_kept() {
    for age in [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026September] {
        let mock = shop(age).await;
        let flynn = overtaken(&mock, |other, round| async move {
            if round < 2 {
                let count = [("COUNT", round.to_string())];
                other.app("shop").env().set(count).after_running().await?;
            }
            Ok(())
        });
        flynn.app("shop").env().set([("OURS", "1")]).await.unwrap();
        let env = mock.state().app("shop").unwrap().release().env;
        assert_eq!((env["OURS"].as_str(), env["COUNT"].as_str()), ("1", "1"), "{age:?}");
    }
}

#[tokio::test]
async fn a_conflict_after_three_merges_has_the_changes_of_both_callers() {
    let mock = shop(ServerAge::V2021).await;
    let flynn = overtaken(&mock, |other, round| async move {
        other.app("shop").env().set([(format!("OTHER{round}"), "1")]).await.map(drop)
    });
    let error = flynn.app("shop").env().set([("OURS", "1")]).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    let (ours, theirs) = error.conflicting_changes().unwrap();
    assert_eq!(
        (ours.to_string().as_str(), theirs.to_string().as_str()),
        ("+ env.OURS", "+ env.OTHER3")
    );
}

#[tokio::test]
async fn variables_of_a_process_type_are_merged_one_by_one() {
    let mock = shop(ServerAge::V2021).await;
    let web = mock.client().app("shop").env().of_process("web");
    web.set([("OLD", "1")]).await.unwrap();
    let flynn = overtaken(&mock, |other, round| async move {
        if round == 0 {
            other.app("shop").env().of_process("web").set([("OTHER", "1")]).await?;
        }
        Ok(())
    });
    let change = flynn.app("shop").env().of_process("web").unset(["OLD"]);
    assert_eq!(change.preview().await.unwrap().diff.to_string(), "- processes.web.env.OLD");
    change.await.unwrap();
    let env = web.get().await.unwrap();
    assert_eq!(env.keys().collect::<Vec<_>>(), ["OTHER"]);
}

#[tokio::test]
async fn a_process_type_that_is_set_again_changes_nothing() {
    for age in
        [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026June, ServerAge::Fork2026September]
    {
        let mock = shop(age).await;
        let shop = mock.client().app("shop");
        let set = shop.change_release().process("api", ProcessType::web(["/bin/api"]));
        assert!(set.clone().await.unwrap().changed(), "{age:?}");
        let again = set.await.unwrap();
        assert!(!again.changed(), "{age:?}: {}", again.diff);
    }
}

#[tokio::test]
async fn limits_that_a_process_type_does_not_set_are_kept() {
    use flynn_client::releases::ResourceLimit;
    let mock = shop(ServerAge::V2021).await;
    let shop = mock.client().app("shop");
    let mut big = ProcessType::running(["/bin/api"]);
    big.resources.insert("memory".to_owned(), ResourceLimit::exactly(4 << 30));
    shop.change_release().process("api", big).await.unwrap();
    shop.change_release().process("api", ProcessType::running(["/bin/new"])).await.unwrap();
    let api = &shop.release().await.unwrap().processes["api"];
    assert_eq!(
        (&*api.args, api.resources["memory"].limit),
        (&["/bin/new".to_owned()][..], Some(4 << 30))
    );
}
