//! PEM as files in the wild hold it: several blocks, text around them, any line ends, indented.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use rustls_pki_types::CertificateDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::PrivateKey;
use crate::der::{INTEGER, OID, Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};

/// Padding is not asked for: the block's end says where the data ends.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One block between its BEGIN and END lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    /// The line of its BEGIN, counted from 1.
    pub(crate) line: usize,
    pub(crate) body: Body,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Der(Vec<u8>),
    /// With a `Proc-Type: 4,ENCRYPTED` header.
    Encrypted,
    /// Not readable; says why.
    Damaged(&'static str),
}

impl Block<'_> {
    pub(crate) fn is_certificate(&self) -> bool {
        matches!(self.label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }

    pub(crate) fn is_request(&self) -> bool {
        matches!(self.label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST")
    }

    pub(crate) fn is_private_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

/// All blocks of a text. Text outside of blocks is ignored, as openssl does.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines = text.split(|&b| b == b'\n').enumerate().flat_map(|(i, line)| {
        // A file of CR alone is one such line.
        line.split(|&b| b == b'\r').map(move |part| (i + 1, part.trim_ascii()))
    });
    std::iter::from_fn(move || {
        let (line, label) = lines.find_map(|(n, l)| Some((n, marker(l, b"-----BEGIN ")?)))?;
        Some(Block { label, line, body: body(label, &mut lines) })
    })
}

/// The label of a BEGIN or END line.
fn marker<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    std::str::from_utf8(label).ok()
}

fn body<'a>(label: &str, lines: &mut impl Iterator<Item = (usize, &'a [u8])>) -> Body {
    let mut base64 = Vec::new();
    let mut encrypted = false;
    for (_, line) in lines {
        if let Some(end) = marker(line, b"-----END ") {
            if end != label {
                return Body::Damaged("its END line has another label");
            }
            if encrypted {
                return Body::Encrypted;
            }
            return match LENIENT.decode(&base64) {
                Ok(der) if der.is_empty() => Body::Damaged("it is empty"),
                Ok(der) => Body::Der(der),
                Err(_) => Body::Damaged("it is not base64"),
            };
        }
        if line.starts_with(b"-----BEGIN ") {
            return Body::Damaged("another block begins before its END line");
        }
        if line.contains(&b':') {
            // Headers of RFC 1421, which only encrypted keys still have.
            encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
        } else if !encrypted {
            base64.extend(line.iter().filter(|b| !b.is_ascii_whitespace()));
        }
    }
    Body::Damaged("its END line is missing")
}

/// The first certificate of a text.
pub(crate) fn first_certificate(text: &[u8]) -> Result<CertificateDer<'static>, Error> {
    certificates(text).next().unwrap_or_else(|| Err(no_certificate(text)))
}

/// The certificates of a text, in its order.
pub(crate) fn certificates(
    text: &[u8],
) -> impl Iterator<Item = Result<CertificateDer<'static>, Error>> {
    blocks(text).filter(Block::is_certificate).map(|block| match block.body {
        Body::Der(der) if block.label == "TRUSTED CERTIFICATE" => Ok(without_trust(der).into()),
        Body::Der(der) => Ok(der.into()),
        Body::Encrypted => Err(damaged(&block, "it is encrypted")),
        Body::Damaged(why) => Err(damaged(&block, why)),
    })
}

/// openssl's own format carries settings of trust after the certificate.
fn without_trust(mut der: Vec<u8>) -> Vec<u8> {
    if let Some(certificate) = Reader::new(&der).value(SEQUENCE) {
        let length = certificate.raw.len();
        der.truncate(length);
    }
    der
}

fn damaged(block: &Block<'_>, why: &str) -> Error {
    let message = format!("the certificate at line {} cannot be read: {why}", block.line);
    Error::new(ErrorKind::Certificate, message)
}

const REQUEST: &str =
    "this is a certificate request (CSR), not a certificate: hand in what the CA made of it";
const PKCS7: &str = "this is PKCS#7: convert it with `openssl pkcs7 -print_certs`";

/// Says what is there instead of a certificate.
pub(crate) fn no_certificate(text: &[u8]) -> Error {
    let labels: Vec<_> = blocks(text).collect();
    let message = if labels.iter().any(Block::is_private_key) {
        "this is a private key, not a certificate"
    } else if labels.iter().any(Block::is_request) {
        REQUEST
    } else if labels.iter().any(|b| b.label == "PKCS7") {
        PKCS7
    } else if let Some(other) = labels.first() {
        return Error::new(
            ErrorKind::Certificate,
            format!("no certificate found, only {:?}", other.label.escape_debug().to_string()),
        );
    } else if contains(text, b"-----BEGIN ") {
        "no certificate found: a BEGIN is there, but not on a line of its own, so the line breaks \
         were lost or written as \\n"
    } else if text.trim_ascii().is_empty() {
        "no certificate found: it is empty"
    } else if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        "no certificate found: this is UTF-16 text, save it as UTF-8"
    } else {
        "no certificate found: no PEM block in it"
    };
    Error::new(ErrorKind::Certificate, message)
}

/// Says what a DER file is that is no certificate.
pub(crate) fn no_certificate_der(der: &[u8]) -> Option<Error> {
    let mut parts = Reader::new(der).enter(SEQUENCE)?;
    let message = if PrivateKey::from_der(der).is_ok() {
        "this is a private key, not a certificate"
    } else if X509CertificationRequest::from_der(der).is_ok() {
        REQUEST
    } else if parts.value(INTEGER).is_some_and(|version| version.content == [3]) {
        "this is PKCS#12: convert it with `openssl pkcs12 -nokeys`"
    } else if parts.value(OID).is_some() {
        PKCS7
    } else {
        return None;
    };
    Some(Error::new(ErrorKind::Certificate, message))
}

pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|w| w == part)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ders(text: &str) -> Vec<Vec<u8>> {
        certificates(text.as_bytes()).map(|c| c.unwrap().to_vec()).collect()
    }

    #[test]
    fn blocks_are_found_among_text_and_any_line_ends() {
        let (a, b) = (vec![1; 50], vec![2; 200]);
        let text = format!(
            "\u{feff}subject=CN: x\n{}Bag Attributes\n  friendlyName: y\n\n{}the end",
            encode("CERTIFICATE", &a),
            encode("X509 CERTIFICATE", &b)
        );
        for text in [
            text.clone(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r"),
            text.replace('\n', " \n\t  "),
            text.replace("=\n", "\n"),
        ] {
            assert_eq!(ders(&text), [a.clone(), b.clone()], "{text:?}");
        }
    }

    #[test]
    fn a_damaged_block_is_named_by_its_line() {
        let good = encode("CERTIFICATE", &[1; 50]);
        let cut = &good[..good.len() - 10];
        for (text, why) in [
            (cut.to_owned(), "END line is missing"),
            (good.replace("AQ", "A*"), "not base64"),
            (good.replace("END CERTIFICATE", "END X"), "another label"),
            (format!("-----BEGIN CERTIFICATE-----\n{good}"), "another block begins"),
            ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----".into(), "empty"),
        ] {
            let text = format!("one\r\ntwo\r\n{text}");
            let e = first_certificate(text.as_bytes()).unwrap_err().to_string();
            assert!(e.contains("at line 3") && e.contains(why), "{e}");
        }
    }

    #[test]
    fn what_is_there_instead_is_said() {
        for (text, says) in [
            (encode("EC PRIVATE KEY", &[1]), "private key"),
            (encode("ENCRYPTED PRIVATE KEY", &[1]), "private key"),
            (encode("CERTIFICATE REQUEST", &[1]), "CSR"),
            (encode("NEW CERTIFICATE REQUEST", &[1]), "CSR"),
            (encode("PKCS7", &[1]), "openssl pkcs7"),
            (encode("X509 CRL", &[1]), "X509 CRL"),
            (" \n".into(), "empty"),
            ("hello".into(), "no PEM block"),
            (encode("CERTIFICATE", &[1]).replace('\n', "\\n"), "line breaks"),
        ] {
            let e = first_certificate(text.as_bytes()).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
        assert!(no_certificate(b"\xff\xfe-\0").to_string().contains("UTF-16"));
    }

    #[test]
    fn an_encrypted_body_is_not_decoded() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                    DEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let block = blocks(text.as_bytes()).next().unwrap();
        assert_eq!(block.body, Body::Encrypted);
        assert!(block.is_private_key());
    }

    #[test]
    fn trust_settings_after_a_certificate_are_cut() {
        let der = crate::der::tlv(SEQUENCE, &[&[2, 1, 5]]);
        let trusted = [&der[..], &[0x30, 0]].concat();
        assert_eq!(ders(&encode("TRUSTED CERTIFICATE", &trusted)), [der]);
    }
}
