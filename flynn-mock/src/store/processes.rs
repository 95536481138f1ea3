//! The process types of a release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::{Strings, empty};

/// One process type of a release.
#[allow(clippy::struct_excessive_bools, reason = "the wire has them")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Process {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) args: Vec<String>,
    /// The line of the Procfile, or the command of the image.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) command: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) env: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) ports: Vec<Port>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) volumes: Vec<VolumeRequest>,
    /// Before 2021, whether each job has a volume.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) data: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) omni: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_network: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_pid_namespace: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) service: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) resurrect: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) resources: BTreeMap<String, Limits>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) profiles: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) linux_capabilities: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) allowed_devices: Vec<Device>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) writeable_cgroups: bool,
    /// The name of a profile with limits.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) runtime: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) cmd: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) entrypoint: Vec<String>,
}

/// A port of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names, reason = "the wire has them")]
pub(crate) struct Port {
    pub(crate) port: i64,
    pub(crate) proto: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) service: Option<Service>,
}

/// The service that a port registers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) create: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) check: Option<Check>,
}

/// The health check of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Check {
    #[serde(rename = "type", skip_serializing_if = "empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) interval: i64,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) threshold: i64,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) kill_down: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) start_timeout: i64,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host: String,
    #[serde(rename = "match", skip_serializing_if = "empty")]
    pub(crate) matches: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) status: i64,
}

/// A part of the host's file system that is visible to the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mount {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) location: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) target: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) writeable: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) device: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) data: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) flags: i64,
}

/// A device of the host that the process may use. All fields are always present.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Device {
    #[serde(rename = "type")]
    pub(crate) kind: i32,
    pub(crate) path: String,
    pub(crate) major: i64,
    pub(crate) minor: i64,
    pub(crate) permissions: String,
    pub(crate) file_mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) allow: bool,
}

/// A volume of each job of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeRequest {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) delete_on_stop: bool,
    /// The size in bytes; 0 for the host's default.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) size: i64,
}

/// The limits of a process for one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    pub(crate) request: Option<i64>,
    pub(crate) limit: Option<i64>,
}

impl Process {
    /// Returns the services under which routes can reach the process.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        let of_ports =
            self.ports.iter().filter_map(|port| Some(port.service.as_ref()?.name.as_str()));
        of_ports.chain([self.service.as_str()]).filter(|name| !name.is_empty())
    }
}
