use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, ErrorKind};

/// A time in whole seconds of UTC, from the year 1950 to 9999, as in certificates.
///
/// `Display` and `FromStr` use RFC 3339: `2027-01-31T23:59:59Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// Returns the time of this machine's clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Creates a time from seconds since 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z; negative before.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Adds days, or subtracts them if negative.
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days as i64 * 86_400))
    }

    /// Returns the whole days since `earlier`, rounded down.
    pub const fn days_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(86_400)
    }

    pub(crate) fn to_pki(self) -> rustls_pki_types::UnixTime {
        let since = Duration::from_secs(u64::try_from(self.0).unwrap_or(0));
        rustls_pki_types::UnixTime::since_unix_epoch(since)
    }

    pub(crate) fn from_pki(time: rustls_pki_types::UnixTime) -> Self {
        Self(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(seconds(after)),
            Err(before) => Self(-seconds(before.duration())),
        }
    }
}

impl FromStr for Time {
    type Err = Error;

    /// Parses RFC 3339 with any offset. Drops fractions of a second.
    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse::<Timestamp>().map(|t| Self(t.as_second())).map_err(|e| {
            let message = format!("{text:?} is not a time such as 2027-01-31T23:59:59Z");
            Error::because(ErrorKind::Time, message, e)
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Civil arithmetic, because jiff's `Timestamp` ends before 9999-12-31T23:59:59Z, the date of certificates
        // "without end".
        const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
        match EPOCH.checked_add(SignedDuration::from_secs(self.0)) {
            Ok(civil) => write!(f, "{civil}Z"),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_certificates_is_shown() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-631_152_000, "1950-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (1_801_439_999, "2027-01-31T23:59:59Z"),
        ] {
            assert_eq!(Time::from_unix(seconds).to_string(), text);
        }
        assert_eq!(Time::from_unix(i64::MAX).to_string(), format!("@{}", i64::MAX));
    }

    #[test]
    fn rfc3339_is_read_with_offset_and_nothing_else() {
        let t: Time = "2027-02-01T00:59:59.9+01:00".parse().unwrap();
        assert_eq!(t.to_string(), "2027-01-31T23:59:59Z");
        for bad in ["", "2027-01-31", "yesterday", "2027-13-01T00:00:00Z"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_round_towards_the_past() {
        let t = Time::from_unix(86_400);
        assert_eq!(t.plus_days(1).days_since(t), 1);
        assert_eq!(Time::from_unix(86_399).days_since(t), -1);
        assert_eq!(Time::from_unix(172_799).days_since(t), 0);
    }
}
