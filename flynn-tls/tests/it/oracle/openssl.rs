//! The facts and verdicts of `openssl` about a certificate.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

/// The facts that `openssl x509` prints.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) fingerprint: String,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    pub(crate) version: u32,
    pub(crate) signature: String,
    pub(crate) bits: u32,
    pub(crate) is_ca: bool,
    pub(crate) dns: BTreeSet<String>,
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// In PEM.
    pub(crate) public_key: String,
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), out + &String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn facts(folder: &Path, file: &str) -> Facts {
    let (good, out) = run(
        folder,
        &[
            "x509",
            "-in",
            file,
            "-noout",
            "-text",
            "-nameopt",
            "utf8,sname,sep_comma_plus_space",
            "-dateopt",
            "iso_8601",
            "-fingerprint",
            "-sha256",
            "-serial",
            "-subject",
            "-issuer",
            "-startdate",
            "-enddate",
            "-pubkey",
        ],
    );
    assert!(good, "{file}: {out}");
    let mut facts = Facts::default();
    let mut names_follow = false;
    for line in out.lines() {
        let text = line.trim();
        if names_follow {
            names_follow = false;
            facts.read_names(text);
        } else if text.starts_with("X509v3 Subject Alternative Name:") {
            names_follow = true;
        } else if let Some((_, value)) = text.split_once("Fingerprint=") {
            value.clone_into(&mut facts.fingerprint);
        } else if let Some(value) = line.strip_prefix("serial=") {
            facts.serial = value.to_lowercase();
        } else if let Some(value) = line.strip_prefix("subject=") {
            value.clone_into(&mut facts.subject);
        } else if let Some(value) = line.strip_prefix("issuer=") {
            value.clone_into(&mut facts.issuer);
        } else if let Some(value) = line.strip_prefix("notBefore=") {
            facts.not_before = value.replace(' ', "T");
        } else if let Some(value) = line.strip_prefix("notAfter=") {
            facts.not_after = value.replace(' ', "T");
        } else if let Some(value) = text.strip_prefix("Version: ") {
            facts.version = value[..1].parse().unwrap();
        } else if let Some(value) = text.strip_prefix("Signature Algorithm: ") {
            value.clone_into(&mut facts.signature);
        } else if let Some(value) = text.strip_prefix("Public-Key: (") {
            facts.bits = value.split(' ').next().unwrap().parse().unwrap();
        } else if text.starts_with("CA:TRUE") {
            facts.is_ca = true;
        }
    }
    let start = out.find("-----BEGIN PUBLIC KEY-----").unwrap();
    let end = out.find("-----END PUBLIC KEY-----").unwrap();
    out[start..end].clone_into(&mut facts.public_key);
    facts
}

impl Facts {
    fn read_names(&mut self, line: &str) {
        for name in line.split(", ") {
            if let Some(dns) = name.strip_prefix("DNS:") {
                self.dns.insert(dns.to_owned());
            } else if let Some(address) = name.strip_prefix("IP Address:") {
                self.addresses.insert(read_address(address));
            }
        }
    }
}

/// openssl writes IPv6 addresses as eight groups, which need no `::`.
fn read_address(text: &str) -> IpAddr {
    if let Ok(address) = text.parse() {
        return address;
    }
    let groups: Vec<u16> =
        text.split(':').map(|group| u16::from_str_radix(group, 16).unwrap()).collect();
    Ipv6Addr::from(<[u16; 8]>::try_from(groups).unwrap()).into()
}

/// Returns whether `openssl verify` finds a path from the certificate to `root.pem` for the server `host`.
pub(crate) fn verify(folder: &Path, file: &str, host: &str, at: i64) -> (bool, String) {
    let name = if host.parse::<IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    let at = at.to_string();
    run(
        folder,
        &[
            "verify",
            "-CAfile",
            "root.pem",
            "-no-CApath",
            "-no-CAstore",
            "-untrusted",
            "between.pem",
            "-purpose",
            "sslserver",
            name,
            host,
            "-attime",
            &at,
            file,
        ],
    )
}
