//! Just enough DER to walk into keys and to take certificates apart.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// The next tag-length-value of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// Tag and length included.
    pub(crate) raw: &'a [u8],
}

/// Reads the values of a DER structure one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value whatever its tag; `None` at the end, and for anything that is not DER with
    /// a one-byte tag and a definite length.
    pub(crate) fn any(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if bytes.is_empty() || bytes.len() > 4 {
                return None;
            }
            (bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b)), rest)
        };
        let (content, tail) = rest.split_at_checked(length)?;
        let (raw, _) = self.0.split_at_checked(self.0.len() - tail.len())?;
        self.0 = tail;
        Some(Value { tag, content, raw })
    }

    /// The next value if it has this tag; the reader does not move otherwise.
    pub(crate) fn value(&mut self, tag: u8) -> Option<Value<'a>> {
        let before = *self;
        let value = self.any().filter(|v| v.tag == tag);
        if value.is_none() {
            *self = before;
        }
        value
    }

    /// Into the content of the next value, which must have this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.value(tag).map(|v| Self(v.content))
    }
}

/// A value with its tag and length in front.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|p| p.len()).sum();
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().position(|&b| b != 0).unwrap_or(bytes.len() - 1);
    let bytes = bytes.get(significant..).unwrap_or_default();
    let mut out = Vec::with_capacity(length + 2 + bytes.len());
    out.push(tag);
    if length >= 0x80 {
        // At most eight bytes of length.
        out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0x7f));
    }
    out.extend_from_slice(bytes);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let der = tlv(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&der);
            let value = reader.value(OCTET_STRING).unwrap();
            assert_eq!((value.content, value.raw), (&content[..], &der[..]), "{length}");
            assert!(reader.is_empty() && reader.any().is_none());
        }
    }

    #[test]
    fn cut_and_odd_input_is_none() {
        let der = tlv(SEQUENCE, &[&tlv(INTEGER, &[&[1]])]);
        for end in 0..der.len() {
            assert!(Reader::new(&der[..end]).any().is_none(), "{end}");
        }
        for odd in [&[0x30, 0x80, 0, 0][..], &[0x1f, 0x81, 1, 0], &[2, 0x85, 0, 0, 0, 0, 1, 1]] {
            assert!(Reader::new(odd).any().is_none(), "{odd:?}");
        }
        let mut reader = Reader::new(&der);
        assert!(reader.value(INTEGER).is_none());
        assert_eq!(reader.enter(SEQUENCE).unwrap().value(INTEGER).unwrap().content, [1]);
    }
}
