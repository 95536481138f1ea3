//! TLS, protocols, hosts.

use flynn_mock::{Fault, MockController, Op, ServerAge};
use flynn_tls::{Pin, Probe};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use crate::raw::{call, get, put, request, send};

async fn presented(mock: &MockController, name: &str) -> Result<Pin, flynn_tls::Error> {
    Ok(Probe::new(name, mock.addr().port()).connect_to(mock.addr()).run().await?.pin())
}

#[tokio::test]
async fn routes_present_their_certificates() {
    let mock = MockController::builder().bootstrapped("d.test").tls().start().await;
    assert_eq!(presented(&mock, "controller.d.test").await.unwrap(), mock.pin());
    assert_eq!(presented(&mock, "status.d.test").await.unwrap(), mock.pin());
    let made = flynn_tls::generate::bootstrap("d.test").unwrap();
    let routes = get(&mock, "/apps/controller/routes").await.json();
    let mut route = routes[0].clone();
    let id = route["id"].as_str().unwrap().to_owned();
    route["certificate"] =
        json!({"cert": &*made.leaf.certificate_pem(), "key": &*made.leaf.key_pem()});
    put(&mock, &format!("/apps/controller/routes/http/{id}"), route).await;
    assert_eq!(mock.pin(), made.leaf.pin());
    assert_eq!(presented(&mock, "controller.d.test").await.unwrap(), made.leaf.pin());
    assert_ne!(presented(&mock, "status.d.test").await.unwrap(), made.leaf.pin());
}

#[tokio::test]
async fn the_default_certificate_follows_the_routers_deploy() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("d.test").server(age).tls().start().await;
        let made = flynn_tls::generate::bootstrap("d.test").unwrap();
        let mut release = get(&mock, "/apps/router/release").await.json();
        release["env"]["TLSCERT"] = json!(&*made.leaf.certificate_pem());
        release["env"]["TLSKEY"] = json!(&*made.leaf.key_pem());
        for gone in ["id", "created_at", "artifact"] {
            release.as_object_mut().unwrap().remove(gone);
        }
        let release = crate::raw::post(&mock, "/releases", release).await;
        assert_ne!(presented(&mock, "status.d.test").await.unwrap(), made.leaf.pin());
        crate::raw::post(&mock, "/apps/router/deploy", json!({"id": release["id"]})).await;
        assert_eq!(presented(&mock, "status.d.test").await.unwrap(), made.leaf.pin());
        assert_eq!(presented(&mock, "controller.d.test").await.unwrap(), mock.pin());
        assert_ne!(mock.pin(), made.leaf.pin());
    }
}

#[tokio::test]
async fn a_name_without_route_gets_the_routers_alert() {
    let mock = MockController::builder().bootstrapped("d.test").tls().start().await;
    let error = presented(&mock, "nosuch.elsewhere.test").await.unwrap_err();
    let mut shown = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        shown.push_str(&error.to_string());
        source = error.source();
    }
    assert!(shown.to_lowercase().replace(' ', "").contains("internalerror"), "{shown}");
}

#[tokio::test]
async fn h2_and_http11_are_offered() {
    let mock = MockController::builder().bootstrapped("d.test").tls().start().await;
    let probe = Probe::new("controller.d.test", mock.addr().port()).connect_to(mock.addr());
    let presented = probe.run().await.unwrap();
    assert_eq!(presented.alpn(), Some(&b"h2"[..]));
    let apps = mock.client().apps().list().await.unwrap();
    assert!(apps.iter().any(|app| app.name == "controller"));
}

#[tokio::test]
async fn one_port_serves_plain_http_too() {
    let mock = MockController::builder().bootstrapped("d.test").tls().start().await;
    assert_eq!(get(&mock, "/ping").await.status, 200);
}

#[tokio::test]
async fn hosts_are_routed() {
    let mock = MockController::builder().bootstrapped("d.test").start().await;
    let ask = async |host: &str, path: &str| {
        let mut request = request(&mock, Method::GET, path, "");
        request.headers_mut().insert("host", host.parse().unwrap());
        send(&mock, request).await.unwrap().status().as_u16()
    };
    assert_eq!(ask("controller.d.test", "/apps").await, 200);
    assert_eq!(ask("controller.d.test:8443", "/apps").await, 200);
    assert_eq!(ask("status.d.test", "/").await, 200);
    assert_eq!(ask("nosuch.elsewhere.test", "/apps").await, 404);
}

#[tokio::test]
async fn a_migration_moves_url_and_pin() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock =
            MockController::builder().bootstrapped("old.test").server(age).tls().start().await;
        let before = mock.pin();
        let body = json!({"old_domain": "old.test", "domain": "new.test"});
        put(&mock, "/domain", body).await;
        assert_eq!(mock.domain(), "new.test");
        assert_ne!(mock.pin(), before);
        assert!(mock.url().starts_with("https://controller.new.test:"));
        assert_eq!(presented(&mock, "controller.new.test").await.unwrap(), mock.pin());
        let ca = get(&mock, "/ca-cert").await;
        assert_eq!(ca.body, mock.ca_pem());
    }
}

#[tokio::test]
async fn long_bodies_are_chunked_short_ones_are_not() {
    let mock = MockController::builder().start().await;
    let short = get(&mock, "/apps/controller").await;
    assert!(short.headers.contains_key("content-length"));
    let long = get(&mock, "/apps").await;
    assert_eq!(long.headers["transfer-encoding"], "chunked");
    let missing = call(&mock, Method::GET, "/apps/nosuch", "").await;
    assert_eq!(missing.headers["content-length"], "0");
    assert!(!missing.headers.contains_key("content-type"));
}

/// An HTTP/2 connection to the controller.
async fn http2(mock: &MockController) -> SendRequest<Full<bytes::Bytes>> {
    let mut tls = flynn_tls::ClientTls::pinned(mock.pin()).config().unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let socket = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls));
    let name = format!("controller.{}", mock.domain()).try_into().unwrap();
    let stream = TokioIo::new(connector.connect(name, socket).await.unwrap());
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn one_connection_carries_a_stream_and_many_calls() {
    let mock = MockController::builder().tls().start().await;
    let mut sender = http2(&mock).await;
    let request = |method: Method, path: &str, body: &str| {
        let mut request = request(&mock, method, path, body);
        request.headers_mut().remove("host");
        *request.uri_mut() = format!("https://controller.example.com{path}").parse().unwrap();
        request
    };
    let mut events = request(Method::GET, "/events", "");
    events.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let mut events = sender.send_request(events).await.unwrap().into_body();
    mock.fail_next(Op::AppList, Fault::silent_stream());
    let silent = sender.send_request(request(Method::GET, "/apps", "")).await.unwrap();

    let calls = (0..150).map(|_| sender.send_request(request(Method::GET, "/apps/router", "")));
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(!answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
    let create = request(Method::POST, "/apps", r#"{"name":"www"}"#);
    assert_eq!(sender.send_request(create).await.unwrap().status(), 200);
    let event = events.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(event.starts_with(b"data: {") && event.ends_with(b"\n\n"), "{event:?}");
    drop(silent);
    mock.requests().of(Op::AppGet).assert_count(150);
}

#[tokio::test]
async fn the_answer_to_a_head_has_no_body() {
    let mock = MockController::builder().bootstrapped("d.test").tls().start().await;
    let answer = call(&mock, Method::HEAD, "/nosuch", "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0));
    assert_eq!(answer.headers["content-length"], "19");

    let mut sender = http2(&mock).await;
    // The 404 in text that Go sends, an empty 401, and a path with a handler.
    for path in ["/nosuch", "/apps", "/ping"] {
        let request = Request::head(format!("https://controller.d.test{path}"));
        let request = request.body(Full::default()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert!(answer.headers().contains_key("content-length"), "{path}");
        assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    for (age, most) in [(ServerAge::V2016, 8 << 20), (ServerAge::V2021, 1_000_000)] {
        let mock = MockController::builder().server(age).start().await;
        let body = |length: usize, name: &str| {
            let frame = json!({"name": name, "meta": {"x": ""}}).to_string();
            let filler = "x".repeat(length - frame.len());
            json!({"name": name, "meta": {"x": filler}}).to_string()
        };
        let fits = call(&mock, Method::POST, "/apps", &body(most, "fits")).await;
        assert_eq!(fits.status, 200);
        let refused = call(&mock, Method::POST, "/apps", &body(most + 1, "large")).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["code"], "request_body_too_big");
        assert_eq!(refused.json()["message"], "The provided request body is too big");
        assert_eq!(get(&mock, "/apps/large").await.status, 404);
        // Text after the document is not read.
        let padded = format!("{}{}", json!({"name": "padded"}), " ".repeat(most));
        assert_eq!(call(&mock, Method::POST, "/apps", &padded).await.status, 200);
        let longest = mock.requests().iter().map(|request| request.body.len()).max();
        assert_eq!(longest, Some(most + 1));
    }
}
