//! Decodes JSON to documents as Go's decoder fills structs: field names are case-insensitive, the last of duplicate
//! fields is used, `null` is the zero value, and types are not converted.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::parse::Json;
use crate::store::BAD_TIME;

/// The reason why a value does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It has another type.
    Type,
    /// It is not a time.
    Time,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "wrong type",
            Self::Time => BAD_TIME,
        })
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        if message.to_string() == BAD_TIME { Self::Time } else { Self::Type }
    }
}

impl Json {
    fn visit_integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_i64(0),
            Self::Number(digits) => visitor.visit_i64(digits.parse().map_err(|_| Misfit::Type)?),
            _ => Err(Misfit::Type),
        }
    }

    fn visit_text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_str(""),
            Self::String(text) => visitor.visit_string(text),
            _ => Err(Misfit::Type),
        }
    }
}

/// Returns the fields of a struct under their own names, each once, in the order of the document.
fn own_fields(fields: Vec<(String, Json)>, names: &'static [&'static str]) -> Vec<(String, Json)> {
    let mut own: Vec<(String, Json)> = Vec::new();
    for (given, value) in fields {
        let exact = names.iter().find(|name| **name == given);
        let name = exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(&given)));
        let Some(name) = name else { continue };
        match own.iter_mut().find(|(known, _)| known == name) {
            Some((_, before)) => merge(before, value),
            None => own.push(((*name).to_owned(), value)),
        }
    }
    own
}

/// Merges a second value of a field: objects are merged, other values are replaced.
fn merge(before: &mut Json, value: Json) {
    match (before, value) {
        (Json::Object(fields), Json::Object(more)) => fields.extend(more),
        (before, value) => *before = value,
    }
}

impl<'de> Deserializer<'de> for Json {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let value = self.into_value();
        value
            .into_deserializer()
            .deserialize_any(visitor)
            .map_err(|_: serde_json::Error| Misfit::Type)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_bool(false),
            Self::Bool(flag) => visitor.visit_bool(flag),
            _ => Err(Misfit::Type),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit_integer(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit_integer(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit_integer(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit_text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit_text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_seq(Items(Vec::new().into_iter())),
            Self::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            _ => Err(Misfit::Type),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_map(Fields::new(Vec::new())),
            Self::Object(fields) => visitor.visit_map(Fields::new(fields)),
            _ => Err(Misfit::Type),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_map(Fields::new(Vec::new())),
            Self::Object(fields) => visitor.visit_map(Fields::new(own_fields(fields, names))),
            _ => Err(Misfit::Type),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

struct Items(std::vec::IntoIter<Json>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Fields {
    rest: std::vec::IntoIter<(String, Json)>,
    value: Json,
}

impl Fields {
    fn new(fields: Vec<(String, Json)>) -> Self {
        Self { rest: fields.into_iter(), value: Json::Null }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = value;
        seed.deserialize(StringDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(std::mem::replace(&mut self.value, Json::Null))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::Value;

    use super::super::parse::first;
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Inner {
        args: Vec<String>,
        env: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Doc {
        name: String,
        count: i32,
        flag: bool,
        inner: Inner,
        counts: Option<BTreeMap<String, i64>>,
        raw: Option<Value>,
    }

    fn read(text: &str) -> Result<Doc, Misfit> {
        Doc::deserialize(first(text.as_bytes()).unwrap())
    }

    #[test]
    fn case_does_not_matter_but_in_maps() {
        let doc = read(r#"{"NAME":"a","Inner":{"Args":["x"],"ENV":{"A":"1","a":"2"}}}"#).unwrap();
        assert_eq!(doc.name, "a");
        assert_eq!(doc.inner.args, ["x"]);
        assert_eq!(doc.inner.env.len(), 2);
    }

    #[test]
    fn the_last_of_duplicates_wins_and_objects_grow() {
        let doc =
            read(r#"{"name":"a","NAME":"b","inner":{"args":["x"]},"inner":{"env":{"k":"v"}}}"#);
        let doc = doc.unwrap();
        assert_eq!(doc.name, "b");
        assert_eq!(doc.inner.args, ["x"]);
        assert_eq!(doc.inner.env["k"], "v");
    }

    #[test]
    fn null_is_the_zero_value() {
        let text =
            r#"{"name":null,"count":null,"flag":null,"inner":null,"counts":null,"raw":null}"#;
        assert_eq!(read(text), Ok(Doc::default()));
        let doc =
            read(r#"{"inner":{"args":[null],"env":{"k":null}},"counts":{"web":null}}"#).unwrap();
        assert_eq!(doc.inner.args, [""]);
        assert_eq!(doc.inner.env["k"], "");
        assert_eq!(doc.counts.unwrap()["web"], 0);
    }

    #[test]
    fn nothing_is_converted() {
        for text in [
            r#"{"count":"1"}"#,
            r#"{"count":1.0}"#,
            r#"{"count":1e2}"#,
            r#"{"count":2147483648}"#,
            r#"{"name":1}"#,
            r#"{"flag":"true"}"#,
            r#"{"inner":[]}"#,
            r#"{"inner":{"env":{"k":1}}}"#,
            r#"{"counts":[]}"#,
            "[]",
        ] {
            assert_eq!(read(text), Err(Misfit::Type), "{text}");
        }
        assert_eq!(
            read(r#"{"unknown":[1,{"x":2}],"raw":{"A":[1.5]}}"#).unwrap().raw,
            Some(serde_json::json!({"A":[1.5]}))
        );
    }
}
