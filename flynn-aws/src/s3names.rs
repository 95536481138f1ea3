//! Names of S3 buckets and of AWS regions, checked for their shape.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The name of an S3 bucket, by AWS's rules for general purpose buckets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName(String);

impl BucketName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = Error;

    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::Bucket`] with the rule that it breaks.
    fn from_str(name: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Err(Error::new(
                ErrorKind::Bucket,
                format!("{name:?} cannot be the name of an S3 bucket: {why}"),
            ))
        };
        if !(3..=63).contains(&name.len()) {
            return refuse("3 to 63 characters are allowed");
        }
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        if !name.bytes().all(allowed) {
            return refuse("lower-case letters, digits, hyphens and dots are allowed");
        }
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        if !edge(name.bytes().next()) || !edge(name.bytes().next_back()) {
            return refuse("it must begin and end with a letter or a digit");
        }
        if name.contains("..") {
            return refuse("two dots may not stand side by side");
        }
        if name.parse::<Ipv4Addr>().is_ok() {
            return refuse("it looks like an IP address");
        }
        let reserved_start = ["xn--", "sthree-", "amzn-s3-demo-"];
        let reserved_end = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
        if reserved_start.iter().any(|p| name.starts_with(p))
            || reserved_end.iter().any(|p| name.ends_with(p))
        {
            return refuse("AWS keeps that prefix or suffix for itself");
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an AWS region, such as `eu-west-1`. Only the shape is checked: regions are added often.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that ARNs in this region carry: `aws`, `aws-cn`, `aws-us-gov` and so on, by the patterns that
    /// AWS's own SDKs have in their `partitions.json`.
    pub fn partition(&self) -> &'static str {
        const OTHERS: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        let other = OTHERS.iter().find(|(prefix, _)| self.0.starts_with(prefix));
        other.map_or("aws", |(_, partition)| partition)
    }
}

impl FromStr for Region {
    type Err = Error;

    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::Region`]; an availability zone and an unexpanded variable are named as such.
    fn from_str(name: &str) -> Result<Self, Error> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Region, why));
        if looks_like_region(name) {
            return Ok(Self(name.to_owned()));
        }
        let zone = name.strip_suffix(|c: char| c.is_ascii_lowercase());
        if let Some(region) = zone.filter(|region| looks_like_region(region)) {
            return refuse(format!("{name:?} is an availability zone, its region is {region:?}"));
        }
        if name.contains("AWS_REGION") {
            return refuse(format!(
                "{name:?} is the name of a variable, not a region: it was not expanded"
            ));
        }
        refuse(format!("{name:?} does not look like an AWS region, such as \"us-east-1\""))
    }
}

/// Lower-case words joined by hyphens, three at least, of which the last is a number.
fn looks_like_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let Some((number, words)) = parts.split_last() else {
        return false;
    };
    words.len() >= 2
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
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
        for good in ["abc", "acme-flynn-blobs", "a.b-c.1", "flynnblobstore"] {
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
            "xn--abc",
            "abc--x-s3",
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
    fn regions_are_known_by_their_shape() {
        for good in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "eusc-de-east-1"] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in ["", "us-east", "US-EAST-1", "us--1", "1", "us-east-1-2", "\"us-east-1\""] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
        let zone = "us-east-1a".parse::<Region>().unwrap_err().to_string();
        assert!(zone.contains("availability zone") && zone.contains("\"us-east-1\""), "{zone}");
        let variable = "AWS_REGION".parse::<Region>().unwrap_err().to_string();
        assert!(variable.contains("not expanded"), "{variable}");
    }

    #[test]
    fn regions_know_their_partition() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("eu-west-1", "aws"),
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
    }
}
