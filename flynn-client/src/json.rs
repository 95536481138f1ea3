//! JSON whose shape the crate does not know, or knows only when asked.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};

/// A JSON document as it came, decoded when it is asked for.
///
/// `Debug` shows its length only: the data of events, the configuration of resources and the detail
/// of errors hold keys and private keys.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the value has no JSON form (a map with keys that are no strings).
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "the value cannot be written as JSON"))
    }

    /// The text of the document. It can hold secrets.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Decodes the document.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] with the position, never the text, of what did not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(self.as_str().as_bytes())
    }

    /// The document as a value that can be walked.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }

    /// Whether the document is `null`, as it is where the server left it out.
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

/// Equal when the values are, whatever the spacing and the order of keys.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str() || self.to_value() == other.to_value()
    }
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

/// Decodes a whole answer.
pub(crate) fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| decode_error(&error, text))
}

/// Decodes a whole answer that is one object. serde would take a list for a struct, its fields in order.
pub(crate) fn decode_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(Error::new(ErrorKind::Decode, "a JSON list instead of an object"));
    }
    decode(text)
}

/// serde's own message quotes values ("invalid type: string \"...\""), which can be secrets: only the
/// position and the sort of fault go on.
fn decode_error(error: &serde_json::Error, text: &[u8]) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Data => "JSON of another shape than expected",
        serde_json::error::Category::Eof if text.iter().all(u8::is_ascii_whitespace) => {
            "an empty body instead of JSON"
        }
        serde_json::error::Category::Eof => "JSON that ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            "a body that is not JSON"
        }
    };
    Error::new(
        ErrorKind::Decode,
        format!("{what}, at line {} column {}", error.line(), error.column()),
    )
}

/// Lists and maps that are `null` on the wire are empty ones.
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

/// For `skip_serializing_if`: leaves out what equals the default.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_give_the_position_and_no_value() {
        let error = decode::<u32>(b"\n \"s3cret\"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        let text = format!("{error} {error:?}");
        assert!(text.contains("line 2") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn a_document_passes_through_unchanged() {
        let text = "{\"b\":1.0,\"a\":[\"x\"]}";
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        assert!(!format!("{json:?}").contains('x'));
        let through_value: Json = serde_json::from_value(json.to_value()).unwrap();
        assert_eq!(through_value, json);
    }
}
