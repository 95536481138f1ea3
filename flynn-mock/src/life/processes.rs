//! Process types: what the server fills in when a release is made.

use crate::dialect::ServerAge;
use crate::store::{Process, VolumeRequest};

/// The limits that are filled in; `temp_disk`, the last one, is not known in 2016.
const DEFAULT_LIMITS: [(&str, i64); 4] =
    [("memory", 1 << 30), ("cpu", 1000), ("max_fd", 10_000), ("temp_disk", 100 << 20)];

/// Fills in what the server fills in when a release is made.
pub(crate) fn complete(process: &mut Process, age: ServerAge) {
    if !process.entrypoint.is_empty() {
        process.args.clone_from(&process.entrypoint);
    }
    process.args.extend(process.cmd.iter().cloned());
    let known = match age {
        ServerAge::V2016 => {
            forget_what_2016_does_not_know(process);
            3
        }
        ServerAge::V2021 => {
            if process.data && process.volumes.is_empty() {
                process.volumes.push(VolumeRequest { path: "/data".into(), delete_on_stop: false });
                process.data = false;
            }
            DEFAULT_LIMITS.len()
        }
    };
    for (name, default) in DEFAULT_LIMITS.iter().take(known) {
        let resource = process.resources.entry((*name).to_owned()).or_default();
        let limit = *resource.limit.get_or_insert(*default);
        resource.request.get_or_insert(limit);
    }
}

fn forget_what_2016_does_not_know(process: &mut Process) {
    process.volumes.clear();
    process.host_pid_namespace = false;
    process.mounts.clear();
    process.profiles.clear();
    process.linux_capabilities.clear();
    process.allowed_devices.clear();
    process.writeable_cgroups = false;
}
