//! Decodes answers: strict about shapes, and with limits.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use memchr::{memchr_iter, memchr3_iter};
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny,
    SeqAccess, Visitor,
};

use crate::error::{Error, ErrorKind};

/// The default limit of objects in a list.
pub(crate) const LIST: usize = 100_000;

/// The limit of objects at all depths, as a multiple of the limit of a list.
const NESTED: usize = 10;

/// Decodes a whole document. `list` is the limit of objects in a list. The limit of objects at all depths is ten times
/// that, since an empty object takes 3 bytes of text but hundreds of bytes of memory.
pub(crate) fn decode<T: DeserializeOwned>(text: &[u8], list: usize) -> Result<T, Error> {
    with(text, list, Strict(PhantomData))
}

/// Decodes an answer that is one object.
pub(crate) fn decode_object<T: DeserializeOwned>(text: &[u8], list: usize) -> Result<T, Error> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(Error::new(ErrorKind::Decode, "a JSON list instead of an object"));
    }
    decode(text, list)
}

/// Decodes an answer that is a list of objects; `null` is an empty list.
pub(crate) fn decode_list<T: DeserializeOwned>(text: &[u8], list: usize) -> Result<Vec<T>, Error> {
    let is_too_long = Cell::new(false);
    let seed = List { most: list, is_too_long: &is_too_long, item: PhantomData };
    with(text, list, seed).map_err(|error| {
        if is_too_long.get() {
            too_large(&format!("a list of more than {list} objects"))
        } else {
            error
        }
    })
}

fn with<'a, S: DeserializeSeed<'a>>(
    text: &'a [u8],
    list: usize,
    seed: S,
) -> Result<S::Value, Error> {
    let most = list.saturating_mul(NESTED);
    if has_more_objects_than(text, most) {
        return Err(too_large(&format!("a document of more than {most} objects")));
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = seed.deserialize(&mut json);
    value.and_then(|value| json.end().map(|()| value)).map_err(|error| decode_error(&error, text))
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::TooLarge, format!("{what}; see `ClientBuilder::max_list_length`"))
}

/// Returns whether a text has more objects at all depths. The first two conditions are quick and usually suffice.
fn has_more_objects_than(text: &[u8], most: usize) -> bool {
    text.len() / 2 > most && memchr_iter(b'{', text).count() > most && objects(text) > most
}

/// Counts the opening braces outside strings.
fn objects(text: &[u8]) -> usize {
    let (mut count, mut is_string, mut escaped) = (0, false, None);
    for at in memchr3_iter(b'{', b'"', b'\\', text) {
        if escaped.take() == Some(at) {
            continue;
        }
        match text.get(at) {
            Some(b'\\') => escaped = Some(at + 1),
            Some(b'"') => is_string = !is_string,
            _ => count += usize::from(!is_string),
        }
    }
    count
}

/// Describes an error by its position and category. serde's own message quotes values ("invalid type: string \"...\""),
/// which can be secrets.
fn decode_error(error: &serde_json::Error, text: &[u8]) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Data => "JSON of another shape than expected",
        serde_json::error::Category::Eof if text.iter().all(u8::is_ascii_whitespace) => {
            return Error::new(ErrorKind::Decode, "an empty body instead of JSON");
        }
        serde_json::error::Category::Eof => "JSON that ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            match not_json(text) {
                Some(what) => {
                    return Error::new(ErrorKind::Decode, format!("{what} instead of JSON"));
                }
                None => "a body that is not JSON",
            }
        }
    };
    Error::new(
        ErrorKind::Decode,
        format!("{what}, at line {} column {}", error.line(), error.column()),
    )
}

/// Describes a body that does not even start like JSON, such as the page of a proxy.
pub(crate) fn not_json(body: &[u8]) -> Option<&'static str> {
    match body.trim_ascii_start() {
        [b'<', ..] => Some("HTML"),
        [] | [b'{' | b'[' | b'"' | b'-' | b'0'..=b'9', ..] => None,
        text if [&b"true"[..], b"false", b"null"].iter().any(|word| text.starts_with(word)) => None,
        text if std::str::from_utf8(text).is_err() => Some("binary data"),
        _ => Some("text"),
    }
}

/// Decodes a `T`, but does not accept an array for a struct.
struct Strict<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Strict<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(NoArrays(deserializer))
    }
}

/// A deserializer that decodes structs only from JSON objects. serde would also accept an array with the fields in
/// order.
struct NoArrays<D>(D);

macro_rules! forward {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(visitor)
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for NoArrays<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Decodes a list of limited length.
struct List<'a, T> {
    most: usize,
    /// Set if there were more objects.
    is_too_long: &'a Cell<bool>,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for List<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.most {
            match seq.next_element_seed(Strict(PhantomData))? {
                Some(item) => items.push(item),
                None => return Ok(items),
            }
        }
        if seq.next_element::<IgnoredAny>()?.is_some() {
            self.is_too_long.set(true);
            return Err(A::Error::custom("too many objects"));
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Pair {
        a: u32,
        b: Option<u32>,
    }

    #[test]
    fn errors_give_the_position_and_no_value() {
        let error = decode::<u32>(b"\n \"s3cret\"", LIST).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        let text = format!("{error} {error:?}");
        assert!(text.contains("line 2") && !text.contains("s3cret"), "{text}");
        let error = decode_list::<Pair>(b"<!DOCTYPE html>", LIST).unwrap_err();
        assert_eq!(error.message(), "HTML instead of JSON");
    }

    #[test]
    fn no_array_is_taken_for_an_object() {
        assert_eq!(decode::<Pair>(b" {\"a\":1}", LIST).unwrap(), Pair { a: 1, b: None });
        assert!(decode::<Pair>(b" [1, 2]", LIST).is_err());
        assert_eq!(decode::<Vec<u32>>(b"[1, 2]", LIST).unwrap(), [1, 2]);
        assert_eq!(decode_list::<Pair>(b"[{\"b\":2},{}]", LIST).unwrap().len(), 2);
        assert!(decode_list::<Pair>(b"[{},[1,2]]", LIST).is_err());
        assert!(decode_list::<Pair>(b"{}", LIST).is_err());
        assert!(decode_list::<Pair>(b"null", LIST).unwrap().is_empty());
        assert!(decode_list::<Pair>(b"[] []", LIST).is_err());
    }

    #[test]
    fn objects_are_counted() {
        assert_eq!(decode_list::<Pair>(b"[{},{},{}]", 3).unwrap().len(), 3);
        let error = decode_list::<Pair>(b"[{},{},{}]", 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let nested = format!("[{{\"c\":[{}]}}]", ["{}"; 20].join(","));
        let list = |most| decode_list::<Pair>(nested.as_bytes(), most);
        assert_eq!(list(2).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(list(3).unwrap().len(), 1);
        let braces = format!("{:?}", "{\\\"{".repeat(50));
        assert!(decode::<String>(braces.as_bytes(), 1).is_ok());
    }
}
