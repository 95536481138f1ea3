use serde::{Serialize, Serializer};

use super::Certificate;

/// The members of a serialised certificate. Programs read them: members may be added, but not renamed or removed.
#[derive(Serialize)]
struct Members<'a> {
    subject: &'a str,
    issuer: &'a str,
    names: Vec<String>,
    not_before: String,
    not_after: String,
    key: String,
    signature: &'a str,
    serial: &'a str,
    ca: bool,
    pin: String,
    fingerprint: String,
}

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Members {
            subject: self.subject(),
            issuer: self.issuer(),
            names: self.names().iter().collect(),
            not_before: self.not_before().to_string(),
            not_after: self.not_after().to_string(),
            key: self.key().to_string(),
            signature: self.signature().name(),
            serial: self.serial(),
            ca: self.is_ca(),
            pin: self.pin().to_string(),
            fingerprint: self.fingerprint(),
        }
        .serialize(serializer)
    }
}
