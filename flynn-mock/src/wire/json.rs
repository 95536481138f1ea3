//! Reads and writes bodies as Go's `encoding/json` does.

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::error::Fail;
use super::into::Misfit;
use super::parse::{self, Broken, Json};
use super::request::Request;

/// An object whose fields are written in this order.
#[derive(Debug)]
pub(crate) struct Fields(pub(crate) Vec<(&'static str, Value)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Writes JSON text with `&`, `<` and `>` escaped.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    escaped(serde_json::to_string(value).unwrap_or_default())
}

/// Like [`to_json`], but indented.
pub(crate) fn to_pretty_json(value: &impl Serialize) -> String {
    escaped(serde_json::to_string_pretty(value).unwrap_or_default())
}

fn escaped(text: String) -> String {
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

/// The rules of a server for bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyRules {
    /// The maximum number of bytes of a body.
    pub(crate) most_read: usize,
    /// True if the content type must be JSON.
    pub(crate) json_type: bool,
    /// Top-level fields of later releases, which it ignores.
    pub(crate) unknown: &'static [&'static str],
}

/// Returns the first JSON value of the body. The rest is ignored.
fn first_value(rules: BodyRules, request: &Request) -> Result<Json, Fail> {
    if rules.json_type && !request.header_text("content-type").contains("application/json") {
        return Err(Fail::invalid("Content-Type must be application/json"));
    }
    let most = rules.most_read;
    let read = request.body.get(..most).unwrap_or(&request.body);
    parse::first(read).map_err(|broken| match broken {
        Broken::End if request.body.len() > most => {
            Fail::new("request_body_too_big", "The provided request body is too big")
        }
        // Go's decoder reports the end of the input apart from syntax errors.
        Broken::End => Fail::unknown(),
        Broken::Syntax => Fail::syntax(),
    })
}

/// Decodes the body into a document. `null` and missing fields keep their defaults.
pub(crate) fn decode<T: DeserializeOwned>(rules: BodyRules, request: &Request) -> Result<T, Fail> {
    decode_without(rules, request, &[])
}

fn into_document<T: DeserializeOwned>(value: Json) -> Result<T, Fail> {
    T::deserialize(value).map_err(|misfit| match misfit {
        Misfit::Type => Fail::syntax(),
        Misfit::Time => Fail::unknown(),
    })
}

/// Like [`decode`], for a document with fields that the server does not know.
pub(crate) fn decode_without<T: DeserializeOwned>(
    rules: BodyRules,
    request: &Request,
    unknown: &[&str],
) -> Result<T, Fail> {
    let mut value = first_value(rules, request)?;
    if let Json::Object(fields) = &mut value {
        fields.retain(|(name, _)| {
            let mut names = unknown.iter().chain(rules.unknown);
            !names.any(|unknown| unknown.eq_ignore_ascii_case(name))
        });
    }
    into_document(value)
}

/// Decodes the body into a map with unchanged fields; `None` for a body of `null`.
pub(crate) fn decode_map(
    rules: BodyRules,
    request: &Request,
) -> Result<Option<Map<String, Value>>, Fail> {
    match first_value(rules, request)? {
        Json::Null => Ok(None),
        Json::Object(fields) => Ok(Some(parse::into_map(fields))),
        _ => Err(Fail::syntax()),
    }
}

/// Returns a field of the body as it was sent, with the order of its keys.
pub(crate) fn sent(rules: BodyRules, request: &Request, name: &str) -> Option<impl Serialize> {
    let Ok(Json::Object(fields)) = first_value(rules, request) else { return None };
    let mut sent = fields.into_iter().rev().filter(|(given, _)| given.eq_ignore_ascii_case(name));
    sent.next().map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde::Deserialize;

    use super::*;

    const RULES: BodyRules = BodyRules { most_read: 1_000_000, json_type: true, unknown: &[] };

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Doc {
        name: String,
        count: i32,
    }

    fn read(body: &str) -> Result<Doc, Fail> {
        decode(RULES, &Request::new(Method::POST, "/").json(body.to_owned()))
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
