//! PEM as files in the wild hold it: several blocks, text around them, any line ends, indented.

use std::fmt;
use std::iter::Peekable;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use rustls_pki_types::CertificateDer;

use crate::der::{Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::{Certificate, found};

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
    let lines = text.split(|&b| b == b'\n').enumerate().flat_map(|(i, line)| {
        // A file of CR alone is one such line.
        line.split(|&b| b == b'\r').map(move |part| (i + 1, part.trim_ascii()))
    });
    let mut lines = lines.peekable();
    std::iter::from_fn(move || {
        let (line, label) = lines.find_map(|(n, l)| Some((n, marker(l, b"-----BEGIN ")?)))?;
        Some(Block { label, line, body: body(label, &mut lines) })
    })
}

/// The label of a BEGIN or END line. Without its line breaks a whole file is one line that begins
/// and ends as such a line does: what is between must not pass for a label, which is shown.
fn marker<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    if contains(label, b"-----") {
        return None;
    }
    std::str::from_utf8(label).ok()
}

/// What is before the END line, or before the next BEGIN, which is left to the block that starts
/// there: a key cut short must not take the certificate after it along.
fn body<'a>(label: &str, lines: &mut Peekable<impl Iterator<Item = (usize, &'a [u8])>>) -> Body {
    let mut base64 = Vec::new();
    let mut encrypted = false;
    while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with(b"-----BEGIN ")) {
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
        if line.contains(&b':') {
            // Headers of RFC 1421, which only encrypted keys still have.
            encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
        } else if !encrypted {
            base64.extend(line.iter().filter(|b| !b.is_ascii_whitespace()));
        }
    }
    Body::Damaged(match lines.peek() {
        Some(_) => "another block begins before its END line",
        None => "its END line is missing",
    })
}

/// The first certificate of a file, PEM or DER.
pub(crate) fn first_certificate(file: &[u8]) -> Result<Certificate, Error> {
    certificates(file).next().map_or_else(|| Err(found::no_certificate(file)), |c| c?.read())
}

/// A certificate of a file.
pub(crate) struct Located {
    pub(crate) der: CertificateDer<'static>,
    /// The line of its BEGIN; `None` in a DER file.
    pub(crate) line: Option<usize>,
}

impl Located {
    /// Reads it; the error names its line, and what it is if it is something else.
    pub(crate) fn read(self) -> Result<Certificate, Error> {
        Certificate::from_der(self.der.clone())
            .map_err(|e| found::no_certificate_but(&self.der).unwrap_or(damaged(self.line, e)))
    }
}

/// The certificates of a file, in its order. A DER file is one certificate. Of PEM no more than
/// the frame is looked at.
pub(crate) fn certificates(file: &[u8]) -> impl Iterator<Item = Result<Located, Error>> {
    let alone = is_der(file).then(|| match Certificate::from_der(file.to_vec()) {
        Ok(certificate) => Ok(Located { der: certificate.der().clone(), line: None }),
        Err(_) => Err(found::no_certificate(file)),
    });
    let blocks = blocks(file).filter(Block::is_certificate).map(|block| {
        let line = Some(block.line);
        let der = match block.body {
            Body::Der(der) if block.label == "TRUSTED CERTIFICATE" => without_trust(der),
            Body::Der(der) => der,
            Body::Encrypted => return Err(damaged(line, "it is encrypted")),
            Body::Damaged(why) => return Err(damaged(line, why)),
        };
        match Reader::new(&der).value(SEQUENCE) {
            Some(whole) if whole.raw.len() == der.len() => Ok(Located { der: der.into(), line }),
            Some(_) => Err(damaged(line, "something follows it in its block")),
            None => Err(damaged(line, "it is cut short, or no certificate at all")),
        }
    });
    alone.into_iter().chain(blocks)
}

/// DER starts with the tag of a sequence, which no PEM file does.
pub(crate) fn is_der(file: &[u8]) -> bool {
    file.first() == Some(&SEQUENCE) && !contains(file, b"-----BEGIN ")
}

/// openssl's own format carries settings of trust after the certificate.
fn without_trust(mut der: Vec<u8>) -> Vec<u8> {
    if let Some(certificate) = Reader::new(&der).value(SEQUENCE) {
        let length = certificate.raw.len();
        der.truncate(length);
    }
    der
}

fn damaged(line: Option<usize>, why: impl fmt::Display) -> Error {
    let place = line.map_or_else(String::new, |line| format!(" at line {line}"));
    let message = format!("the certificate{place} cannot be read: {why}");
    Error::new(ErrorKind::Certificate, message)
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
    use crate::der::tlv;

    fn ders(text: &str) -> Vec<Vec<u8>> {
        certificates(text.as_bytes()).map(|c| c.unwrap().der.to_vec()).collect()
    }

    #[test]
    fn blocks_are_found_among_text_and_any_line_ends() {
        let (a, b) = (tlv(SEQUENCE, &[&[1; 50]]), tlv(SEQUENCE, &[&[2; 200]]));
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
        let der = tlv(SEQUENCE, &[&[1; 50]]);
        let good = encode("CERTIFICATE", &der);
        let cut = &good[..good.len() - 10];
        for (text, why) in [
            (cut.to_owned(), "END line is missing"),
            (good.replace("AQ", "A*"), "not base64"),
            (good.replace("END CERTIFICATE", "END X"), "another label"),
            (encode("CERTIFICATE", &der[..40]), "cut short"),
            (encode("CERTIFICATE", &[&der[..], &[0]].concat()), "something follows"),
            (format!("-----BEGIN CERTIFICATE-----\n{good}"), "another block begins"),
            ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----".into(), "empty"),
        ] {
            let text = format!("one\r\ntwo\r\n{text}");
            let e = first_certificate(text.as_bytes()).unwrap_err().to_string();
            assert!(e.contains("at line 3") && e.contains(why), "{e}");
        }
    }

    /// Which certificate is the first is what the pin depends on.
    #[test]
    fn a_block_without_its_end_takes_nothing_along() {
        let (a, b) = (tlv(SEQUENCE, &[&[1; 50]]), tlv(SEQUENCE, &[&[2; 200]]));
        let file = format!(
            "-----BEGIN PRIVATE KEY-----\nAAAA\n{}{}",
            encode("CERTIFICATE", &a),
            encode("CERTIFICATE", &b)
        );
        assert_eq!(ders(&file), [a, b]);
        let lines: Vec<_> = blocks(file.as_bytes()).map(|b| b.line).collect();
        assert_eq!(lines[..2], [1, 3]);
    }

    /// All on one line, with a certificate last: whatever is between is no label.
    #[test]
    fn a_file_without_its_line_breaks_is_never_quoted() {
        let file = encode("PRIVATE KEY", &[7; 90]) + &encode("CERTIFICATE", &[7; 90]);
        let secret = &STANDARD.encode([7; 90])[..20];
        for one_line in [file.replace('\n', ""), file.replace('\n', " ")] {
            let errors = [
                first_certificate(one_line.as_bytes()).err(),
                crate::PrivateKey::from_pem(&one_line).err(),
                crate::Bundle::from_pem(&one_line).err(),
                crate::Pin::from_pem(&one_line).err(),
            ];
            for e in errors.map(Option::unwrap) {
                assert!(e.to_string().contains("line breaks"), "{e}");
                assert!(!format!("{e:?}").contains(secret), "{e:?}");
            }
        }
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
        let der = tlv(SEQUENCE, &[&[2, 1, 5]]);
        let trusted = [&der[..], &[0x30, 0]].concat();
        assert_eq!(ders(&encode("TRUSTED CERTIFICATE", &trusted)), [der]);
    }
}
