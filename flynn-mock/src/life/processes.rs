//! The process types of a release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::ServerAge;
use crate::store::state::Strings;
use crate::wire::empty;

/// One process type of a release.
#[allow(clippy::struct_excessive_bools, reason = "the wire has them")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Process {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) env: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) ports: Vec<Port>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) volumes: Vec<VolumeRequest>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) omni: bool,
    #[serde(skip_serializing_if = "empty")]
    host_network: bool,
    #[serde(skip_serializing_if = "empty")]
    host_pid_namespace: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) service: String,
    #[serde(skip_serializing_if = "empty")]
    resurrect: bool,
    #[serde(skip_serializing_if = "empty")]
    resources: BTreeMap<String, Limits>,
    #[serde(skip_serializing_if = "empty")]
    mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "empty")]
    profiles: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    linux_capabilities: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    allowed_devices: Vec<Device>,
    #[serde(skip_serializing_if = "empty")]
    writeable_cgroups: bool,
    #[serde(skip_serializing_if = "empty")]
    cmd: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    data: bool,
}

/// A port of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names, reason = "the wire has them")]
pub(crate) struct Port {
    port: i64,
    proto: String,
    #[serde(skip_serializing_if = "empty")]
    service: Option<Service>,
}

/// The service that a port registers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Service {
    #[serde(skip_serializing_if = "empty")]
    name: String,
    #[serde(skip_serializing_if = "empty")]
    create: bool,
    #[serde(skip_serializing_if = "empty")]
    check: Option<Check>,
}

/// The health check of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Check {
    #[serde(rename = "type", skip_serializing_if = "empty")]
    kind: String,
    #[serde(skip_serializing_if = "empty")]
    interval: i64,
    #[serde(skip_serializing_if = "empty")]
    threshold: i64,
    #[serde(skip_serializing_if = "empty")]
    kill_down: bool,
    #[serde(skip_serializing_if = "empty")]
    start_timeout: i64,
    #[serde(skip_serializing_if = "empty")]
    path: String,
    #[serde(skip_serializing_if = "empty")]
    host: String,
    #[serde(rename = "match", skip_serializing_if = "empty")]
    matches: String,
    #[serde(skip_serializing_if = "empty")]
    status: i64,
}

/// A part of the host's file system that the process sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Mount {
    #[serde(skip_serializing_if = "empty")]
    location: String,
    #[serde(skip_serializing_if = "empty")]
    target: String,
    #[serde(skip_serializing_if = "empty")]
    writeable: bool,
    #[serde(skip_serializing_if = "empty")]
    device: String,
    #[serde(skip_serializing_if = "empty")]
    data: String,
    #[serde(skip_serializing_if = "empty")]
    flags: i64,
}

/// A device of the host that the process may use; all fields are always there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Device {
    #[serde(rename = "type")]
    kind: i32,
    path: String,
    major: i64,
    minor: i64,
    permissions: String,
    file_mode: u32,
    uid: u32,
    gid: u32,
    allow: bool,
}

/// A volume that each job of the process gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeRequest {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) delete_on_stop: bool,
}

/// What a process may use of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    request: Option<i64>,
    limit: Option<i64>,
}

/// The limits that are filled in; `temp_disk`, the last one, is not known in 2016.
const DEFAULT_LIMITS: [(&str, i64); 4] =
    [("memory", 1 << 30), ("cpu", 1000), ("max_fd", 10_000), ("temp_disk", 100 << 20)];

impl Process {
    /// Fills in what the server fills in when a release is made.
    pub(crate) fn complete(&mut self, age: ServerAge) {
        if !self.entrypoint.is_empty() {
            self.args.clone_from(&self.entrypoint);
        }
        self.args.extend(self.cmd.iter().cloned());
        let known = match age {
            ServerAge::V2016 => {
                self.forget_what_2016_does_not_know();
                3
            }
            ServerAge::V2021 => {
                if self.data && self.volumes.is_empty() {
                    self.volumes
                        .push(VolumeRequest { path: "/data".into(), delete_on_stop: false });
                    self.data = false;
                }
                DEFAULT_LIMITS.len()
            }
        };
        for (name, default) in DEFAULT_LIMITS.iter().take(known) {
            let resource = self.resources.entry((*name).to_owned()).or_default();
            let limit = *resource.limit.get_or_insert(*default);
            resource.request.get_or_insert(limit);
        }
    }

    fn forget_what_2016_does_not_know(&mut self) {
        self.volumes.clear();
        self.host_pid_namespace = false;
        self.mounts.clear();
        self.profiles.clear();
        self.linux_capabilities.clear();
        self.allowed_devices.clear();
        self.writeable_cgroups = false;
    }

    /// The services under which routes can reach the process.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        let of_ports =
            self.ports.iter().filter_map(|port| Some(port.service.as_ref()?.name.as_str()));
        of_ports.chain([self.service.as_str()]).filter(|name| !name.is_empty())
    }
}
