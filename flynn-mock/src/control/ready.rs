//! The connection data of a running mock, and the file that contains them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Control;
use crate::MockController;

/// The hosts of a cluster that its clients call.
const HOSTS: [&str; 5] = ["controller", "git", "images", "dashboard", "status"];

/// The facts that a client needs to reach a mock.
#[derive(Serialize)]
pub(super) struct Facts {
    url: String,
    ip: String,
    port: u16,
    domain: String,
    key: String,
    pin: Option<String>,
    ca_cert: String,
    /// The names to map to the IP address.
    hosts: Vec<String>,
    cluster_add: String,
}

impl Facts {
    pub(super) fn of(mock: &MockController) -> Self {
        let (addr, domain) = (mock.addr(), mock.domain());
        let (key, pin) = (mock.current_key(), mock.try_pin());
        let port = addr.port();
        // There is no pin if the controller's route has lost its certificate.
        let with_pin = pin.as_ref().map(|pin| format!("-p {pin} ")).unwrap_or_default();
        Self {
            url: mock.url(),
            ip: addr.ip().to_string(),
            port,
            hosts: HOSTS.map(|host| format!("{host}.{domain}")).to_vec(),
            cluster_add: format!("flynn cluster add --no-git {with_pin}mock {domain}:{port} {key}"),
            ca_cert: mock.ca_pem(),
            domain,
            key,
            pin: pin.map(|pin| pin.to_string()),
        }
    }

    /// Returns the text for the user, with the command for a `.flynnrc` and the names to map.
    fn text(&self) -> String {
        let Self { url, ip, port, domain, key, pin, hosts, cluster_add, .. } = self;
        let pin = pin.as_deref().unwrap_or("none");
        let hosts = hosts.join(" ");
        format!(
            "serving {url} (https and http) on {ip}:{port}\n\
             domain  {domain}\n\
             key     {key}\n\
             pin     {pin}\n\n\
             Map the names in /etc/hosts, or with the option --resolve of curl:\n\n    \
             {ip} {hosts}\n\n\
             Add the cluster to the Flynn CLI:\n\n    \
             {cluster_add}\n"
        )
    }
}

/// A file that tells other programs how to reach a mock and its control API.
///
/// It is JSON with the fields `control_url`, `token`, `pid` and those of `GET /cluster`. It is created atomically once
/// the mock serves, has mode 0600, and is removed on drop.
#[derive(Debug)]
pub struct ReadyFile {
    path: PathBuf,
}

#[derive(Serialize)]
struct Document<'a> {
    control_url: String,
    token: &'a str,
    pid: u32,
    #[serde(flatten)]
    facts: Facts,
}

impl ReadyFile {
    /// Writes the file.
    ///
    /// # Errors
    /// Returns why the file cannot be written.
    pub fn write(path: impl Into<PathBuf>, control: &Control) -> io::Result<Self> {
        let path = path.into();
        let document = Document {
            control_url: control.url(),
            token: control.token(),
            pid: std::process::id(),
            facts: Facts::of(control.mock()),
        };
        let mut text = serde_json::to_vec_pretty(&document)?;
        text.push(b'\n');
        replace(&path, &text)?;
        Ok(Self { path })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // The reader may have removed it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Control {
    /// Returns a text for the user: the address of the mock, the command that adds it to the Flynn CLI, and the names
    /// to map to its address.
    pub fn introduction(&self) -> String {
        let facts = Facts::of(self.mock());
        format!("{}\nThe control API is at {}.\n", facts.text(), self.url())
    }
}

/// Writes a private file next to `path` and renames it over `path`, so that readers never see a part of it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    // A killed process with the same id may have left it.
    let _ = fs::remove_file(&temporary);
    let written = create_private(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| _ = fs::remove_file(&temporary))
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
