//! Timestamps that preserve their text.

use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A time as the controller writes it: RFC 3339 in UTC with 0 to 9 fractional digits.
///
/// It preserves the text, so that a value is written back exactly as it was read. An unset time can be
/// `0001-01-01T00:00:00Z` (see [`is_zero`](Self::is_zero)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(Box<str>);

impl Timestamp {
    /// Returns the text as the server wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is Go's zero time, or empty: both mean "not set".
    pub fn is_zero(&self) -> bool {
        self.0.is_empty() || self.0.starts_with("0001-01-01T00:00:00")
    }

    /// Returns the nanoseconds since 1970-01-01T00:00:00Z, or `None` if the text is not an RFC 3339 time.
    pub fn unix_nanos(&self) -> Option<i128> {
        self.0.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_nanosecond)
    }

    /// Converts to a [`SystemTime`], or returns `None` if the text is not an RFC 3339 time or is out of the platform's
    /// range.
    pub fn to_system_time(&self) -> Option<SystemTime> {
        let nanos = self.unix_nanos()?;
        let size = nanos.unsigned_abs();
        let length = Duration::new(
            u64::try_from(size / 1_000_000_000).ok()?,
            u32::try_from(size % 1_000_000_000).ok()?,
        );
        if nanos < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(length)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(length)
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Compares the times; a text that is not a time comes first. Equal times with different spelling are compared by their
/// text.
impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.unix_nanos().cmp(&other.unix_nanos()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Timestamp {
    type Err = Infallible;

    /// Accepts any text; [`unix_nanos`](Self::unix_nanos) returns `None` if it is not a time.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl From<&str> for Timestamp {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Timestamp {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Converts to RFC 3339 in UTC. A time outside the calendar's range becomes the zero time.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match jiff::Timestamp::try_from(time) {
            Ok(time) => Self(time.to_string().into()),
            Err(_) => Self::from("0001-01-01T00:00:00Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_text_and_converts() {
        for text in
            ["2026-11-22T21:54:31.701972Z", "2026-11-22T21:54:31Z", "2026-11-22T21:54:31.70Z"]
        {
            let json = format!("\"{text}\"");
            let time: Timestamp = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&time).unwrap(), json);
            assert!(time.to_system_time().unwrap() > SystemTime::UNIX_EPOCH);
        }
        let time = Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
        assert_eq!(time.as_str(), "1970-01-01T00:00:01.5Z");
        assert_eq!(time.unix_nanos(), Some(1_500_000_000));
        assert!(Timestamp::from("1970-01-01T00:00:01.45Z") < time);
        assert!(Timestamp::from("1970-01-01T00:00:01.500Z") != time && "soon".parse() < Ok(time));
    }

    #[test]
    fn the_zero_time_is_before_everything() {
        let zero = Timestamp::from("0001-01-01T00:00:00Z");
        assert!(zero.is_zero() && Timestamp::default().is_zero());
        assert!(zero.unix_nanos().unwrap() < 0);
        assert_eq!(Timestamp::from("yesterday").to_system_time(), None);
    }
}
