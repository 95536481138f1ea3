//! The checks of Flynn's JSON schemas, with the messages of its validator.

use serde_json::{Map, Value};

use super::error::Fail;

/// The JSON schemas of a release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schemas {
    /// The deployment strategies.
    pub(crate) strategies: &'static [&'static str],
    /// True if the schema, and not the database, checks some fields of an app.
    pub(crate) checks_apps: bool,
    /// The types of artifacts.
    pub(crate) artifact_kinds: &'static [&'static str],
    /// Additional fields of an app.
    pub(crate) more_app_fields: &'static [&'static str],
    /// The kinds of log sinks.
    pub(crate) sink_kinds: &'static [&'static str],
}

/// Checks that the value is one of these.
pub(crate) fn one_of(field: &str, value: &str, allowed: &[&str]) -> Result<(), Fail> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let list = allowed.join(" ");
    Err(Fail::field(
        field,
        &format!("Enum error. The data must be equal to one of these values [{list}]."),
    ))
}

/// Checks the name of an app, if there is one.
pub(crate) fn app_name(name: &str) -> Result<(), Fail> {
    if name.is_empty() {
        return Ok(());
    }
    if name.chars().count() > 100 {
        return Err(Fail::field("name", "String length must be shorter than 100 characters."));
    }
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if name.split('-').all(word) {
        return Ok(());
    }
    Err(Fail::field("name", "String must match the pattern: \"^[a-z\\d]+(-[a-z\\d]+)*$\"."))
}

/// Checks a deployment strategy. The schema refuses an unknown one, or leaves the check to the database.
pub(crate) fn strategy(schemas: &Schemas, strategy: &str) -> Result<(), Fail> {
    if schemas.checks_apps {
        return one_of("strategy", strategy, schemas.strategies);
    }
    known_strategy(schemas, strategy)
}

/// Checks a deployment strategy as the database does.
pub(crate) fn known_strategy(schemas: &Schemas, strategy: &str) -> Result<(), Fail> {
    if schemas.strategies.contains(&strategy) { Ok(()) } else { Err(Fail::database()) }
}

/// The fields of an app that an update may contain.
const APP_FIELDS: [&str; 9] = [
    "id",
    "name",
    "protected",
    "meta",
    "strategy",
    "release",
    "deploy_timeout",
    "created_at",
    "updated_at",
];

/// Returns the fields of an app's update, unchanged. `checked` says whether the schemas of this start check the fields
/// that the database checks otherwise.
pub(crate) fn app_update(
    schemas: &Schemas,
    fields: &Map<String, Value>,
    checked: bool,
) -> Result<(), Fail> {
    let known = |key: &str| APP_FIELDS.contains(&key) || schemas.more_app_fields.contains(&key);
    if let Some(unknown) = fields.keys().find(|key| !known(key)) {
        return Err(Fail::invalid(format!(
            "Additional properties aren't allowed, found \"{unknown}\" as one of its keys"
        )));
    }
    if let Some(name) = fields.get("name") {
        match name {
            Value::String(name) if name.is_empty() => {
                return Err(Fail::field(
                    "name",
                    "String length must be shorter than 1 characters.",
                ));
            }
            Value::String(name) => app_name(name)?,
            other => return Err(wrong_type("name", "string", other)),
        }
    }
    if let Some(other) = fields.get("protected").filter(|value| !value.is_boolean()) {
        return Err(wrong_type("protected", "boolean", other));
    }
    if checked {
        let strings = |map: &Map<String, Value>| map.values().all(Value::is_string);
        if fields.get("meta").is_some_and(|meta| !meta.as_object().is_some_and(strings)) {
            return Err(Fail::field("meta", "Validation failed for each schema in 'anyOf'."));
        }
        match fields.get("strategy") {
            Some(Value::String(name)) => one_of("strategy", name, schemas.strategies)?,
            Some(other) => return Err(wrong_type("strategy", "string", other)),
            None => {}
        }
        if let Some(other) = fields.get("deploy_timeout").filter(|value| !value.is_i64()) {
            return Err(wrong_type("deploy_timeout", "integer", other));
        }
    }
    Ok(())
}

pub(crate) fn wrong_type(field: &str, wanted: &str, got: &Value) -> Fail {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Fail::field(field, &format!("Value must be one of these types: [{wanted}]. Got {got}"))
}

/// Checks a URI as Go's `url.ParseRequestURI` does: it must be absolute, or a path from the root.
pub(crate) fn uri(field: &str, text: &str) -> Result<(), Fail> {
    let scheme_ok = text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    let plain = !text.bytes().any(|b| b < 0x20 || b == 0x7f);
    let host_ok = text.split_once("://").is_none_or(|(_, rest)| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.contains([' ', '<', '>']) && (!host.contains('[') || host.contains(']'))
    });
    if plain && host_ok && (scheme_ok || text.starts_with('/')) {
        return Ok(());
    }
    Err(Fail::field(field, "Value must be a valid URI, according to RFC3986."))
}

/// Checks the required fields of an artifact.
pub(crate) fn artifact(schemas: &Schemas, kind: &str, address: &str) -> Result<(), Fail> {
    for (name, value) in [("type", kind), ("uri", address)] {
        if value.is_empty() {
            return Err(Fail::invalid(format!(
                "Required error. The data must be an object with \"{name}\" as one of its keys"
            )));
        }
    }
    one_of("type", kind, schemas.artifact_kinds)?;
    uri("uri", address)
}

/// Checks the required fields of a new job.
pub(crate) fn new_job(release: &str) -> Result<(), Fail> {
    if release.is_empty() {
        return Err(Fail::invalid(
            "Required error. The data must be an object with \"release\" as one of its keys",
        ));
    }
    Ok(())
}
