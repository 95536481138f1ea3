//! Asks the user's `wiremock` mocks before the controller.
//!
//! They run in an inner server. wiremock's answer to an unmatched request is a bare 404, which is also Flynn's answer
//! for a missing object, so a catch-all with the last priority marks unmatched requests by a header.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::server::exchange::Waits;
use crate::server::hub::Hub;
use crate::server::record::RecordedAnswer;
use crate::wire::Request;

const NOT_MATCHED: &str = "x-flynn-mock-not-matched";

/// The lowest priority.
const LAST: u8 = u8::MAX;

/// Starts the inner server.
pub(crate) async fn start() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404).insert_header(NOT_MATCHED, "1"))
        .with_priority(LAST)
        .mount(&server)
        .await;
    server
}

/// The verdict of the user's own mocks on a request.
pub(super) enum Asked<'a> {
    Answered(Response<Bytes>),
    /// None of them matches. The request is recorded.
    Recorded(Waits<'a>),
    /// The user has no mocks.
    Nobody,
}

/// Asks the user's own mocks, and records the request and their answer.
pub(super) async fn ask<'a>(hub: &'a Hub, request: &Request) -> io::Result<Asked<'a>> {
    let Some(address) = hub.asked_first.get() else { return Ok(Asked::Nobody) };
    let waits = hub.record(request);
    let Some(answer) = send(*address, request).await? else {
        return Ok(Asked::Recorded(waits));
    };
    waits.answered(RecordedAnswer::new(answer.status(), answer.body().clone()));
    Ok(Asked::Answered(answer))
}

/// Returns the answer of the inner server; `None` if nothing matched.
async fn send(address: SocketAddr, request: &Request) -> io::Result<Option<Response<Bytes>>> {
    let socket = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
    let exchange = async move {
        let response = sender.send_request(forwarded(request)?).await.map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    // The sender is dropped with the exchange, which ends the connection.
    let (answer, _) = tokio::join!(exchange, connection);
    let mut answer: Response<Bytes> = answer.map_err(|e: io::Error| e)?;
    if answer.headers().contains_key(NOT_MATCHED) {
        return Ok(None);
    }
    for framing in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        answer.headers_mut().remove(framing);
    }
    Ok(Some(answer))
}

fn forwarded(request: &Request) -> io::Result<http::Request<Full<Bytes>>> {
    let query = if request.query.is_empty() { "" } else { "?" };
    let target = format!("{}{query}{}", request.path, request.query);
    let mut forwarded = http::Request::builder()
        .method(request.method.clone())
        .uri(target)
        .body(Full::new(request.body.clone()))
        .map_err(io::Error::other)?;
    *forwarded.headers_mut() = request.headers.clone();
    for framing in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        forwarded.headers_mut().remove(framing);
    }
    Ok(forwarded)
}
