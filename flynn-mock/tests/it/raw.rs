//! A bare HTTP/1.1 client, so that the tests see exactly what went over the wire.

use base64::Engine as _;
use bytes::Bytes;
use flynn_mock::MockController;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A request with the mock's key.
pub(crate) fn request(
    mock: &MockController,
    method: Method,
    target: &str,
    body: &str,
) -> Request<Full<Bytes>> {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!(":{}", mock.key()));
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", "127.0.0.1")
        .header("authorization", format!("Basic {credentials}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

/// Sends a request on a new connection, which a task drives.
pub(crate) async fn send(
    mock: &MockController,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Response<Incoming>> {
    let socket = TcpStream::connect(mock.addr()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await
}

/// Sends a request and reads the whole answer.
pub(crate) async fn call(
    mock: &MockController,
    method: Method,
    target: &str,
    body: &str,
) -> Answer {
    let response = send(mock, request(mock, method, target, body)).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(mock: &MockController, target: &str) -> Answer {
    call(mock, Method::GET, target, "").await
}

/// A `POST` that must succeed.
pub(crate) async fn post(mock: &MockController, target: &str, body: Value) -> Value {
    let answer = call(mock, Method::POST, target, &body.to_string()).await;
    assert_eq!(answer.status, 200, "POST {target}: {:?}", answer.body);
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// A release of an app with an image to run.
pub(crate) async fn release(mock: &MockController, app: &Value, mut body: Value) -> Value {
    body["app_id"] = app["id"].clone();
    body["artifacts"] = Value::Array(vec![get(mock, "/artifacts").await.json()[0]["id"].clone()]);
    post(mock, "/releases", body).await
}

/// A `PUT` that must succeed.
pub(crate) async fn put(mock: &MockController, target: &str, body: Value) -> Value {
    let answer = call(mock, Method::PUT, target, &body.to_string()).await;
    assert_eq!(answer.status, 200, "PUT {target}: {:?}", answer.body);
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// An open event stream.
pub(crate) struct Events {
    body: Incoming,
    text: String,
}

impl Events {
    pub(crate) async fn open(
        mock: &MockController,
        target: &str,
        last_event_id: Option<u64>,
    ) -> Self {
        let mut request = request(mock, Method::GET, target, "");
        request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", id.into());
        }
        let response = send(mock, request).await.unwrap();
        assert_eq!(response.status(), 200, "{target}");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next line that is not blank; `None` at the end of the body.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.text = rest;
                if !line.is_empty() {
                    return Some(line);
                }
                continue;
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref()?).unwrap());
        }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        let line = self.line().await.expect("the stream has ended");
        let data = line.strip_prefix("data: ").unwrap_or_else(|| panic!("no event: {line}"));
        serde_json::from_str(data).unwrap()
    }

    /// Reads until the connection is gone, whether the body was complete or not.
    pub(crate) async fn end(mut self) {
        while let Some(Ok(_)) = self.body.frame().await {}
    }

    /// The next event of an object type with a state or status.
    pub(crate) async fn until(&mut self, keep: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.event().await;
            if keep(&event) {
                return event;
            }
        }
    }
}
