//! Times as Go prints them: RFC 3339 in UTC, as many fractional digits as needed.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A time with the precision of the database, a microsecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Time(Timestamp);

/// 0001-01-01T00:00:00Z in seconds of the Unix epoch: Go's zero time.
const GO_ZERO: i64 = -62_135_596_800;

impl Time {
    /// Creates the time, truncated to microseconds.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
    }

    /// Creates the time with all digits, for values that are not from the database.
    pub(crate) fn precise(at: Timestamp) -> Self {
        Self(at)
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Returns the time one microsecond later.
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(SignedDuration::from_micros(1)).unwrap_or(self.0))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self(Timestamp::from_second(GO_ZERO).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Time {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The start of a decoding error for a time that is not RFC 3339. Go reports it separately from JSON errors.
pub(crate) const BAD_TIME: &str = "parsing time";

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Text that is not a time has its own kind of error, and `null` is ignored.
        let parsed = match Option::<Value>::deserialize(deserializer)? {
            None => return Ok(Self::default()),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        parsed.ok_or_else(|| serde::de::Error::custom(BAD_TIME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        for text in
            ["0001-01-01T00:00:00Z", "2026-11-22T21:32:31.055341Z", "2026-11-22T21:32:31.1Z"]
        {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        assert_eq!(Time::default().to_string(), "0001-01-01T00:00:00Z");
    }
}
