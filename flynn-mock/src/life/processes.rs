//! The server's defaults for process types.

use crate::dialect::Dialect;
use crate::store::{Process, VolumeRequest};

/// Fills in the server's defaults when a release is created.
pub(crate) fn complete(process: &mut Process, dialect: &Dialect) {
    if !process.entrypoint.is_empty() {
        process.args.clone_from(&process.entrypoint);
    }
    process.args.extend(process.cmd.iter().cloned());
    if !dialect.volumes {
        forget_what_2016_does_not_know(process);
    } else if process.data && process.volumes.is_empty() {
        process.volumes.push(VolumeRequest { path: "/data".into(), ..VolumeRequest::default() });
        process.data = false;
    }
    if !dialect.users {
        process.command.clear();
        process.runtime.clear();
        process.volumes.iter_mut().for_each(|volume| volume.size = 0);
    }
    for (name, default) in dialect.limits {
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
