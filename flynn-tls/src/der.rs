//! Reads and writes sequences of DER values with asn1-rs, for structures that x509-parser does not support, such as
//! private keys.

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Header, Length, Tag, ToDer as _};

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

const CONSTRUCTED: u8 = 0x20;

/// A value with its tag and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) content: &'a [u8],
    /// The bytes, including tag and length.
    pub(crate) raw: &'a [u8],
}

/// Reads the values of a DER structure in sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tag of the next value.
    pub(crate) fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Reads the next value with any tag; `None` at the end and for anything that is not DER.
    pub(crate) fn any(&mut self) -> Option<Value<'a>> {
        let (rest, any) = Any::from_der(self.0).ok()?;
        let raw = self.0.get(..self.0.len() - rest.len())?;
        // asn1-rs takes lengths with leading zeros; Go, openssl and webpki do not take all of them.
        if any.header.length() != Length::Definite(any.data.len())
            || raw.len() - any.data.len() != 1 + length_octets(any.data.len())
        {
            return None;
        }
        self.0 = rest;
        Some(Value { content: any.data, raw })
    }

    /// Reads the next value if it has this tag. Otherwise the reader does not move.
    pub(crate) fn value(&mut self, tag: u8) -> Option<Value<'a>> {
        if self.tag() == Some(tag) { self.any() } else { None }
    }

    /// Returns a reader of the content of the next value, which must have this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.value(tag).map(|v| Self(v.content))
    }

    /// Reads a non-negative INTEGER and returns its bytes without leading zeros.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.value(INTEGER)?.content {
            [0] => Some(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|&first| first >= 0x80) => Some(rest),
            all if all.first().is_some_and(|first| (1..0x80).contains(first)) => Some(all),
            _ => None,
        }
    }

    /// Reads a BIT STRING without unused bits and returns its bytes.
    pub(crate) fn bits(&mut self) -> Option<&'a [u8]> {
        self.value(BIT_STRING)?.content.strip_prefix(&[0])
    }
}

fn length_octets(length: usize) -> usize {
    let significant = (usize::BITS - length.leading_zeros()).div_ceil(8) as usize;
    if length < 0x80 { 1 } else { 1 + significant }
}

/// Writes a value with its tag (one byte) and length.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let class = Class::try_from(tag >> 6).unwrap_or(Class::Universal);
    let constructed = tag & CONSTRUCTED != 0;
    let number = Tag(u32::from(tag & 0x1f));
    let header = Header::new(class, constructed, number, Length::Definite(content.len()));
    // Writing to a Vec cannot fail.
    Any::new(header, &content).to_der_vec().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_der_is_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            for tag in [OCTET_STRING, SEQUENCE, 0xa0, 0xa1] {
                let content = vec![7; length];
                let der = tlv(tag, &[&content]);
                let mut reader = Reader::new(&der);
                let value = reader.value(tag).unwrap();
                assert_eq!((value.content, value.raw), (&content[..], &der[..]), "{length}");
                assert!(reader.is_empty() && reader.any().is_none());
            }
        }
    }

    #[test]
    fn cut_and_odd_input_is_none() {
        let der = tlv(SEQUENCE, &[&tlv(INTEGER, &[&[1]])]);
        for end in 0..der.len() {
            assert!(Reader::new(&der[..end]).any().is_none(), "{end}");
        }
        for odd in [
            &[0x30, 0x80, 0, 0][..],
            &[2, 0x85, 0, 0, 0, 0, 1, 1],
            // Lengths with more bytes than necessary.
            &[2, 0x81, 1, 1],
            &[2, 0x82, 0, 1, 1],
        ] {
            assert!(Reader::new(odd).any().is_none(), "{odd:?}");
        }
        let mut reader = Reader::new(&der);
        assert!(reader.value(INTEGER).is_none());
        assert_eq!(reader.enter(SEQUENCE).unwrap().unsigned().unwrap(), [1]);
        for odd in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 1]] {
            assert!(Reader::new(odd).unsigned().is_none(), "{odd:?}");
        }
    }
}
