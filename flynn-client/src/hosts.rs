//! Hosts, and the resources that they and their jobs use (the fork randy-girard/flynn).
//!
//! On upstream servers, calls fail with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! match flynn.hosts().list().await {
//!     Ok(hosts) => println!("{} hosts", hosts.len()),
//!     Err(error) => assert!(error.is_unsupported()), // not the fork
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::ids::{AppId, HostId, JobId, ReleaseId};
use crate::json::null_is_default;
use crate::timestamp::Timestamp;
use crate::transport::{Request, Spec};

/// A host of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Host {
    /// The id, which is the first part of the ids of its jobs.
    pub id: HostId,
    /// The tags, which a formation can require.
    #[serde(deserialize_with = "null_is_default")]
    pub tags: BTreeMap<String, String>,
    /// The address of its own API, as `ip:port` (inside the cluster).
    pub addr: String,
}

/// The usage of a host. Sizes are in bytes; counters start when the host starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HostStats {
    /// The host.
    pub host_id: HostId,
    /// The time of the sample.
    pub timestamp: Timestamp,
    /// The CPU usage, in percent of all CPUs.
    pub cpu_usage_percent: f64,
    /// The number of CPUs.
    pub cpu_count: u32,
    /// The total memory.
    pub memory_total_bytes: u64,
    /// The used memory.
    pub memory_used_bytes: u64,
    /// The memory available to new processes.
    pub memory_available_bytes: u64,
    /// The free memory.
    pub memory_free_bytes: u64,
    /// The memory of the page cache.
    pub memory_cached_bytes: u64,
    /// The memory of kernel buffers.
    pub memory_buffers_bytes: u64,
    /// The total disk space.
    pub disk_total_bytes: u64,
    /// The used disk space.
    pub disk_used_bytes: u64,
    /// The free disk space.
    pub disk_free_bytes: u64,
    /// Bytes received on all interfaces.
    pub network_rx_bytes: u64,
    /// Bytes sent on all interfaces.
    pub network_tx_bytes: u64,
    /// Packets received on all interfaces.
    pub network_rx_packets: u64,
    /// Packets sent on all interfaces.
    pub network_tx_packets: u64,
    /// Load average of the last minute.
    pub load_avg_1: f64,
    /// Load average of the last five minutes.
    pub load_avg_5: f64,
    /// Load average of the last fifteen minutes.
    pub load_avg_15: f64,
    /// The seconds since the host started.
    pub uptime_seconds: f64,
    /// The number of running jobs.
    pub running_jobs_count: u32,
    /// The number of jobs that the host knows, including ended ones.
    pub total_jobs_count: u32,
}

/// The usage of a job. Sizes are in bytes; counters start when the job starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobStats {
    /// The job, as `host-uuid`.
    pub job_id: JobId,
    /// The time of the sample.
    pub timestamp: Timestamp,
    /// The used CPU time, in nanoseconds.
    pub cpu_usage_nanoseconds: u64,
    /// The CPU usage since the previous sample, in percent of one CPU; absent in the first sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_usage_percent: Option<f64>,
    /// The number of scheduling periods in which the job was throttled.
    pub cpu_throttled_periods: u64,
    /// The time that the job was throttled, in nanoseconds.
    pub cpu_throttled_time_ns: u64,
    /// The used memory.
    pub memory_usage_bytes: u64,
    /// The memory limit.
    pub memory_limit_bytes: u64,
    /// The highest memory usage so far.
    pub memory_max_usage_bytes: u64,
    /// The memory of the page cache.
    pub memory_cache_bytes: u64,
    /// The resident memory.
    pub memory_rss_bytes: u64,
    /// Bytes received.
    pub network_rx_bytes: u64,
    /// Bytes sent.
    pub network_tx_bytes: u64,
    /// Packets received.
    pub network_rx_packets: u64,
    /// Packets sent.
    pub network_tx_packets: u64,
    /// Bytes read from disk.
    pub io_read_bytes: u64,
    /// Bytes written to disk.
    pub io_write_bytes: u64,
    /// The number of processes and threads.
    pub pids_current: u64,
    /// The limit of processes and threads.
    pub pids_limit: u64,
    /// The host (cluster-wide list only).
    #[serde(skip_serializing_if = "HostId::is_empty")]
    pub host_id: HostId,
    /// The app (cluster-wide list only).
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The app's name (cluster-wide list only).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_name: String,
    /// The release (cluster-wide list only).
    #[serde(skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// The process type (cluster-wide list only).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub process_type: String,
}

/// The hosts of the cluster; returned by [`Client::hosts`].
#[derive(Clone, Debug)]
pub struct Hosts {
    client: Client,
}

impl Client {
    /// Accesses the hosts of the cluster (the fork).
    pub fn hosts(&self) -> Hosts {
        Hosts { client: self.clone() }
    }
}

impl Hosts {
    /// Lists all hosts: `GET /hosts`.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn list(&self) -> Request<Vec<Host>> {
        Request::list(&self.client, Spec::get("/hosts", []))
    }

    /// Gets the usage of a host: `GET /hosts/:id/stats`.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork, which answers 500 for
    /// a host that does not exist.
    pub fn stats_of(&self, host: impl Into<HostId>) -> Request<HostStats> {
        Request::json(&self.client, Spec::get("/hosts/{host}/stats", [host.into().as_str()]))
    }

    /// Lists the usage of all hosts: `GET /cluster/stats`. Hosts that do not answer are left out.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn stats(&self) -> Request<Vec<HostStats>> {
        Request::list(&self.client, Spec::get("/cluster/stats", []))
    }

    /// Lists the usage of all jobs of the cluster: `GET /cluster/jobs-stats`. Jobs of hosts that do not answer are
    /// left out.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn job_stats(&self) -> Request<Vec<JobStats>> {
        Request::list(&self.client, Spec::get("/cluster/jobs-stats", []))
    }
}

impl AppHandle {
    /// Lists the usage of the app's jobs: `GET /apps/:a/jobs-stats` (the fork).
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn job_stats(&self) -> Request<Vec<JobStats>> {
        Request::list(&self.client, Spec::get("/apps/{app}/jobs-stats", [self.app.as_str()]))
    }
}
