//! Reads PEM as it occurs in real files: several blocks, text around them, any line ends, indented. A block that Go's
//! `encoding/pem` would skip carries the reason.

use std::iter::Peekable;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use rustls_pki_types::CertificateDer;

use crate::der::{Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::{Certificate, file_kind};

/// Accepts missing padding, since the END line shows where the data ends.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes like Go: requires padding, and ignores the unused bits of the last character.
const GO: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One block between its BEGIN and END lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    /// The line of its BEGIN, counted from 1.
    pub(crate) line: usize,
    pub(crate) body: Body,
    /// The reason why Go's PEM reader, which Flynn's own CLI and router use, skips this block.
    pub(crate) skipped_by_go: Option<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Der(Vec<u8>),
    /// Has a `Proc-Type: 4,ENCRYPTED` header.
    Encrypted,
    /// Not readable; contains the reason with the line.
    Damaged(String),
}

impl Block<'_> {
    /// Returns whether its label says that it is a certificate, even with a typo.
    pub(crate) fn is_certificate(&self) -> bool {
        let label = self.label.to_ascii_uppercase();
        label.contains("CERT") && !label.contains("REQUEST") && !label.contains("ATTRIBUTE")
    }

    pub(crate) fn is_request(&self) -> bool {
        matches!(self.label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST")
    }

    pub(crate) fn is_private_key(&self) -> bool {
        self.label.to_ascii_uppercase().ends_with("PRIVATE KEY")
    }
}

/// A line without its line end and the blanks around it.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    number: usize,
    /// The byte offsets of its start and of the next line.
    start: usize,
    end: usize,
    text: &'a [u8],
}

/// Splits a file into lines that end in LF, CRLF or CR.
fn lines(file: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let (mut start, mut number) = (0, 0);
    std::iter::from_fn(move || {
        let rest = file.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(length)?;
        let ending = match after {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        number += 1;
        let end = start + length + ending;
        // The first line may start with a byte order mark, as Windows programs write it.
        let text = if start == 0 { text.strip_prefix(BOM).unwrap_or(text) } else { text };
        let line = Line { number, start, end, text: text.trim_ascii() };
        start = end;
        Some(line)
    })
}

/// Returns all blocks of a file. Ignores text outside blocks, as openssl does, unless it looks like the first line of a
/// block: that is a damaged block.
pub(crate) fn blocks(file: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut lines = lines(file).peekable();
    // A BEGIN after an END in the same line.
    let mut glued: Option<(Line<'_>, &str)> = None;
    std::iter::from_fn(move || {
        let (begin, label, fault) = match glued.take() {
            Some((line, label)) => (line, label, Some(format!("{GLUED} {}", line.number))),
            None => loop {
                let line = lines.next()?;
                if let Some(label) = marker(line.text, BEGIN) {
                    break (line, label, None);
                }
                if let Some(label) = mangled_begin(line.text, file.get(line.end..)) {
                    let why = format!(
                        "line {} is not `-----BEGIN …-----` alone: its line breaks were lost, or \
                         there is text before or after it",
                        line.number
                    );
                    let (body, skipped_by_go) = (Body::Damaged(why), None);
                    return Some(Block { label, line: line.number, body, skipped_by_go });
                }
            },
        };
        let (body, last) = body(label, &mut lines);
        glued = last.and_then(|line| Some((line, begin_behind_end(line.text)?)));
        let body = fault.map_or(body, Body::Damaged);
        let end = last.map_or(file.len(), |line| line.end);
        let skipped_by_go = file.get(begin.start..end).and_then(|raw| {
            // The server trims blanks and line feeds at both ends, and so leaves the carriage return of the last line.
            let blank = |part: Option<&[u8]>| {
                part.is_some_and(|part| part.iter().all(|b| b" \n".contains(b)))
            };
            let raw = if blank(file.get(end..)) { trim_end(raw) } else { raw };
            let raw = if blank(file.get(..begin.start)) { trim_start(raw) } else { raw };
            skipped_by_go(raw, begin.start == 0)
        });
        Some(Block { label, line: begin.number, body, skipped_by_go })
    })
}

const GLUED: &str = "an END and a BEGIN are on one line: insert a line break between them in line";

/// Returns the label of a BEGIN or END line. A whole file without line breaks also begins and ends like such a line.
/// The text in between must not be taken for a label, because labels are shown.
fn marker<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a str> {
    label(line.strip_prefix(start)?.strip_suffix(b"-----")?)
}

fn label(text: &[u8]) -> Option<&str> {
    const LONGEST: usize = 64;
    let good = |b: &u8| matches!(b, b' '..=b'~') && !matches!(b, b'`' | b'\\');
    let text = std::str::from_utf8(text).ok()?;
    (text.len() <= LONGEST && !text.contains("-----") && text.bytes().all(|b| good(&b)))
        .then_some(text)
}

/// Returns the label of the BEGIN in a line such as `-----END X----------BEGIN Y-----`.
fn begin_behind_end(line: &[u8]) -> Option<&str> {
    let at = line.windows(BEGIN.len()).position(|part| part == BEGIN).filter(|at| *at > 0)?;
    marker(line.get(at..)?, BEGIN)
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// Returns the text after `BEGIN ` in a mangled line: quoted, after a byte order mark, with other dashes, or followed
/// by its data. Prose is not a BEGIN line, so data must follow.
fn mangled_begin<'a>(line: &'a [u8], after: Option<&[u8]>) -> Option<&'a str> {
    let at = line.windows(6).position(|part| part.eq_ignore_ascii_case(b"BEGIN "))?;
    let rest = line.get(at + 6..)?;
    let end = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b' '));
    let label = label(rest.get(..end.unwrap_or(rest.len()))?).unwrap_or_default();
    // Between complete dashes, less data needs to follow than after a mere word.
    let dashed = |at: usize| {
        line.get(..at).is_some_and(|l| l.ends_with(b"-----"))
            && end.is_some_and(|end| rest.get(end..).is_some_and(|r| r.starts_with(b"-----")))
    };
    let shortest = if dashed(at) { 16 } else { 40 };
    if line.starts_with(BEGIN) && dashed(at) {
        // A whole file in one line has no reliable label.
        let whole = line.windows(END.len()).any(|part| part == END);
        return Some(if whole { "" } else { label });
    }
    let is_data = |text: &[u8]| {
        let start = text.iter().position(|&b| is_base64(b)).unwrap_or(text.len());
        let data = text.get(start..).unwrap_or_default();
        let length = data.iter().take_while(|&&b| is_base64(b)).count();
        // The last character may be a quotation mark or a backslash.
        length >= shortest && data.len() - length <= 4
    };
    let behind = rest.get(end.unwrap_or(rest.len())..).unwrap_or_default();
    let behind = behind.split(|b| b" \t\\-".contains(b)).any(|part| {
        // The `n` of a line break that was written as `\\n`.
        is_data(part) || is_data(part.strip_prefix(b"n").unwrap_or(part))
    });
    let next = || {
        let mut lines = lines(after?).map(|line| line.text).take(4);
        lines.find(|text| text.iter().any(|&b| is_base64(b)))
    };
    (behind || next().is_some_and(is_data)).then_some(label)
}

/// Returns the data before the END line, or before the next BEGIN, which starts another block, so that a truncated key
/// does not include the certificate after it. Also returns the last line.
fn body<'a>(
    label: &str,
    lines: &mut Peekable<impl Iterator<Item = Line<'a>>>,
) -> (Body, Option<Line<'a>>) {
    let mut base64 = Vec::new();
    let mut encrypted = false;
    let mut not_base64 = None;
    let mut last = None;
    while let Some(line) = lines.next_if(|line| !line.text.starts_with(BEGIN)) {
        last = Some(line);
        let n = line.number;
        if line.text.starts_with(b"-----END ") {
            let damaged = match marker(line.text, b"-----END ") {
                _ if begin_behind_end(line.text).is_some() => format!("{GLUED} {n}"),
                None => format!("its END line, line {n}, is not `-----END …-----` alone"),
                Some(end) if end != label => format!("its END line, line {n}, has another label"),
                _ if encrypted => return (Body::Encrypted, last),
                _ => return (decode(&base64, not_base64), last),
            };
            return (Body::Damaged(damaged), last);
        }
        if line.text.contains(&b':') {
            // Headers of RFC 1421, which today only encrypted keys have.
            encrypted |= line.text.starts_with(b"Proc-Type:") && line.text.ends_with(b"ENCRYPTED");
        } else if !encrypted {
            let before = base64.len();
            base64.extend(line.text.iter().filter(|b| !b.is_ascii_whitespace()));
            let added = base64.get(before..).unwrap_or_default();
            if not_base64.is_none() && !added.iter().all(|&b| is_base64(b)) {
                not_base64 = Some(n);
            }
        }
    }
    let damaged = match lines.peek() {
        Some(next) => format!("another block begins before its END line, in line {}", next.number),
        None => "its END line is missing".to_owned(),
    };
    (Body::Damaged(damaged), last)
}

fn decode(base64: &[u8], not_base64: Option<usize>) -> Body {
    match (ANY_PADDING.decode(base64), not_base64) {
        (_, Some(line)) => Body::Damaged(format!("line {line} is not base64")),
        (Ok(der), _) if der.is_empty() => Body::Damaged("it is empty".to_owned()),
        (Ok(der), _) => Body::Der(der),
        (Err(_), _) => Body::Damaged("it is not base64, or a part of it is missing".to_owned()),
    }
}

/// Returns why Go's `pem.Decode` skips a block. `raw` goes from the start of its first line to the end of its last
/// line. Go requires that the BEGIN and END lines directly follow a line feed and are followed only by blanks, and that
/// the base64 between them has its padding and contains only blanks and line ends besides.
fn skipped_by_go(raw: &[u8], first: bool) -> Option<&'static str> {
    const INDENTED: &str = "it is indented";
    const LINE_ENDS: &str = "its lines do not end in line feeds";
    if first && raw.starts_with(BOM) {
        return Some("there is a byte order mark before it");
    }
    if raw.first().is_some_and(u8::is_ascii_whitespace) {
        return Some(INDENTED);
    }
    // The last line may lack a line end; its carriage return stays.
    let mut lines: Vec<&[u8]> =
        raw.split_inclusive(|&b| b == b'\n').map(|line| strip(line, b"\r\n", b"\n")).collect();
    let end = lines.pop()?;
    let Some((begin, body)) = lines.split_first() else { return Some(LINE_ENDS) };
    if begin.contains(&b'\r') {
        return Some(LINE_ENDS);
    }
    if !end.starts_with(b"-----END ") {
        let indented = end.first().is_some_and(u8::is_ascii_whitespace);
        return Some(if indented { INDENTED } else { LINE_ENDS });
    }
    let ends = |line: &[u8]| {
        let blanks = line.iter().rev().take_while(|&&b| b == b' ' || b == b'\t').count();
        line.get(..line.len() - blanks).is_some_and(|line| line.ends_with(b"-----"))
    };
    if end.ends_with(b"\r") {
        return Some(
            "the server drops the line feed of the last CRLF and keeps its carriage return",
        );
    }
    if !ends(begin) || !ends(end) {
        return Some("there is text after its BEGIN or END");
    }
    let base64 = body.iter().skip_while(|line| line.contains(&b':')).copied().flatten();
    let base64: Vec<u8> = base64.copied().filter(|b| !b" \t\r".contains(b)).collect();
    if !base64.iter().all(|&b| is_base64(b)) {
        return Some("it contains characters that are not base64");
    }
    GO.decode(&base64).err().map(|_| "its base64 lacks its padding")
}

fn trim_start(mut raw: &[u8]) -> &[u8] {
    while let [b' ' | b'\n', rest @ ..] = raw {
        raw = rest;
    }
    raw
}

fn trim_end(mut raw: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\n'] = raw {
        raw = rest;
    }
    raw
}

fn strip<'a>(line: &'a [u8], crlf: &[u8], lf: &[u8]) -> &'a [u8] {
    line.strip_suffix(crlf).or_else(|| line.strip_suffix(lf)).unwrap_or(line)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Reads the first certificate of a PEM or DER file.
pub(crate) fn first_certificate(file: &[u8]) -> Result<Certificate, Error> {
    certificates(file).next().map_or_else(|| Err(file_kind::no_certificate(file)), |c| c?.read())
}

/// A certificate of a file.
pub(crate) struct Located {
    pub(crate) der: CertificateDer<'static>,
    /// The line of its BEGIN; `None` in a DER file.
    pub(crate) line: Option<usize>,
    /// The reason why Flynn's own programs, which are written in Go, do not find it in the file.
    pub(crate) skipped_by_go: Option<&'static str>,
}

impl Located {
    /// Parses it. The error names its line, and the kind of its content if it is something else.
    pub(crate) fn read(self) -> Result<Certificate, Error> {
        Certificate::from_der(self.der.clone()).map_err(|e| {
            file_kind::not_a_certificate(&self.der).unwrap_or_else(|| {
                let place = self.line.map_or_else(String::new, |line| format!(" at line {line}"));
                let message = format!("the certificate{place} cannot be read: it is not X.509");
                Error::because(ErrorKind::Certificate, message, e)
            })
        })
    }
}

/// Returns the certificates of a file in their order. A DER file is one certificate. The content of PEM blocks is not
/// parsed.
pub(crate) fn certificates(file: &[u8]) -> impl Iterator<Item = Result<Located, Error>> {
    let alone = is_der(file).then(|| match Certificate::from_der(file.to_vec()) {
        Ok(certificate) => Ok(Located {
            der: certificate.der().clone(),
            line: None,
            skipped_by_go: Some(DER_FILE),
        }),
        Err(_) => Err(file_kind::no_certificate(file)),
    });
    alone.into_iter().chain(blocks(file).filter_map(certificate))
}

pub(crate) const DER_FILE: &str = "the file is DER, not PEM";

fn certificate(block: Block<'_>) -> Option<Result<Located, Error>> {
    let line = Some(block.line);
    let trusted = block.label == "TRUSTED CERTIFICATE";
    let known = trusted || matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE");
    let der = match block.body {
        Body::Der(der) if known => {
            if trusted {
                without_trust(der)
            } else {
                der
            }
        }
        // Other programs skip it, and use the next certificate as the first.
        Body::Der(der) if Certificate::from_der(der.clone()).is_ok() => {
            let why = format!("its label is {:?}, change it to \"CERTIFICATE\"", block.label);
            return Some(Err(damaged(line, &why)));
        }
        Body::Damaged(why) if block.label.is_empty() => {
            let message = format!("the PEM block at line {} cannot be read: {why}", block.line);
            return Some(Err(Error::new(ErrorKind::Certificate, message)));
        }
        Body::Damaged(why) if block.is_certificate() => {
            return Some(Err(damaged(line, &why)));
        }
        Body::Encrypted if known => return Some(Err(damaged(line, "it is encrypted"))),
        _ => return None,
    };
    Some(match Reader::new(&der).value(SEQUENCE) {
        Some(whole) if whole.raw.len() == der.len() => {
            let label = (block.label != "CERTIFICATE").then_some("its label is not CERTIFICATE");
            Ok(Located { der: der.into(), line, skipped_by_go: label.or(block.skipped_by_go) })
        }
        Some(_) => Err(damaged(line, "something follows it in its block")),
        None => Err(damaged(line, "it is cut short, or not a certificate")),
    })
}

/// Returns whether the file is DER, which starts with the tag of a sequence. A PEM file never does.
pub(crate) fn is_der(file: &[u8]) -> bool {
    file.first() == Some(&SEQUENCE) && !contains(file, BEGIN)
}

/// Removes the trust settings that openssl's own format has after the certificate.
fn without_trust(mut der: Vec<u8>) -> Vec<u8> {
    if let Some(certificate) = Reader::new(&der).value(SEQUENCE) {
        let length = certificate.raw.len();
        der.truncate(length);
    }
    der
}

fn damaged(line: Option<usize>, why: &str) -> Error {
    let place = line.map_or_else(String::new, |line| format!(" at line {line}"));
    let message = format!("the certificate{place} cannot be read: {why}");
    Error::new(ErrorKind::Certificate, message)
}

pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|w| w == part)
}

/// Writes one PEM block with lines of 64 characters.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every index is a character boundary.
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
            (cut.to_owned(), "its END line, line 6, is not"),
            (good[..good.len() - 30].to_owned(), "END line is missing"),
            (good.replace("AQ", "A*"), "line 4 is not base64"),
            (good.replace("END CERTIFICATE", "END X"), "line 6, has another label"),
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

    /// The pin depends on which certificate is the first.
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

    /// Everything on one line, with a certificate last: the text in between is not a label.
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
