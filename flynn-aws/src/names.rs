//! Checked names of buckets and regions, and Flynn's versions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// The name of an S3 bucket.
///
/// [`FromStr`] applies AWS's rules for new general purpose buckets. A bucket that was created in `us-east-1` before
/// March 2018 can have a name that breaks them: use [`BucketName::existing`] for those.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct BucketName(String);

impl BucketName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks the name of an existing bucket, which may break the rules for new buckets.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Bucket`] if no bucket was ever allowed to have the name.
    pub fn existing(name: &str) -> Result<Self, Error> {
        let strict = name.parse::<Self>();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if strict.is_err() && (3..=255).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        strict
    }

    /// Returns whether the name breaks the rules for new buckets.
    pub fn is_legacy(&self) -> bool {
        broken_rule(&self.0).is_some()
    }
}

/// Returns the rule for new buckets that a name breaks.
fn broken_rule(name: &str) -> Option<&'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let reserved_start = ["xn--", "sthree-", "amzn-s3-demo-"];
    let reserved_end = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    if !(3..=63).contains(&name.len()) {
        Some("use 3 to 63 characters")
    } else if !name.bytes().all(allowed) {
        Some("use lower-case letters, digits, hyphens and dots")
    } else if !edge(name.bytes().next()) || !edge(name.bytes().next_back()) {
        Some("it must begin and end with a letter or a digit")
    } else if name.contains("..") {
        Some("two dots must not be adjacent")
    } else if name.split('.').count() == 4 && name.split('.').all(digits) {
        Some("it is formatted as an IP address")
    } else if reserved_start.iter().any(|p| name.starts_with(p))
        || reserved_end.iter().any(|p| name.ends_with(p))
    {
        Some("AWS reserves the prefix or suffix")
    } else if name.strip_suffix("-an").is_some_and(|rest| !in_account_namespace(rest)) {
        Some("AWS reserves the suffix -an for <prefix>-<account>-<region>-an")
    } else {
        None
    }
}

/// Returns whether a name without its `-an` is `<prefix>-<12 digits>-<region>`.
fn in_account_namespace(name: &str) -> bool {
    name.match_indices('-').any(|(at, _)| {
        let (before, region) = (name.get(..at).unwrap_or(""), name.get(at + 1..).unwrap_or(""));
        let account = before.rsplit_once('-').filter(|(prefix, _)| !prefix.is_empty());
        let account = account.map(|(_, account)| account);
        region.parse::<Region>().is_ok()
            && account.is_some_and(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit()))
    })
}

impl FromStr for BucketName {
    type Err = Error;

    /// Checks the name of a new bucket.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Bucket`] with the rule that it breaks.
    fn from_str(name: &str) -> Result<Self, Error> {
        match broken_rule(name) {
            None => Ok(Self(name.to_owned())),
            Some(rule) => Err(Error::new(
                ErrorKind::Bucket,
                format!("{name:?} cannot be the name of an S3 bucket: {rule}"),
            )),
        }
    }
}

/// The name of an AWS region, such as `eu-west-1`.
///
/// A name is accepted if a partition's pattern in AWS's `partitions.json` covers it, so a new region needs no new
/// version of this crate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(String);

/// The prefixes of region names, longer ones first, and their partition.
const PARTITIONS: [(&str, &str); 16] = [
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-de-", "aws-eusc"),
    ("cn-", "aws-cn"),
    ("us-", "aws"),
    ("eu-", "aws"),
    ("ap-", "aws"),
    ("sa-", "aws"),
    ("ca-", "aws"),
    ("me-", "aws"),
    ("af-", "aws"),
    ("il-", "aws"),
    ("mx-", "aws"),
];

/// The regions that opened before 2019. Later ones do not have the S3 endpoint `s3-<region>.amazonaws.com`.
const BEFORE_2019: [&str; 20] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "cn-north-1",
    "cn-northwest-1",
    "us-gov-east-1",
    "us-gov-west-1",
];

impl Region {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the partition that ARNs in this region carry: `aws`, `aws-cn`, `aws-us-gov` and so on.
    pub fn partition(&self) -> &'static str {
        partition_of(&self.0).unwrap_or("aws")
    }

    /// Returns whether Flynn's S3 client can build the region's endpoint. It knows `amazonaws.com` and
    /// `amazonaws.com.cn`; the European sovereign cloud and the isolated regions have other domains.
    pub fn has_flynn_endpoint(&self) -> bool {
        matches!(self.partition(), "aws" | "aws-cn" | "aws-us-gov")
    }

    /// Returns whether the region opened before 2019.
    pub fn opened_before_2019(&self) -> bool {
        BEFORE_2019.contains(&self.as_str())
    }
}

/// Returns the partition of a region's name: a known prefix, one word, and a number without leading zeros.
fn partition_of(name: &str) -> Option<&'static str> {
    PARTITIONS.iter().find_map(|(start, partition)| {
        let (word, number) = name.strip_prefix(start)?.split_once('-')?;
        let word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        let number = !number.starts_with('0') && number.parse::<u8>().is_ok();
        (word && number).then_some(*partition)
    })
}

impl FromStr for Region {
    type Err = Error;

    /// Checks a name.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Region`]. The message distinguishes an availability zone, a FIPS endpoint and an
    /// unexpanded variable from other mistakes.
    fn from_str(name: &str) -> Result<Self, Error> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Region, why));
        if partition_of(name).is_some() {
            return Ok(Self(name.to_owned()));
        }
        let zone = name.strip_suffix(|c: char| c.is_ascii_lowercase());
        if let Some(region) = zone.filter(|region| partition_of(region).is_some()) {
            return refuse(format!("{name:?} is an availability zone: its region is {region:?}"));
        }
        let fips = name.strip_prefix("fips-").or(name.strip_suffix("-fips"));
        if let Some(region) = fips.filter(|region| partition_of(region).is_some()) {
            return refuse(format!("{name:?} is a FIPS endpoint: its region is {region:?}"));
        }
        if name.contains("AWS_REGION") {
            return refuse(format!(
                "{name:?} is the name of a variable, not a region: it was not expanded"
            ));
        }
        refuse(format!("{name:?} is not an AWS region: write it like \"us-east-1\""))
    }
}

/// The version of a Flynn release, such as `v20161015.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FlynnVersion {
    date: u32,
    release: u32,
}

impl FlynnVersion {
    /// The first version of a day, such as `20161015`.
    pub(crate) const fn of_day(date: u32) -> Self {
        Self { date, release: 0 }
    }
}

impl FromStr for FlynnVersion {
    type Err = Error;

    /// Parses `v20161015.2`; the `v` is optional.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Version`] if the text is not a version.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix('v').unwrap_or(text);
        let (date, release) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        match (date.len() == 8 && plain(date) && plain(release), date.parse(), release.parse()) {
            (true, Ok(date), Ok(release)) => Ok(Self { date, release }),
            _ => Err(Error::new(
                ErrorKind::Version,
                format!("{text:?} is not a Flynn version: write it like v20161015.2"),
            )),
        }
    }
}

impl fmt::Display for FlynnVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.date, self.release)
    }
}

impl From<FlynnVersion> for String {
    fn from(version: FlynnVersion) -> Self {
        version.to_string()
    }
}

/// Implements `Display`, and serde's traits from and to text.
macro_rules! text {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }
    )+};
}
pub(crate) use text;

text!(BucketName, Region, FlynnVersion);

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_the_rules_of_s3() {
        for good in [
            "abc",
            "acme-flynn-blobs",
            "a.b-c.1",
            "flynnblobstore",
            "10.0.0",
            "acme-123456789012-us-east-1-an",
            "urban",
        ] {
            assert!(good.parse::<BucketName>().is_ok(), "{good}");
        }
        for bad in [
            "ab",
            "Acme",
            "a_b_c",
            "-abc",
            "abc-",
            "a..b",
            "10.0.0.1",
            "999.1.1.1",
            "xn--abc",
            "abc--x-s3",
            "abc-an",
            "acme-123456789012-us-east-01-an",
            "acme-12345678901-us-east-1-an",
            "$BUCKET",
            "a b c",
            "",
        ] {
            let error = bad.parse::<BucketName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bucket, "{bad}");
        }
        assert!("x".repeat(64).parse::<BucketName>().is_err());
    }

    #[test]
    fn buckets_that_exist_may_break_todays_rules() {
        for old in ["Acme_Blobs", "a_b_c", "-abc", &"x".repeat(255)] {
            assert!(BucketName::existing(old).unwrap().is_legacy(), "{old}");
        }
        assert!(!BucketName::existing("acme-blobs").unwrap().is_legacy());
        for bad in ["", "ab", "a b c", "a/b/c", "$(x)", &"x".repeat(256)] {
            assert!(BucketName::existing(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_follow_the_patterns_of_their_partitions() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("ap-southeast-2", "aws"),
            ("eu-west-1", "aws"),
            ("mx-central-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(region.parse::<Region>().unwrap().partition(), partition, "{region}");
        }
        for bad in [
            "",
            "us-east",
            "US-EAST-1",
            "us--1",
            "1",
            "us-east-1-2",
            "us-east-01",
            "us-east-0",
            "fips-us-gov-west-1",
            "xx-east-1",
            "aws-global",
            "\"us-east-1\"",
        ] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }

    #[test]
    fn common_mistakes_are_named() {
        for (bad, says) in [
            ("us-east-1a", "availability zone: its region is \"us-east-1\""),
            ("fips-us-gov-west-1", "FIPS endpoint: its region is \"us-gov-west-1\""),
            ("AWS_REGION", "not expanded"),
        ] {
            let error = bad.parse::<Region>().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn versions_are_ordered() {
        let version = |text: &str| text.parse::<FlynnVersion>().unwrap();
        assert!(version("v20161015.2") < version("v20161015.10"));
        assert!(version("v20161015.2") > FlynnVersion::of_day(20_160_924));
        assert_eq!(version("20161015.2").to_string(), "v20161015.2");
        for bad in ["dev", "", "v2016", "v20161015.x", "v20161015.-1", "v+0161015.1"] {
            assert_eq!(
                bad.parse::<FlynnVersion>().unwrap_err().kind(),
                ErrorKind::Version,
                "{bad}"
            );
        }
    }
}
