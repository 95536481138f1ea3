//! Backups of the whole cluster, verified against the server's record.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let mut file = Vec::new(); // or a tokio::fs::File
//! let backup = flynn.backup().save(&mut file).await?;
//! assert!(backup.is_verified());
//! assert_eq!(backup.size, file.len() as u64);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use http::{HeaderMap, header};
use http_body::Body as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::ids::BackupId;
use crate::json::is_default;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{
    Accept, Answer, Body, Call, Deadline, Repeat, Request, Spec, is_type, not_a, stream_next,
};

string_enum! {
    /// The state of a backup.
    BackupStatus {
        /// It is being created.
        Running = "running",
        /// It is complete.
        Complete = "complete",
        /// It has failed: members are missing from the tar.
        Error = "error",
    }
}

/// The controller's record of a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BackupRecord {
    /// The id.
    #[serde(skip_serializing_if = "BackupId::is_empty")]
    pub id: BackupId,
    /// The state.
    pub status: BackupStatus,
    /// The SHA-512 of the tar stream in hexadecimal; empty unless complete.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha512: String,
    /// The size of the tar stream in bytes; 0 unless complete.
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
    /// The reason of a failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The time when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when the record last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The time when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}
const PATH: &str = "/backup";

/// Backups of the cluster; returned by [`Client::backup`].
#[derive(Clone, Debug)]
pub struct Backup {
    client: Client,
}

impl Client {
    /// Accesses the backups of the cluster.
    pub fn backup(&self) -> Backup {
        Backup { client: self.clone() }
    }
}

impl Backup {
    /// Creates a backup, writes it to `writer` as a tar and compares it with the server's record: `GET /backup`. Uses
    /// constant memory. Without a record to compare it with, the result is [`Verification::Unverified`]. Blobs in S3 or
    /// other external storage are not part of a backup.
    ///
    /// # Errors
    /// - [`ErrorKind::Failed`] if the backup has failed or is incomplete: its record has an error, or another size or
    ///   SHA-512 than the received tar.
    /// - [`ErrorKind::Connection`] if the connection is lost.
    /// - [`ErrorKind::Io`] if `writer` fails.
    ///
    /// Discard the written data after an error.
    pub fn save<W: AsyncWrite + Send + Unpin>(&self, writer: W) -> SaveBackup<'_, W> {
        SaveBackup { backup: self, writer, on_progress: None, timeout: None }
    }

    /// Creates a backup and returns it as a stream and an `AsyncRead`: `GET /backup`.
    ///
    /// A valid tar can still be an incomplete backup: after a failure, the server ends the tar normally, with members
    /// missing. [`save`](Self::save) detects this by the server's record.
    pub fn tar(&self) -> TakeBackup {
        TakeBackup { client: self.client.clone(), timeout: None }
    }

    /// Reads the record of the latest backup: `GET /backup`, as JSON.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if there is no backup.
    pub fn latest(&self) -> Request<BackupRecord> {
        Request::json(&self.client, Spec::get(PATH, []))
    }

    /// Reads the record of the latest backup, or `None` if there is no backup.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn latest_opt(&self) -> Request<Option<BackupRecord>> {
        Request::optional(&self.client, Spec::get(PATH, []))
    }
}

/// Creates a backup; returned by [`Backup::tar`]. Awaiting it returns the [`BackupTar`] once the server sends it, which
/// can take a minute.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct TakeBackup {
    client: Client,
    timeout: Option<Duration>,
}

impl TakeBackup {
    /// Limits the time until the server starts to send the backup; ten minutes by default. The transfer itself has no
    /// limit.
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
            // Each attempt dumps every database, and creates its own record.
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
                rest: Bytes::new(),
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
    // Only a plain name, since a caller may create a file with it.
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (plain && !name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
}

/// The bytes of a backup, as a stream and as an [`AsyncRead`]. Dropping it cancels the backup.
pub struct BackupTar {
    file_name: Option<String>,
    body: Option<Body>,
    /// Bytes that the reader has not read yet.
    rest: Bytes,
    size: u64,
    /// For errors, which name the call.
    spec: Spec,
    call: Call,
}

impl BackupTar {
    /// Returns the file name from the server, `flynn-backup-YYYY-MM-DD_HHMMSS.tar`.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Returns the number of bytes received so far.
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

impl AsyncRead for BackupTar {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.as_mut().poll_next(cx)) {
                Some(Ok(bytes)) => self.rest = bytes,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(length));
        Poll::Ready(Ok(()))
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

/// A saved backup.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SavedBackup {
    /// The size in bytes.
    pub size: u64,
    /// The SHA-512 in hexadecimal.
    pub sha512: String,
    /// The file name from the server, `flynn-backup-YYYY-MM-DD_HHMMSS.tar`.
    pub file_name: Option<String>,
    /// The comparison with the server's record.
    pub verification: Verification,
}

/// The comparison of a saved backup with the server's record of it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Verification {
    /// The size and the SHA-512 are those of this record.
    Verified(BackupRecord),
    /// The server has no record of this backup, or it cannot be read. The backup may be incomplete.
    #[default]
    Unverified,
}

impl SavedBackup {
    /// Returns whether the server's record confirms that it is complete.
    pub fn is_verified(&self) -> bool {
        matches!(self.verification, Verification::Verified(_))
    }
}

type OnProgress<'a> = Box<dyn FnMut(u64) + Send + 'a>;

/// Saves a backup; returned by [`Backup::save`].
#[must_use = "nothing is sent until it is awaited"]
pub struct SaveBackup<'a, W> {
    backup: &'a Backup,
    writer: W,
    on_progress: Option<OnProgress<'a>>,
    timeout: Option<Duration>,
}

/// The longest time until the server writes its record after the last byte.
const RECORD_LAG: Duration = Duration::from_secs(30);
const RECORD_PAUSE: Duration = Duration::from_millis(200);

impl<'a, W: AsyncWrite + Send + Unpin + 'a> SaveBackup<'a, W> {
    /// Limits the time of the whole backup. By default only the time until the first byte is limited, to ten minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls `on_progress` with the number of bytes written so far, after each piece.
    pub fn on_progress(mut self, on_progress: impl FnMut(u64) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    async fn run(self, deadline: Deadline) -> Result<SavedBackup, Error> {
        let Self { backup, mut writer, mut on_progress, .. } = self;
        let before = backup.latest_opt().within(deadline).await?.map(|record| record.id);
        let mut tar = deadline.limit(backup.tar().into_future()).await?;
        let mut hash = Sha512::new();
        deadline
            .limit(async {
                while let Some(bytes) = tar.next().await {
                    let bytes = bytes?;
                    hash.update(&bytes);
                    writer.write_all(&bytes).await.map_err(cannot_write)?;
                    if let Some(on_progress) = &mut on_progress {
                        on_progress(tar.size());
                    }
                }
                writer.flush().await.map_err(cannot_write)
            })
            .await?;
        let sha512 = format!("{:x}", hash.finalize());
        let mut saved = SavedBackup {
            size: tar.size(),
            sha512,
            file_name: tar.file_name().map(str::to_owned),
            verification: Verification::Unverified,
        };
        if let Some(record) = backup.record_after(before.as_ref(), deadline).await {
            saved.compare(&record)?;
            saved.verification = Verification::Verified(record);
        }
        Ok(saved)
    }
}

fn cannot_write(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot write the backup").caused_by(error)
}

impl SavedBackup {
    fn compare(&self, record: &BackupRecord) -> Result<(), Error> {
        let fault = match record.status {
            BackupStatus::Error if record.error.is_empty() => "no reason given".to_owned(),
            BackupStatus::Error => record.error.clone(),
            _ if u64::try_from(record.size) != Ok(self.size) => {
                format!("received {} bytes of {}", self.size, record.size)
            }
            _ if !record.sha512.eq_ignore_ascii_case(&self.sha512) => {
                "its SHA-512 differs from the one that the server computed".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Failed, format!("the backup is incomplete: {fault}")))
    }
}

impl Backup {
    /// Reads the record of the backup that was created after `before`, once it has ended; `None` if there is none.
    async fn record_after(
        &self,
        before: Option<&BackupId>,
        deadline: Deadline,
    ) -> Option<BackupRecord> {
        let deadline = deadline.at_most(RECORD_LAG);
        loop {
            let latest = self.latest_opt().within(deadline).await.ok()?;
            let record = latest.filter(|record| Some(&record.id) != before)?;
            if record.status != BackupStatus::Running {
                return Some(record);
            }
            if deadline.remaining().is_some_and(|left| left <= RECORD_PAUSE) {
                return None;
            }
            tokio::time::sleep(RECORD_PAUSE).await;
        }
    }
}

impl<'a, W: AsyncWrite + Send + Unpin + 'a> IntoFuture for SaveBackup<'a, W> {
    type Output = Result<SavedBackup, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let deadline = Deadline::after(self.timeout);
        Box::pin(self.run(deadline))
    }
}

impl<W> fmt::Debug for SaveBackup<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveBackup").field("timeout", &self.timeout).finish_non_exhaustive()
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
