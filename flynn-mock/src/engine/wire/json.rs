//! Bodies as Go's `encoding/json` reads and writes them.

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::error::{Fail, Reply};
use super::time::BAD_TIME;
use crate::engine::{Answer, Request, ServerAge};

/// Whether Go's `omitempty` leaves the value out.
pub(crate) fn empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// JSON text with `&`, `<` and `>` escaped.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    if !text.contains(['&', '<', '>', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("\\u0026"),
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A 200 with this document.
#[allow(clippy::unnecessary_wraps, reason = "handlers end with it")]
pub(crate) fn json(value: &impl Serialize) -> Reply {
    Ok(Answer::full(StatusCode::OK, "application/json", to_json(value)))
}

/// The first JSON value of the body.
fn first_value(age: ServerAge, request: &Request) -> Result<Value, Fail> {
    if age == ServerAge::V2021 && !request.header_text("content-type").contains("application/json")
    {
        return Err(Fail::invalid("Content-Type must be application/json"));
    }
    let mut values = serde_json::Deserializer::from_slice(&request.body).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        // Go's decoder reports the end of the input apart from syntax errors.
        None => Err(Fail::unknown()),
        Some(Err(error)) if error.classify() == Category::Eof => Err(Fail::unknown()),
        Some(Err(_)) => Err(Fail::syntax()),
    }
}

/// Decodes the body into a document; `null` and missing fields leave defaults.
pub(crate) fn decode<T: DeserializeOwned>(age: ServerAge, request: &Request) -> Result<T, Fail> {
    let value = match first_value(age, request)? {
        Value::Null => Value::Object(Map::new()),
        Value::Object(fields) => Value::Object(fold_case(fields)),
        _ => return Err(Fail::syntax()),
    };
    serde_json::from_value(without_nulls(value, "")).map_err(|error| {
        if error.to_string().contains(BAD_TIME) { Fail::unknown() } else { Fail::syntax() }
    })
}

/// Decodes the body into a map with the fields as they came; `None` for a body `null`.
pub(crate) fn decode_map(
    age: ServerAge,
    request: &Request,
) -> Result<Option<Map<String, Value>>, Fail> {
    match first_value(age, request)? {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(Fail::syntax()),
    }
}

/// Go matches the names of fields without regard to case; an exact match wins.
fn fold_case(fields: Map<String, Value>) -> Map<String, Value> {
    let (mut exact, other): (Map<_, _>, Map<_, _>) =
        fields.into_iter().partition(|(name, _)| !name.bytes().any(|b| b.is_ascii_uppercase()));
    for (name, value) in other {
        exact.entry(name.to_ascii_lowercase()).or_insert(value);
    }
    exact
}

/// Drops `null` fields; in maps of strings or numbers `null` is the zero value instead.
fn without_nulls(value: Value, name: &str) -> Value {
    match value {
        // Kept as they are: raw JSON.
        Value::Object(fields) if matches!(name, "config" | "manifest") => Value::Object(fields),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter_map(|(key, value)| {
                    let value = match (value, name) {
                        (Value::Null, "env" | "meta" | "hashes") => Value::String(String::new()),
                        (Value::Null, "processes" | "new_processes" | "old_processes") => {
                            Value::from(0)
                        }
                        (Value::Null, _) => return None,
                        (other, _) => without_nulls(other, &key),
                    };
                    Some((key, value))
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| match item {
                    Value::Null => Value::String(String::new()),
                    other => without_nulls(other, ""),
                })
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Doc {
        name: String,
        count: i32,
    }

    fn read(body: &str) -> Result<Doc, Fail> {
        decode(ServerAge::V2021, &Request::new(Method::POST, "/").json(body.to_owned()))
    }

    #[test]
    fn go_errors() {
        assert_eq!(read(""), Err(Fail::unknown()));
        assert_eq!(read("{"), Err(Fail::unknown()));
        assert_eq!(read("{bad"), Err(Fail::syntax()));
        assert_eq!(read("[]"), Err(Fail::syntax()));
        assert_eq!(read(r#"{"count":"1"}"#), Err(Fail::syntax()));
        assert_eq!(read(r#"{"count":1.5}"#), Err(Fail::syntax()));
    }

    #[test]
    fn go_leniency() {
        let a = Doc { name: "a".to_owned(), count: 0 };
        assert_eq!(read(r#"{"name":"a","x":1} trailing"#), Ok(a));
        assert_eq!(read("null"), Ok(Doc::default()));
        assert_eq!(read(r#"{"NAME":"a","count":null}"#).unwrap().name, "a");
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(to_json(&"a&b<c>"), r#""a\u0026b\u003cc\u003e""#);
    }
}
