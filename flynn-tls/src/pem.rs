//! PEM as files in the wild hold it: several blocks, text around them, any line ends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::error::{Error, ErrorKind};

pub(crate) fn first_certificate(text: &[u8]) -> Result<CertificateDer<'static>, Error> {
    CertificateDer::from_pem_slice(text)
        .map_err(|e| Error::because(ErrorKind::Certificate, "no certificate found in the PEM", e))
}

/// One PEM block with lines of 64 characters.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, every index is a character's border.
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
