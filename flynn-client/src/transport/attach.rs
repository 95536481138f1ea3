//! The upgraded connection of an attached job: `flynn-attach/0`.

use std::fmt;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::response::Parts;
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::spec::Accept;
use super::{Answer, Deadline, Spec};
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// The name of the protocol in `Upgrade`.
const PROTOCOL: HeaderValue = HeaderValue::from_static("flynn-attach/0");

/// A connection that no longer speaks HTTP.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

pub(crate) struct Upgraded(pub(crate) Box<dyn Duplex + Unpin>);

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").finish_non_exhaustive()
    }
}

/// Sends a call and takes over its connection. Errors before the `101` are ordinary errors.
pub(crate) async fn upgrade(
    client: &Client,
    spec: Spec,
    deadline: Deadline,
) -> Result<Upgraded, Error> {
    let spec = spec
        .accept(Accept::Anything)
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, PROTOCOL);
    let Answer { parts, call, .. } = client.transport().open(&spec, deadline).await?;
    if parts.status != StatusCode::SWITCHING_PROTOCOLS {
        let error = Error::new(
            ErrorKind::Unexpected,
            "the connection was not handed over; the job may be running detached",
        )
        .with_status(parts.status);
        return Err(call.name(error, &spec));
    }
    deadline.limit(take_over(parts)).await.map_err(|error| call.name(error, &spec))
}

/// Takes over the connection, which comes with the head of the answer, so layers may have replaced the body.
async fn take_over(parts: Parts) -> Result<Upgraded, Error> {
    let answer = reqwest::Response::from(Response::from_parts(parts, reqwest::Body::default()));
    match answer.upgrade().await {
        Ok(upgraded) => Ok(Upgraded(Box::new(upgraded))),
        Err(error) => Err(Error::new(ErrorKind::Connection, "the connection was not handed over")
            .caused_by(error.without_url())),
    }
}
