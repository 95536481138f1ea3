//! Volumes: disks that outlive the jobs that use them (from v20170310.0 on).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let postgres = flynn.app("postgres").volumes();
//! for volume in postgres.list().await? {
//!     println!("{} {} on {}: {}", volume.id, volume.path, volume.host_id, volume.state);
//! }
//! if let Some(volume) = postgres.list().await?.first() {
//!     postgres.decommission(&volume.id).await?; // new jobs no longer use it
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::ids::{AppId, HostId, JobId, ReleaseId, VolumeId};
use crate::json::{is_default, is_false, null_is_default};
use crate::object_stream::{Object, WatchAll};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

string_enum! {
    /// The type of a volume.
    VolumeType {
        /// Data that jobs write.
        Data = "data",
        /// An image layer.
        Squashfs = "squashfs",
        /// A scratch disk.
        Ext2 = "ext2",
    }
}

string_enum! {
    /// The state of a volume.
    VolumeState {
        /// Requested, not created yet.
        Pending = "pending",
        /// Created.
        Created = "created",
        /// Destroyed.
        Destroyed = "destroyed",
    }
}

/// A volume on one host.
///
/// The answer to a decommission contains only the id and two times; all other fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Volume {
    /// The id.
    pub id: VolumeId,
    /// The host.
    pub host_id: HostId,
    /// The type.
    #[serde(rename = "type")]
    pub kind: VolumeType,
    /// The state.
    pub state: VolumeState,
    /// The app that it was created for.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The release that it was created for.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// The job that uses it (only the UUID, without the host).
    #[serde(rename = "job", skip_serializing_if = "JobId::is_empty")]
    pub job_id: JobId,
    /// The process type of that job.
    #[serde(rename = "job_type", skip_serializing_if = "String::is_empty")]
    pub process_type: String,
    /// The mount point in the job.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// True if it is destroyed when the job stops.
    #[serde(skip_serializing_if = "is_false")]
    pub delete_on_stop: bool,
    /// Its size in bytes (the fork).
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
    /// Metadata.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The time when it was decommissioned. New jobs no longer use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decommissioned_at: Option<Timestamp>,
}

impl Object for Volume {
    fn key(&self) -> String {
        self.id.to_string()
    }

    fn changed_at(&self) -> Option<&Timestamp> {
        self.updated_at.as_ref()
    }
}

/// All volumes; returned by [`Client::volumes`].
#[derive(Clone, Debug)]
pub struct Volumes {
    client: Client,
}

/// The volumes of an app; returned by [`AppHandle::volumes`].
#[derive(Clone, Debug)]
pub struct AppVolumes {
    app: AppHandle,
}

impl Client {
    /// Accesses the volumes of the cluster.
    pub fn volumes(&self) -> Volumes {
        Volumes { client: self.clone() }
    }
}

impl AppHandle {
    /// Accesses the app's volumes.
    pub fn volumes(&self) -> AppVolumes {
        AppVolumes { app: self.clone() }
    }
}

impl Volumes {
    /// Lists all volumes, last changed first: `GET /volumes`.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) before v20170310.0.
    pub fn list(&self) -> Request<Vec<Volume>> {
        Request::list(&self.client, Spec::get("/volumes", []))
    }

    /// Streams the existing volumes, then every change: `GET /volumes` as a stream.
    pub fn stream(&self) -> WatchAll<Volume> {
        WatchAll::new(&self.client, "/volumes")
    }

    /// Writes a volume's record: `PUT /volumes/:v`. Schedulers report the volumes of the hosts with it. It does not
    /// create a disk.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for an unknown type or state. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before v20170310.0.
    pub fn put(&self, volume: &Volume) -> Request<Volume> {
        let spec = Spec::put("/volumes/{volume}", [volume.id.as_str()], Repeat::Safe);
        Request::json(&self.client, spec.body(volume))
    }
}

impl AppVolumes {
    /// Lists the volumes of the app, last changed first: `GET /apps/:a/volumes`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before v20170310.0.
    pub fn list(&self) -> Request<Vec<Volume>> {
        Request::list(&self.app.client, Spec::get("/apps/{app}/volumes", [self.app.app.as_str()]))
    }

    /// Reads a volume of the app: `GET /apps/:a/volumes/:v`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not have this volume. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before v20170310.0.
    pub fn get(&self, id: impl Into<VolumeId>) -> Request<Volume> {
        Request::json(&self.app.client, self.one(&id.into()))
    }

    /// Reads a volume of the app, or `None` if the app does not have it.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) before v20170310.0.
    pub fn get_opt(&self, id: impl Into<VolumeId>) -> Request<Option<Volume>> {
        Request::optional(&self.app.client, self.one(&id.into()))
    }

    fn one(&self, id: &VolumeId) -> Spec {
        Spec::get("/apps/{app}/volumes/{volume}", [self.app.app.as_str(), id.as_str()])
    }

    /// Decommissions a volume, so that new jobs no longer use it: `PUT /apps/:a/volumes/:v/decommission`. Repeating the
    /// call only changes the time. The answer contains only the id and two times.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app has no such volume. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before v20170310.0.
    pub fn decommission(&self, id: impl Into<VolumeId>) -> Request<Volume> {
        // The server uses the id in the body and ignores the path.
        #[derive(Serialize)]
        struct ById {
            id: VolumeId,
        }
        let id = id.into();
        let path = "/apps/{app}/volumes/{volume}/decommission";
        let spec = Spec::put(path, [self.app.app.as_str(), id.as_str()], Repeat::Safe);
        Request::json(&self.app.client, spec.body(&ById { id }))
    }
}
