//! JSON of unknown shape.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};

mod decode;

pub(crate) use decode::{LIST, decode, decode_list, decode_object, not_json};

/// A JSON document, kept unchanged and decoded on request.
///
/// `Debug` shows only its length, because the data of events, the configuration of resources and the detail of errors
/// can contain keys and private keys.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Encodes a value.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::InvalidInput`] if the value has no JSON form, such as a map whose keys are not strings.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "the value cannot be written as JSON"))
    }

    /// Returns the text of the document. It can contain secrets.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Decodes the document.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Decode`] if the document has another shape; the message has the position, but never
    /// quotes the text. A struct is not decoded from an array. Fails with [`ErrorKind::TooLarge`] if the document
    /// contains more than a million objects.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(self.as_str().as_bytes(), LIST)
    }

    /// Converts the document to a [`serde_json::Value`].
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Decode`] if a [`serde_json::Value`] cannot represent the document: it has a number such
    /// as `1e400`, half of a surrogate pair, or a depth of more than 127. [`as_str`](Self::as_str) always works.
    pub fn to_value(&self) -> Result<serde_json::Value, Error> {
        self.decode()
    }

    /// Returns whether the document is `null` or was left out by the server.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }
}

/// `null`.
impl Default for Json {
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        serde_json::value::to_raw_value(&value).map(Self).unwrap_or_default()
    }
}

/// Compares values, so spacing and the order of keys do not matter. Numbers are compared exactly, without conversion to
/// a Rust type. If a document is more than 100 levels deep, or a string contains half of a surrogate pair, the text is
/// compared.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.as_str(), other.as_str(), 100)
    }
}

fn is_same(one: &str, other: &str, depth: usize) -> bool {
    type Map<'a> = BTreeMap<String, &'a RawValue>;
    if one == other {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let first = |text: &str| text.bytes().next().unwrap_or_default();
    match (first(one), first(other)) {
        (b'{', b'{') => match (parse::<Map<'_>>(one), parse::<Map<'_>>(other)) {
            (Some(one), Some(other)) => {
                one.len() == other.len()
                    && one.iter().zip(&other).all(|((key, value), (other_key, other_value))| {
                        key == other_key && is_same(value.get(), other_value.get(), depth)
                    })
            }
            _ => false,
        },
        (b'[', b'[') => match (parse::<Vec<&RawValue>>(one), parse::<Vec<&RawValue>>(other)) {
            (Some(one), Some(other)) => {
                one.len() == other.len()
                    && one.iter().zip(&other).all(|(a, b)| is_same(a.get(), b.get(), depth))
            }
            _ => false,
        },
        (b'"', b'"') => {
            let one = parse::<String>(one);
            one.is_some() && one == parse(other)
        }
        (b'-' | b'0'..=b'9', b'-' | b'0'..=b'9') => {
            let one = decimal(one);
            one.is_some() && one == decimal(other)
        }
        _ => false,
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Returns the sign, the digits without leading and trailing zeros, and the exponent of the last digit.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_negative = whole.starts_with('-');
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some((is_negative, String::new(), 0));
    }
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let power = exponent.checked_sub(places)?.checked_add(zeros)?;
    Some((is_negative, significant.to_owned(), power))
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json([{} bytes])", self.as_str().len())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// Decodes `null` as an empty list or map.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// For `skip_serializing_if`: leaves `false` out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

/// For `skip_serializing_if`: leaves out a default value.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_document_passes_through_unchanged() {
        let text = "{\"b\":1.0,\"a\":[\"x\"]}";
        let document = json(text);
        assert_eq!(serde_json::to_string(&document).unwrap(), text);
        assert!(!format!("{document:?}").contains('x'));
        let through_value: Json = serde_json::from_value(document.to_value().unwrap()).unwrap();
        assert_eq!(through_value, document);
    }

    #[test]
    fn documents_are_equal_when_their_values_are() {
        let deep =
            |inner: &str, levels| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
        for (one, other, equal) in [
            (r#"{"a":1,"b":[true,null]}"#, r#"{ "b": [true, null], "a": 1 }"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#, false),
            (r#"{"a":1}"#, r#"{"b":1}"#, false),
            ("[1,2]", "[2,1]", false),
            (r#""\u0061\/""#, r#""a/""#, true),
            ("1e400", "1e401", false),
            ("1e400", "10E399", true),
            ("1e400", "null", false),
            ("1", "1.0", true),
            ("-0.010", "-1e-2", true),
            ("0", "0.0e9", true),
            ("18446744073709551617", "18446744073709551618", false),
            ("0.1000000000000000000001", "0.1", false),
            ("1e99999999999999999999", "1e99999999999999999999", true),
            ("1e99999999999999999999", "2e99999999999999999999", false),
            (r#""\ud800""#, r#""\ud801""#, false),
            (r#""\ud800""#, "null", false),
            (&deep("1", 90), &deep(" 1 ", 90), true),
            (&deep("1", 130), &deep("2", 130), false),
            (&deep("1", 130), &deep("1", 130), true),
            (&deep("1", 100_000), &deep("2", 100_000), false),
        ] {
            assert_eq!(json(one) == json(other), equal, "{one:.40} {other:.40}");
            assert_eq!(json(other) == json(one), equal, "{other:.40} {one:.40}");
        }
        for text in ["1e400", r#""\ud800""#, &deep("1", 200)] {
            assert_eq!(json(text).to_value().unwrap_err().kind(), ErrorKind::Decode, "{text}");
        }
    }
}
