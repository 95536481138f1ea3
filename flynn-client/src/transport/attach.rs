//! The upgraded connection of an attached job: `flynn-attach/0`.

use std::fmt;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::spec::Accept;
use super::{Body, Deadline, Spec};
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// What the protocol is called in `Upgrade`.
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

/// Sends a call that wants its connection for itself. Errors before the `101` are ordinary ones.
pub(crate) async fn upgrade(
    client: &Client,
    spec: Spec,
    deadline: Deadline,
) -> Result<Upgraded, Error> {
    let spec = spec
        .accept(Accept::Anything)
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, PROTOCOL);
    let (answer, call) = client.transport().open(&spec, deadline).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let error = Error::new(
            ErrorKind::Unexpected,
            "the connection was not handed over; what was asked for may run detached",
        )
        .with_status(answer.status());
        return Err(call.name(error, &spec));
    }
    deadline.limit(take_over(answer)).await.map_err(|error| call.name(error, &spec))
}

async fn take_over(answer: Response<Body>) -> Result<Upgraded, Error> {
    let (parts, body) = answer.into_parts();
    let Some(body) = body.into_wire() else {
        return Err(Error::new(
            ErrorKind::Connection,
            "a layer has replaced the body of the upgrade",
        ));
    };
    let answer = reqwest::Response::from(Response::from_parts(parts, body));
    match answer.upgrade().await {
        Ok(upgraded) => Ok(Upgraded(Box::new(upgraded))),
        Err(error) => Err(Error::new(ErrorKind::Connection, "the connection was not handed over")
            .caused_by(error.without_url())),
    }
}
