//! Random values derived from the seed.

use sha2::{Digest, Sha256};

/// A stream of random values. The same seed gives the same values.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    seed: u64,
    count: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.count += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(self.count.to_le_bytes());
        hash.finalize().into()
    }

    /// Returns a random UUID of version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let mut hex = hex(&self.bytes());
        hex.truncate(32);
        hex.replace_range(12..13, "4");
        let variant = match hex.as_bytes().get(16) {
            Some(b'0'..=b'3') => "8",
            Some(b'4'..=b'7') => "9",
            Some(b'8' | b'9' | b'a' | b'b') => "a",
            _ => "b",
        };
        hex.replace_range(16..17, variant);
        for at in [20, 16, 12, 8] {
            hex.insert(at, '-');
        }
        hex
    }

    /// Returns this many lower-case hexadecimal digits, at most 64.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = hex(&self.bytes());
        text.truncate(digits);
        text
    }

    /// Returns another stream of values, derived from this one.
    pub(crate) fn fork(&mut self) -> Self {
        let seed =
            self.bytes().iter().take(8).rev().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        Self::new(seed)
    }

    /// Returns 32 random bytes.
    pub(crate) fn key(&mut self) -> [u8; 32] {
        self.bytes()
    }
}

/// Returns lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// Returns whether the text is a UUID as Flynn recognises one: lower case, dashes optional.
pub(crate) fn is_uuid(text: &str) -> bool {
    let lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let mut digits = 0;
    for b in text.bytes() {
        if lower_hex(b) {
            digits += 1;
        } else if b != b'-' || !matches!(digits, 8 | 12 | 16 | 20) {
            return false;
        }
    }
    digits == 32 && !text.contains("--") && !text.ends_with('-')
}

/// Returns the id that the database stores for a text, as Postgres parses UUIDs: it ignores case, braces and dashes
/// after any four digits. `None` if it is not a UUID.
pub(crate) fn stored_uuid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?;
    let mut digits = String::with_capacity(36);
    let mut count = 0;
    let mut dash = false;
    for c in bare.chars() {
        if c == '-' && !dash && count > 0 && count % 4 == 0 && count < 32 {
            dash = true;
            continue;
        }
        dash = false;
        if matches!(count, 8 | 12 | 16 | 20) {
            digits.push('-');
        }
        digits.push(c.is_ascii_hexdigit().then(|| c.to_ascii_lowercase())?);
        count += 1;
    }
    (count == 32 && !dash).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_uuids_and_follow_the_seed() {
        let (mut a, mut b) = (Ids::new(7), Ids::new(7));
        let id = a.uuid();
        assert!(is_uuid(&id), "{id}");
        assert_eq!(id.len(), 36);
        assert_eq!(id, b.uuid());
        assert_ne!(id, a.uuid());
    }

    #[test]
    fn spellings_of_uuids_that_the_database_accepts() {
        let id = "6f6e1fd0-ff57-4b3e-b1f3-2ba864e7099e";
        for text in [
            id,
            "6F6E1FD0-FF57-4B3E-B1F3-2BA864E7099E",
            "6f6e1fd0ff574b3eb1f32ba864e7099e",
            "{6f6e1fd0-ff57-4b3e-b1f3-2ba864e7099e}",
            "6f6e-1fd0-ff57-4b3e-b1f3-2ba8-64e7-099e",
        ] {
            assert_eq!(stored_uuid(text).as_deref(), Some(id), "{text}");
        }
        for text in
            ["", "nosuch", "{6f6e", "6f6e1fd0-", &id[1..], "6f-6e1fd0ff574b3eb1f32ba864e7099e"]
        {
            assert_eq!(stored_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn what_counts_as_a_uuid() {
        assert!(is_uuid("00000000000000000000000000000000"));
        assert!(!is_uuid("00000000-0000-0000-0000-00000000000"));
        assert!(!is_uuid("0000000A-0000-0000-0000-000000000000"));
        assert!(!is_uuid("notauuid"));
    }
}
