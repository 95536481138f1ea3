//! Answers the requests of a connection.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, UPGRADE};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use tokio::io::AsyncWriteExt;

use super::Tasks;
use super::attach;
use super::body::{self, Body};
use super::exchange::Sent;
#[cfg(feature = "wiremock")]
use super::wiremock::Asked;
use crate::api::answer::{Answer, Body as AnswerBody};
use crate::server::fault::Effect;
use crate::server::hub::Hub;
use crate::wire::Request;

/// Answers the requests of one connection.
#[derive(Clone)]
pub(super) struct Service {
    hub: Arc<Hub>,
    tasks: Tasks,
    peer: IpAddr,
}

impl Service {
    pub(super) fn new(hub: Arc<Hub>, tasks: Tasks, peer: IpAddr) -> Self {
        Self { hub, tasks, peer }
    }

    /// Returns the answer. An error closes the connection.
    pub(super) async fn answer(
        self,
        mut request: hyper::Request<Incoming>,
    ) -> io::Result<Response<Body>> {
        let upgrade = hyper::upgrade::on(&mut request);
        let is_head = request.method() == Method::HEAD;
        let request = self.read(request).await?;
        let response = self.answer_to(request, upgrade).await?;
        Ok(if is_head { without_body(response) } else { response })
    }

    async fn answer_to(self, request: Request, upgrade: OnUpgrade) -> io::Result<Response<Body>> {
        #[cfg(not(feature = "wiremock"))]
        let recorded = None;
        #[cfg(feature = "wiremock")]
        let recorded = match super::wiremock::ask(&self.hub, &request).await? {
            Asked::Answered(answer) => return Ok(answer.map(body::full)),
            Asked::Recorded(recorded) => Some(recorded),
            Asked::Nobody => None,
        };
        let Sent { answer: Answer { status, headers, body }, effect } =
            self.hub.answer(&request, recorded).await;
        let body = match (body, effect) {
            (AnswerBody::Broken, _) => return Err(body::broken()),
            (AnswerBody::Full(bytes), Effect::Cut(after)) => body::cut(&bytes, after),
            (AnswerBody::Full(_) | AnswerBody::Stream(_), Effect::Silent) => body::silent(),
            (AnswerBody::Full(bytes), _) => body::full(bytes),
            (AnswerBody::Stream(_), Effect::Malformed) => {
                body::full(Bytes::from_static(b"data: {\"id\":\n\n"))
            }
            (AnswerBody::Stream(_), Effect::ErrorFrame(text)) => {
                body::full(format!("event: error\ndata: {text}\n\n").into())
            }
            (AnswerBody::Stream(cursor), Effect::Cut(after)) => {
                body::live(Arc::clone(&self.hub), cursor, Some(after))
            }
            (AnswerBody::Stream(cursor), _) => body::live(Arc::clone(&self.hub), cursor, None),
            (AnswerBody::Attach(job), effect) => {
                let hub = Arc::clone(&self.hub);
                self.tasks.spawn_here(async move {
                    let stream = upgrade.await.map_err(io::Error::other)?;
                    let mut stream = hyper_util::rt::TokioIo::new(stream);
                    match effect {
                        Effect::Silent => attach::ignore(stream).await,
                        Effect::Malformed => stream.write_all(&[attach::UNKNOWN]).await,
                        Effect::ErrorFrame(text) => stream.write_all(&attach::error(&text)).await,
                        Effect::Cut(after) => attach::run(stream, job, &hub, Some(after)).await,
                        _ => attach::run(stream, job, &hub, None).await,
                    }
                });
                body::full(Bytes::new())
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("flynn-attach/0"));
        }
        Ok(response)
    }

    /// Returns the complete request for the engine.
    async fn read(&self, request: hyper::Request<Incoming>) -> io::Result<Request> {
        let (parts, body) = request.into_parts();
        let body = read_body(body, self.hub.most_read).await?;
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        Ok(Request {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            host: bare_host(authority.or(host).unwrap_or_default()),
            method: parts.method,
            headers: parts.headers,
            body,
            peer: self.peer,
        })
    }
}

/// The number of bytes of a body that the server discards after its limit before it closes the connection, as Go's
/// server does.
const THROWN_AWAY: usize = 256 << 10;

/// Returns the body, truncated to one byte more than the server reads.
async fn read_body(mut body: Incoming, most: usize) -> io::Result<Bytes> {
    let (mut kept, mut over) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(io::Error::other)?.into_data() else { continue };
        let read = data.split_to(data.len().min(most.saturating_add(1) - kept.len()));
        kept.extend_from_slice(&read);
        over += data.len();
        if over > THROWN_AWAY {
            break;
        }
    }
    Ok(kept.freeze())
}

/// Returns the answer to a `HEAD`, with only the length of the body. hyper removes the body only for HTTP/1.1.
fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, body::full(Bytes::new()))
}

/// Returns a host without port, brackets and capitals.
fn bare_host(authority: &str) -> String {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_port_and_case() {
        for (authority, host) in [
            ("Controller.Example.com:8443", "controller.example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:80", "::1"),
            ("", ""),
        ] {
            assert_eq!(bare_host(authority), host);
        }
    }
}
