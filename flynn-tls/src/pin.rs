use std::collections::{BTreeSet, btree_set};
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

use crate::Certificate;
use crate::error::{Error, ErrorKind};

/// The SHA-256 of a leaf certificate's DER, written in standard base64. Flynn stores it as
/// `TLSPin` in `~/.flynnrc`.
///
/// This command prints the same value:
/// `openssl x509 -outform DER | openssl dgst -binary -sha256 | openssl base64`.
///
/// ```
/// use flynn_tls::Pin;
///
/// let pin: Pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
/// assert_eq!(pin, Pin::from_der(b""));
/// # Ok::<(), flynn_tls::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// Computes the pin of a certificate in DER. The bytes are not parsed.
    pub fn from_der(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Computes the pin of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self::from_der(certificate)
    }

    /// Computes the pin of the first certificate of a PEM file, or of a DER file, like the openssl
    /// command above.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`] if the file contains no certificate, or the first one cannot be read. The
    /// pin of a later certificate is never returned.
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        Certificate::from_pem(file).map(|certificate| certificate.pin())
    }

    /// Reads a SHA-256 fingerprint in hexadecimal, with or without colons, as browsers and
    /// `openssl x509 -fingerprint -sha256` show it. You can pass openssl's whole line.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Pin`] if it is not 32 bytes of hexadecimal.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        parse_hex(text.trim()).map(Self).ok_or_else(|| {
            Error::new(
                ErrorKind::Pin,
                "not a SHA-256 fingerprint: expected 64 hexadecimal digits, with or without colons",
            )
        })
    }

    /// Returns the 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the hash in lower-case hexadecimal without colons.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// Writes lower-case hexadecimal without separators.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Parses 32 bytes of hexadecimal: all pairs joined, or all separated by colons, and optionally after `sha256
/// Fingerprint=`, as in openssl's output.
fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.split_once("Fingerprint=").map_or(text, |(_, hex)| hex);
    let mut out = [0u8; 32];
    let step = match text.len() {
        64 => 2,
        95 => 3,
        _ => return None,
    };
    let bytes = text.as_bytes();
    for (i, byte) in out.iter_mut().enumerate() {
        let at = i * step;
        if step == 3 && i > 0 && bytes.get(at - 1) != Some(&b':') {
            return None;
        }
        let digit = |at: usize| bytes.get(at).and_then(|&b| char::from(b).to_digit(16));
        let pair = digit(at)? << 4 | digit(at + 1)?;
        *byte = u8::try_from(pair).ok()?;
    }
    Some(out)
}

impl FromStr for Pin {
    type Err = Error;

    /// Parses standard base64 of exactly 32 bytes. Ignores white space around it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Pin, "the pin is empty"));
        }
        if text.starts_with("sha256/") {
            let message = "this is the pin of a public key (sha256/…), and Flynn uses pins of \
                           certificates";
            return Err(Error::new(ErrorKind::Pin, message));
        }
        if let Ok(bytes) = STANDARD.decode(text) {
            let length = bytes.len();
            if let Ok(bytes) = bytes.try_into() {
                return Ok(Self(bytes));
            }
            // 64 hexadecimal digits are also valid base64 of 48 bytes.
            if parse_hex(text).is_none() {
                let message = format!("not a pin: base64 of {length} bytes instead of 32");
                return Err(Error::new(ErrorKind::Pin, message));
            }
        }
        Err(Error::new(
            ErrorKind::Pin,
            if parse_hex(text).is_some() {
                "this is a hexadecimal fingerprint, and pins are base64: use Pin::from_hex"
            } else {
                "not a pin: expected the base64 of 32 bytes (44 characters, the last one `=`)"
            },
        ))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// The pins that a client accepts: usually one, or the old and the new one during a rotation.
///
/// ```
/// use flynn_tls::{Pin, PinSet};
///
/// let (old, new) = (Pin::from_der(b"old"), Pin::from_der(b"new"));
/// let pins: PinSet = [old, new].into_iter().collect();
/// assert!(pins.contains(&new) && pins.len() == 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PinSet(BTreeSet<Pin>);

impl PinSet {
    /// Returns whether `pin` is in the set.
    pub fn contains(&self, pin: &Pin) -> bool {
        self.0.contains(pin)
    }

    /// Returns the pins, sorted by their bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Pin> + Clone {
        self.0.iter()
    }

    /// Returns the number of pins.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the set is empty and accepts no certificate.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Pin> for PinSet {
    fn from(pin: Pin) -> Self {
        [pin].into_iter().collect()
    }
}

impl<const N: usize> From<[Pin; N]> for PinSet {
    fn from(pins: [Pin; N]) -> Self {
        pins.into_iter().collect()
    }
}

impl From<Vec<Pin>> for PinSet {
    fn from(pins: Vec<Pin>) -> Self {
        pins.into_iter().collect()
    }
}

impl From<&[Pin]> for PinSet {
    fn from(pins: &[Pin]) -> Self {
        pins.iter().copied().collect()
    }
}

impl From<&PinSet> for PinSet {
    fn from(pins: &PinSet) -> Self {
        pins.clone()
    }
}

impl FromIterator<Pin> for PinSet {
    fn from_iter<I: IntoIterator<Item = Pin>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}

impl IntoIterator for PinSet {
    type Item = Pin;
    type IntoIter = btree_set::IntoIter<Pin>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a PinSet {
    type Item = &'a Pin;
    type IntoIter = btree_set::Iter<'a, Pin>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Extend<Pin> for PinSet {
    fn extend<I: IntoIterator<Item = Pin>>(&mut self, pins: I) {
        self.0.extend(pins);
    }
}

impl fmt::Display for PinSet {
    /// Writes the pins, separated by ` or `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pin) in self.iter().enumerate() {
            write!(f, "{}{pin}", if i == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const EMPTY_HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn refusal(text: &str) -> String {
        text.parse::<Pin>().unwrap_err().to_string()
    }

    #[test]
    fn base64_of_32_bytes_is_a_pin() {
        let pin: Pin = EMPTY.parse().unwrap();
        assert_eq!(pin, Pin::from_der(b""));
        assert_eq!(pin.to_string(), EMPTY);
        assert_eq!(format!("{pin:?}"), format!("Pin({EMPTY})"));
        assert_eq!(format!(" {EMPTY}\r\n").parse::<Pin>().unwrap(), pin);
        assert_eq!(pin.to_hex(), EMPTY_HEX);
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        assert!(refusal("AAAA").contains("of 3 bytes"));
        assert!(refusal(&STANDARD.encode([0xff; 48])).contains("of 48 bytes"));
        assert_eq!(
            (refusal(""), refusal(" \n")),
            ("the pin is empty".into(), "the pin is empty".into())
        );
        for bad in ["hello world", &EMPTY[..43], &EMPTY.replace('/', "_"), "="] {
            assert!(refusal(bad).contains("44 characters"), "{bad}");
        }
    }

    #[test]
    fn a_pin_of_a_public_key_is_recognised() {
        for pin in [format!("sha256//{EMPTY}"), format!("sha256/{EMPTY}")] {
            assert!(refusal(&pin).contains("of a public key"), "{pin}");
        }
    }

    #[test]
    fn hexadecimal_is_recognised_and_named() {
        let colons = EMPTY_HEX
            .to_uppercase()
            .as_bytes()
            .chunks(2)
            .map(|c| std::str::from_utf8(c).unwrap())
            .collect::<Vec<_>>()
            .join(":");
        let line = format!("sha256 Fingerprint={colons}");
        for hex in [EMPTY_HEX, &colons, &EMPTY_HEX.to_uppercase(), &line] {
            assert!(refusal(hex).contains("Pin::from_hex"), "{hex}");
            assert_eq!(Pin::from_hex(hex).unwrap(), Pin::from_der(b""));
        }
        for bad in [EMPTY, &EMPTY_HEX[1..], &colons.replace(':', "-"), &format!("{EMPTY_HEX}00")] {
            assert_eq!(Pin::from_hex(bad).unwrap_err().kind(), ErrorKind::Pin, "{bad}");
        }
        assert!(Pin::from_hex(&"é".repeat(32)).is_err());
    }

    #[test]
    fn a_set_holds_each_pin_once() {
        let (a, b) = (Pin::from_der(b"a"), Pin::from_der(b"b"));
        let mut set = PinSet::from(a);
        set.extend([a, b]);
        assert_eq!(set.len(), 2);
        assert!(set.contains(&a) && set.contains(&b) && !set.contains(&Pin::from_der(b"c")));
        assert_eq!(set, PinSet::from([b, a]));
        assert_eq!(set, PinSet::from(vec![a, b, a]));
        assert_eq!(set, PinSet::from(&[b, a][..]));
        assert!(
            (&set).into_iter().eq(set.iter()) && set.clone().into_iter().eq(set.iter().copied())
        );
        assert!(set.to_string().contains(" or "));
        assert!(PinSet::default().is_empty());
    }
}
