//! All futures and streams can be moved to other threads and outlive what they were made from.

use flynn_client::AppId;
use flynn_client::apps::NewApp;
use flynn_client::releases::NewRelease;
use flynn_client::routes::NewRoute;
use flynn_client::{Client, Env};

fn future<F: IntoFuture<IntoFuture: Send + 'static>>(_: F) {}
fn stream<S: futures_core::Stream + Send + Unpin + 'static>(_: S) {}
fn value<T: Send + Sync + Clone + 'static>(_: T) {}

fn connected<T: Send + Unpin + 'static>() {}

#[test]
fn everything_is_send_and_static() {
    let client = Client::builder("http://127.0.0.1:1").build().unwrap();
    value(client.clone());
    future(client.apps().list());
    future(client.apps().create(NewApp::unnamed()));
    let app = client.app("www");
    future(app.get());
    future(app.get_opt());
    future(app.update());
    future(app.release());
    future(app.release_opt());
    future(client.releases().create(NewRelease::of_app(AppId::new("1"))));
    future(app.env().get());
    future(app.env().set([("A", "1")]));
    future(app.env().replace(Env::new()));
    future(app.deploy("1"));
    future(app.deployments());
    let deployment = client.deployment("1");
    future(deployment.get());
    future(deployment.wait());
    stream(deployment.watch());
    future(app.routes().list());
    future(app.routes().find("example.com", "/"));
    future(app.routes().create(NewRoute::tcp()));
    future(app.routes().update("http/1"));
    future(app.routes().delete("http/1"));
    future(client.routes().list());
    future(app.jobs().list());
    future(app.jobs().run(["true"]));
    future(app.jobs().run(["true"]).attached());
    future(client.active_jobs());
    future(client.events().list());
    future(client.events().stream());
    stream(client.events().watch());
    future(client.events().watch().begin());
    future(app.scale([("web", 1)]));
    future(app.scaling("1", "2").wait());
    stream(app.scaling("1", "2").watch());
    future(app.delete());
    future(client.app_deletion(AppId::new("1")).wait());
    stream(client.app_deletion(AppId::new("1")).watch());
    future(app.log());
    future(app.log().follow());
    stream(app.log().watch());
    future(app.change_release().env([("A", "1")]));
    future(app.change_release().preview());
    future(app.jobs().wait("1"));
    future(
        client.resume(flynn_client::Pending::AppDeletion { app: flynn_client::AppId::new("1") }),
    );
    future(client.formations().stream());
    stream(client.formations().stream().watch());
    future(client.backup().tar());
    future(client.domain().get());
    future(client.domain().migrate("example.com"));
    future(client.domain().migration("1").wait());
    stream(client.domain().migration("1").watch());
    future(client.status());
    future(client.ping());
    future(client.ca_certificate());
    future(client.capabilities());
    future(client.request(http::Method::GET, "/apps"));
    connected::<flynn_client::EventSource<flynn_client::events::Event>>();
    connected::<flynn_client::Changes<flynn_client::volumes::Volume>>();
    connected::<flynn_client::logs::LogLines>();
    connected::<flynn_client::backup::BackupTar>();
    connected::<flynn_client::jobs::Attached>();
    connected::<flynn_client::jobs::AttachedOutput>();
    connected::<flynn_client::jobs::AttachedInput>();
}
