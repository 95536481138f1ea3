use rcgen::KeyPair;

use super::failed;
use crate::KeyKind;
use crate::error::{Error, ErrorKind};

/// A new key.
pub(super) fn make(kind: &KeyKind) -> Result<KeyPair, Error> {
    let algorithm = match kind {
        KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
        other => {
            let message = format!("ring cannot make a key of the kind {other}");
            return Err(Error::new(ErrorKind::Generate, message));
        }
    };
    KeyPair::generate_for(algorithm).map_err(failed)
}
