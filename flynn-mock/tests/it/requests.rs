//! The record of requests and their answers.

use std::time::Duration;

use flynn_client::AppId;
use flynn_client::apps::NewApp;
use flynn_client::artifacts::NewArtifact;
use flynn_client::jobs::NewJob;
use flynn_client::providers::NewProvider;
use flynn_client::releases::{NewRelease, ProcessType};
use flynn_client::resources::NewResource;
use flynn_client::routes::NewRoute;
use flynn_client::sinks::{NewSink, SyslogConfig};
use flynn_mock::{AppSeed, Fault, MockController, Op, RecordedRequest};
use http::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::raw::{Events, call, get, request, send};

/// Returns the status and the body of a recorded answer. Without a status, the connection broke.
fn answer(request: &RecordedRequest) -> (Option<u16>, String) {
    let answer = request.answer().expect("it is answered");
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    (answer.status.map(|status| status.as_u16()), body)
}

#[tokio::test]
async fn answers_are_recorded_as_they_were_sent() {
    let mock = MockController::builder().start().await;
    let made = call(&mock, Method::POST, "/apps", r#"{"name":"www"}"#).await;
    let lost = get(&mock, "/apps/nosuch").await;
    let head = call(&mock, Method::HEAD, "/apps", "").await;
    let recorded = mock.requests();
    let answers: Vec<_> = recorded.iter().map(answer).collect();
    for (sent, recorded) in [made, lost, head].iter().zip(answers) {
        let body = String::from_utf8(sent.body.to_vec()).unwrap();
        assert_eq!(recorded, (Some(sent.status.as_u16()), body));
    }
    let made = recorded.of(Op::AppCreate).assert_one().answer().unwrap().json();
    assert_eq!(made["name"], "www");
}

#[tokio::test]
async fn the_answers_of_faults_are_recorded() {
    let mock = MockController::builder().start().await;
    let whole = get(&mock, "/apps/controller").await.body;
    let whole = std::str::from_utf8(&whole).unwrap();
    for (fault, status, body) in [
        (Fault::answer(418, "mine"), Some(418), "mine"),
        (Fault::drop_before(), None, ""),
        (Fault::drop_after(), None, ""),
        (Fault::cut_body(10), Some(200), &whole[..10]),
        (Fault::malformed_json(), Some(200), &whole[..whole.len() / 2]),
        (Fault::silent_stream(), Some(200), ""),
    ] {
        mock.clear_requests();
        mock.fail_next(Op::AppGet, fault);
        let response = send(&mock, request(&mock, Method::GET, "/apps/controller", "")).await;
        let got = response.ok().map(|response| response.status().as_u16());
        assert_eq!(answer(mock.requests().assert_one()), (status, body.to_owned()));
        assert_eq!(got, status);
    }
}

#[tokio::test]
async fn a_stream_is_recorded_when_it_opens() {
    let mock = MockController::builder().start().await;
    let _events = Events::open(&mock, "/events", None).await;
    assert_eq!(answer(mock.requests().assert_one()), (Some(200), String::new()));
}

#[tokio::test]
async fn a_client_that_leaves_gets_no_answer() {
    let start = flynn_mock::jiff::Timestamp::UNIX_EPOCH;
    let mock = MockController::builder().clock(start).start().await;
    mock.fail_next(Op::AppList, Fault::delay(Duration::from_secs(3)));
    let mut client = TcpStream::connect(mock.addr()).await.unwrap();
    client.write_all(b"GET /apps HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    mock.wait_for(Op::AppList, 1).await;
    assert!(mock.requests().assert_one().answer().is_none());

    drop(client);
    while mock.requests().assert_one().answer().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(answer(mock.requests().assert_one()), (None, String::new()));
}

#[tokio::test]
async fn bodies_are_decoded_into_types() {
    #[derive(serde::Deserialize)]
    struct NewApp {
        name: String,
    }
    let mock = MockController::builder().start().await;
    call(&mock, Method::POST, "/apps", r#"{"name":"www"}"#).await;
    let requests = mock.requests();
    let app: NewApp = requests.assert_one().body_as();
    assert_eq!(app.name, "www");
    let decode = || requests.assert_one().body_as::<Vec<NewApp>>();
    assert!(std::panic::catch_unwind(decode).is_err());
}

/// The body of the last request of an operation.
fn sent<T: serde::de::DeserializeOwned>(mock: &MockController, op: Op) -> T {
    mock.requests().of(op).last().expect("a request").body_as()
}

#[tokio::test]
async fn bodies_are_decoded_into_what_the_client_has_sent() {
    let mock = MockController::builder().app(AppSeed::new("www").process("web", 1)).start().await;
    let flynn = mock.client();

    let app = NewApp::named("blog").id(UUID.parse::<AppId>().unwrap()).meta("team", "web");
    flynn.apps().create(app.clone()).await.unwrap();
    assert_eq!(sent::<NewApp>(&mock, Op::AppCreate), app);

    let artifact = NewArtifact::flynn("https://images.example.com/blog", "{}").unwrap();
    let made = flynn.artifacts().create(artifact.clone()).await.unwrap();
    assert_eq!(sent::<NewArtifact>(&mock, Op::ArtifactCreate), artifact);

    let web = ProcessType::web(["/bin/server"]).env("PORT", "80");
    let release = NewRelease::of_app(UUID.parse::<AppId>().unwrap())
        .artifact(&made.id)
        .env("GREETING", "hello")
        .process("web", web);
    flynn.releases().create(release.clone()).await.unwrap();
    let decoded: NewRelease = sent(&mock, Op::ReleaseCreate);
    assert_eq!(decoded.env["GREETING"], "hello");
    assert_eq!(decoded.processes, release.processes);
    assert_eq!(decoded.artifact_ids, [made.id]);

    let route = NewRoute::http("shop.example.org").service("blog-web").sticky(true);
    flynn.app("blog").routes().create(route.clone()).await.unwrap();
    assert_eq!(sent::<NewRoute>(&mock, Op::RouteCreate), route);

    let resource = NewResource::for_app("blog").config(serde_json::json!({"size": 1}));
    flynn.provider("postgres").resources().provision(resource.clone()).await.unwrap();
    assert_eq!(sent::<NewResource>(&mock, Op::ResourceProvision), resource);

    let provider = NewProvider::new("search", "http://search.discoverd/indexes");
    flynn.providers().create(provider.clone()).await.unwrap();
    assert!(sent::<NewProvider>(&mock, Op::ProviderCreate) == provider);

    let sink = NewSink::syslog(&SyslogConfig::new("syslog://logs.example.org:514"));
    flynn.sinks().create(sink.clone()).await.unwrap();
    assert_eq!(sent::<NewSink>(&mock, Op::SinkCreate), sink);

    flynn.app("www").jobs().run(["rake", "db:migrate"]).await.unwrap();
    assert_eq!(sent::<NewJob>(&mock, Op::JobRun).args, ["rake", "db:migrate"]);
}

const UUID: &str = "11111111-0000-4000-8000-00000000000a";

#[cfg(feature = "wiremock")]
#[tokio::test]
async fn a_client_that_leaves_while_the_users_mocks_answer_gets_none() {
    use flynn_mock::wiremock::{Mock, ResponseTemplate, matchers::any};
    let mock = MockController::builder().start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
    Mock::given(any()).respond_with(slow).mount(mock.wiremock().await).await;
    let mut client = TcpStream::connect(mock.addr()).await.unwrap();
    client.write_all(b"GET /apps HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    mock.wait_for(Op::AppList, 1).await;
    drop(client);
    while mock.requests().assert_one().answer().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(answer(mock.requests().assert_one()), (None, String::new()));
}
