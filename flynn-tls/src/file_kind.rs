//! Recognises files that are not of the wanted kind. Their content may be a key, so it is never quoted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::der::{BIT_STRING, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::pem::{self, Block, Body};
use crate::{Certificate, PrivateKey};

/// The wanted kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Certificate,
    Key,
}

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Certificate,
    PrivateKey,
    EncryptedKey,
    Request,
    PublicKey,
    Parameters,
    RevocationList,
    Pkcs7,
    Pkcs12,
    JavaKeystore,
    Ssh,
    Putty,
    Pgp,
}

/// Returns the error for a file without a certificate.
pub(crate) fn no_certificate(file: &[u8]) -> Error {
    Error::new(ErrorKind::Certificate, instead(file, Wanted::Certificate))
}

/// Returns the error for a file without a private key.
pub(crate) fn no_key(file: &[u8]) -> Error {
    Error::new(ErrorKind::Key, instead(file, Wanted::Key))
}

/// Returns the error for a block that is labelled as a certificate but is something else that we recognise.
pub(crate) fn not_a_certificate(der: &[u8]) -> Option<Error> {
    let thing = Thing::of_der(der)?;
    Some(Error::new(ErrorKind::Certificate, thing.instead_of(Wanted::Certificate)))
}

/// Returns the error for a block that is labelled as a private key but is something else that we recognise.
pub(crate) fn not_a_key(der: &[u8]) -> Option<Error> {
    let thing = Thing::of_der(der)?;
    Some(Error::new(ErrorKind::Key, thing.instead_of(Wanted::Key)))
}

fn instead(file: &[u8], wanted: Wanted) -> String {
    match recognise(file, wanted) {
        Ok(thing) => thing.instead_of(wanted),
        Err(why) => format!("no {} found: {why}", wanted.name()),
    }
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Key => "private key",
        }
    }
}

/// Recognises the kind of a file, or returns why it cannot be recognised.
fn recognise(file: &[u8], wanted: Wanted) -> Result<Thing, String> {
    let labels: Vec<_> = pem::blocks(file).filter_map(|block| Thing::of_block(&block)).collect();
    // A key instead of a certificate is the worst mistake, so it is reported first.
    let worst = |thing| labels.iter().copied().find(|&found| found == thing);
    let key = worst(Thing::PrivateKey).filter(|_| wanted == Wanted::Certificate);
    if let Some(thing) = key.or_else(|| worst(Thing::Request)).or_else(|| labels.first().copied()) {
        return Ok(thing);
    }
    if let Some(thing) = Thing::of_bytes(file) {
        return Ok(thing);
    }
    if let Some(block) = pem::blocks(file).next() {
        if let Body::Damaged(why) = block.body {
            return Err(format!("the PEM block at line {} cannot be read: {why}", block.line));
        }
        return Err(format!(
            "the PEM block at line {} has the label {:?}, which is something else",
            block.line, block.label
        ));
    }
    Err(if pem::is_der(file) {
        "it is DER, but cut short, damaged, or something else"
    } else if pem::contains(file, b"--BEGIN ") {
        "its BEGIN is not on a line of its own as `-----BEGIN …-----`: line breaks were lost or \
         written as \\n, or dashes are missing"
    } else if file.trim_ascii().is_empty() {
        "it is empty"
    } else if is_utf16(file) {
        "this is UTF-16 text, save it as UTF-8"
    } else if is_bare_base64(file) {
        "this is base64 without its BEGIN and END lines"
    } else {
        "there is no PEM block in the file"
    }
    .to_owned())
}

impl Thing {
    fn of_block(block: &Block<'_>) -> Option<Self> {
        Some(match block.label {
            "ENCRYPTED PRIVATE KEY" => Self::PrivateKey,
            "OPENSSH PRIVATE KEY" | "SSH2 PUBLIC KEY" | "SSH2 ENCRYPTED PRIVATE KEY" => Self::Ssh,
            "PKCS7" | "CMS" => Self::Pkcs7,
            "PKCS12" => Self::Pkcs12,
            "X509 CRL" => Self::RevocationList,
            label if label.starts_with("PGP ") => Self::Pgp,
            label if label.ends_with("PUBLIC KEY") => Self::PublicKey,
            label if label.ends_with("PARAMETERS") => Self::Parameters,
            _ if block.is_certificate() => Self::Certificate,
            _ if block.is_private_key() => Self::PrivateKey,
            _ if block.is_request() => Self::Request,
            _ => return None,
        })
    }

    fn of_bytes(file: &[u8]) -> Option<Self> {
        let starts = |text: &[u8]| file.starts_with(text);
        if starts(b"ssh-") || starts(b"ecdsa-sha2-") || starts(b"sk-ssh-") {
            return Some(Self::Ssh);
        }
        if starts(b"PuTTY-User-Key-File") {
            return Some(Self::Putty);
        }
        // JKS and JCEKS.
        if starts(&[0xfe, 0xed, 0xfe, 0xed]) || starts(&[0xce, 0xce, 0xce, 0xce]) {
            return Some(Self::JavaKeystore);
        }
        Self::of_der(file)
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        let parts = Reader::new(der).enter(SEQUENCE)?;
        let first = |tag| { parts }.value(tag);
        let second = |tag| {
            let mut parts = parts;
            parts.any();
            parts.value(tag)
        };
        Some(if PrivateKey::from_der(der).is_ok() {
            Self::PrivateKey
        } else if X509CertificationRequest::from_der(der).is_ok() {
            Self::Request
        } else if Certificate::from_der(der.to_vec()).is_ok() {
            Self::Certificate
        } else if first(INTEGER).is_some_and(|version| version.content == [3]) {
            Self::Pkcs12
        } else if first(OID).is_some() {
            Self::Pkcs7
        } else if first(SEQUENCE).is_some() && second(OCTET_STRING).is_some() {
            Self::EncryptedKey
        } else if first(SEQUENCE).is_some() && second(BIT_STRING).is_some() {
            Self::PublicKey
        } else {
            return None;
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate",
            Self::PrivateKey => "a private key",
            Self::EncryptedKey => "an encrypted key",
            Self::Request => "a certificate request (CSR)",
            Self::PublicKey => "a public key",
            Self::Parameters => "only the parameters of a key",
            Self::RevocationList => "a revocation list (CRL)",
            Self::Pkcs7 => "PKCS#7",
            Self::Pkcs12 => "PKCS#12",
            Self::JavaKeystore => "a Java keystore",
            Self::Ssh => "an SSH key",
            Self::Putty => "a PuTTY key",
            Self::Pgp => "a PGP key or message",
        }
    }

    fn instead_of(self, wanted: Wanted) -> String {
        let hint = self.hint(wanted);
        let colon = if hint.is_empty() { "" } else { ": " };
        format!("this is {}, not a {}{colon}{hint}", self.name(), wanted.name())
    }

    /// Returns how to get the wanted file.
    fn hint(self, wanted: Wanted) -> &'static str {
        match (self, wanted) {
            (Self::Request, Wanted::Certificate) => "use the certificate that the CA issued for it",
            (Self::Pkcs7, Wanted::Certificate) => "convert it with `openssl pkcs7 -print_certs`",
            (Self::Pkcs7, Wanted::Key) => "PKCS#7 never contains one",
            (Self::Pkcs12, Wanted::Certificate) => "convert it with `openssl pkcs12 -nokeys`",
            (Self::Pkcs12, Wanted::Key) => "convert it with `openssl pkcs12 -nocerts -nodes`",
            (Self::EncryptedKey, Wanted::Key) => "decrypt it with `openssl pkey`",
            (Self::JavaKeystore, _) => "export it with `keytool -importkeystore`, as PKCS#12",
            (Self::Ssh | Self::Putty | Self::Pgp, Wanted::Key) => "TLS needs another format",
            _ => "",
        }
    }
}

/// Returns whether the file is UTF-16, with a byte order mark or with the dashes of a first line.
fn is_utf16(file: &[u8]) -> bool {
    [&b"\xff\xfe"[..], b"\xfe\xff", b"-\0-\0", b"\0-\0-"]
        .iter()
        .any(|start| file.starts_with(start))
}

fn is_bare_base64(file: &[u8]) -> bool {
    let text: Vec<u8> = file.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(text).is_ok_and(|der| Reader::new(&der).enter(SEQUENCE).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::encode;

    #[test]
    fn errors_name_the_kind_of_file_that_was_found() {
        let certificate = encode("CERTIFICATE", &[0x30, 0]);
        for (text, wanted_certificate, wanted_key) in [
            (encode("EC PRIVATE KEY", &[1]), "private key, not a certificate", ""),
            (encode("ENCRYPTED PRIVATE KEY", &[1]), "private key, not a certificate", ""),
            (certificate.clone(), "", "a certificate, not a private key"),
            (encode("CERTIFICATE REQUEST", &[1]), "(CSR), not", "(CSR), not"),
            (encode("NEW CERTIFICATE REQUEST", &[1]), "that the CA issued", "(CSR), not"),
            (encode("PKCS7", &[1]), "openssl pkcs7", "never contains one"),
            (encode("X509 CRL", &[1]), "revocation list", "revocation list"),
            (encode("PUBLIC KEY", &[1]), "a public key", "a public key"),
            (encode("EC PARAMETERS", &[1]), "parameters", "parameters"),
            (encode("OPENSSH PRIVATE KEY", &[1]), "an SSH key", "an SSH key"),
            (encode("PGP PUBLIC KEY BLOCK", &[1]), "PGP", "PGP"),
            (encode("MESSAGE", &[1]), "line 1 has the label \"MESSAGE\"", "something else"),
            ("ssh-ed25519 AAAA me".into(), "an SSH key", "an SSH key"),
            ("PuTTY-User-Key-File-3: x".into(), "a PuTTY key", "a PuTTY key"),
            (" \n".into(), "it is empty", "it is empty"),
            ("hello".into(), "no PEM block", "no PEM block"),
            ("MAMC\r\nAQU=\r\n".into(), "without its BEGIN", "without its BEGIN"),
            (certificate.replace('\n', "\\n"), "line breaks", "line breaks"),
            (certificate.replace('\n', ""), "line breaks", "line breaks"),
            (certificate.replace("-----", "----"), "dashes are missing", "dashes are missing"),
        ] {
            for (e, says) in [
                (no_certificate(text.as_bytes()), wanted_certificate),
                (no_key(text.as_bytes()), wanted_key),
            ] {
                let e = e.to_string();
                assert!(e.contains(says), "{text}: {e}");
                assert!(!e.contains("AQ"), "quotes the file: {e}");
            }
        }
        for marked in [&b"\xff\xfe-\0"[..], b"\xfe\xff\0-", b"-\0-\0", b"\0-\0-"] {
            assert!(no_certificate(marked).to_string().contains("UTF-16"));
        }
        assert!(no_key(&[0xfe, 0xed, 0xfe, 0xed, 0]).to_string().contains("keytool"));
    }
}
