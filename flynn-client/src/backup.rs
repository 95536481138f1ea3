//! Backups of the whole cluster.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::backup::BackupStatus;
//! use futures_util::TryStreamExt;
//!
//! let mut tar = flynn.backup().tar().await?;
//! while let Some(_bytes) = tar.try_next().await? {
//!     // Write them to a file.
//! }
//! let record = flynn.backup().latest().await?;
//! assert_eq!(record.status, BackupStatus::Complete);
//! assert_eq!(u64::try_from(record.size).ok(), Some(tar.size()));
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use http::{HeaderMap, header};
use http_body::Body as _;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Error;
use crate::ids::BackupId;
use crate::json::is_default;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{
    Accept, Answer, Body, Call, Deadline, Repeat, Request, Spec, is_type, not_a, stream_next,
};

string_enum! {
    /// How a backup went.
    BackupStatus {
        /// It is being made.
        Running = "running",
        /// It was made completely.
        Complete = "complete",
        /// It was broken off: the tar that was sent lacks members.
        Error = "error",
    }
}

/// What the controller remembers of a backup.
///
/// Never recorded from a real controller; written from the server's source
/// (v20161015.2 and v20210218.0 agree).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BackupRecord {
    /// Its id.
    #[serde(skip_serializing_if = "BackupId::is_empty")]
    pub id: BackupId,
    /// How it went.
    pub status: BackupStatus,
    /// SHA-512 of the tar stream, in hex; empty unless complete.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha512: String,
    /// Size of the tar stream in bytes; 0 unless complete.
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
    /// Why it was broken off.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the record last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// When it ended, well or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}
const PATH: &str = "/backup";

/// Backups of the cluster; made by [`Client::backup`].
#[derive(Clone, Debug)]
pub struct Backup {
    client: Client,
}

impl Client {
    /// Backups of the cluster.
    pub fn backup(&self) -> Backup {
        Backup { client: self.clone() }
    }
}

impl Backup {
    /// Has a backup made and gives it as it comes, as a tar: `GET /backup`. Blobs that are kept in S3
    /// and its like are not in it.
    ///
    /// **A tar that ends well is no proof**: a failure half-way ends it in good order, with members
    /// missing. [`latest`](Self::latest) tells size, SHA-512 and the error.
    pub fn tar(&self) -> TakeBackup {
        TakeBackup { client: self.client.clone(), timeout: None }
    }

    /// The record of the latest backup: `GET /backup`, asked for JSON.
    ///
    /// Never recorded from a real controller; written from the server's source.
    ///
    /// # Errors
    /// Not found, when there never was a backup.
    pub fn latest(&self) -> Request<BackupRecord> {
        Request::json(&self.client, Spec::get(PATH, []))
    }

    /// The record of the latest backup, or `None` when there never was one.
    ///
    /// # Errors
    /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
    pub fn latest_opt(&self) -> Request<Option<BackupRecord>> {
        Request::optional(&self.client, Spec::get(PATH, []))
    }
}

/// A backup to be made; made by [`Backup::tar`]. Awaiting it gives the [`BackupTar`] once the first
/// bytes come, which can take a minute.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct TakeBackup {
    client: Client,
    timeout: Option<Duration>,
}

impl TakeBackup {
    /// Deadline until the backup begins to come; ten minutes unless set. The rest has none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl IntoFuture for TakeBackup {
    type Output = Result<BackupTar, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            // Each attempt has every database dumped, and its own record.
            let spec = Spec::new(http::Method::GET, PATH, [], Repeat::Never)
                .accept(Accept::Anything)
                .slow();
            let deadline = Deadline::after(self.timeout);
            let Answer { parts, body, call } =
                self.client.transport().open(&spec, deadline).await?;
            if !is_type(&parts.headers, "application/tar") {
                let error = not_a("a tar archive", &parts.headers).with_status(parts.status);
                return Err(call.name(error, &spec));
            }
            Ok(BackupTar {
                file_name: file_name(&parts.headers),
                body: Some(body),
                size: 0,
                spec,
                call,
            })
        })
    }
}

/// `attachment; filename="flynn-backup-2026-11-22_214415.tar"`
fn file_name(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let (_, name) = text.split_once("filename=")?;
    let name = name.trim().trim_matches('"');
    // Only a plain name: it may be used to make a file.
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (plain && !name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
}

/// The bytes of a backup. Dropping it ends the backup.
pub struct BackupTar {
    file_name: Option<String>,
    body: Option<Body>,
    size: u64,
    /// For errors, which say in which call they happened.
    spec: Spec,
    call: Call,
}

impl BackupTar {
    /// The name that the server gives it, `flynn-backup-YYYY-MM-DD_HHMMSS.tar`.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Bytes that have come so far.
    pub fn size(&self) -> u64 {
        self.size
    }
}

stream_next!(BackupTar => Bytes);

impl Stream for BackupTar {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while let Some(body) = &mut this.body {
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.size += data.len() as u64;
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    this.body = None;
                    return Poll::Ready(Some(Err(this.call.name(error, &this.spec))));
                }
                None => this.body = None,
            }
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for BackupTar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupTar")
            .field("file_name", &self.file_name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain() {
        let name = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_DISPOSITION, http::HeaderValue::from_static(text));
            file_name(&headers)
        };
        let given = name("attachment; filename=\"flynn-backup-2026-11-22_214415.tar\"");
        assert_eq!(given.as_deref(), Some("flynn-backup-2026-11-22_214415.tar"));
        for text in [
            "attachment",
            "attachment; filename=\"../x\"",
            "attachment; filename=\"\"",
            "attachment; filename=.x",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
