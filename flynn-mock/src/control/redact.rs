//! Redacts the secrets in bodies.

use serde_json::{Map, Value};

/// The placeholder for a text that may be secret.
const REDACTED: &str = "[redacted]";

/// The maximum size of a shown body.
const MOST: usize = 16 << 10;

/// Fields of the controller's documents whose texts are never secret.
const SHOWN: [&str; 38] = [
    "app",
    "app_id",
    "apps",
    "artifact",
    "artifacts",
    "code",
    "created_at",
    "deployment_id",
    "domain",
    "event",
    "expires_at",
    "field",
    "finished_at",
    "formation_id",
    "host_id",
    "id",
    "ids",
    "job",
    "job_id",
    "kind",
    "message",
    "name",
    "new_release",
    "object_id",
    "object_type",
    "old_release",
    "path",
    "provider",
    "release",
    "release_id",
    "service",
    "state",
    "status",
    "strategy",
    "type",
    "updated_at",
    "uuid",
    "volume_id",
];

/// Fields with names and values chosen by the user.
const FREE: [&str; 6] = ["config", "env", "labels", "meta", "old_meta", "tags"];

/// Returns a JSON body without texts that may be secret; `Null` for other bodies and bodies that are too large.
pub(super) fn redacted(body: &[u8]) -> Value {
    if body.len() > MOST {
        return Value::Null;
    }
    let mut document = serde_json::from_slice(body).unwrap_or_default();
    redact(&mut document, false);
    document
}

/// Redacts a value; `shown` says whether it is in a field whose texts are never secret.
fn redact(value: &mut Value, shown: bool) {
    match value {
        Value::String(text) if !shown && !text.is_empty() => REDACTED.clone_into(text),
        // The message about a variable without a name quotes its value.
        Value::String(text) => {
            if let Some(quote) = text.find(" (tried to set") {
                text.truncate(quote);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, shown)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if FREE.contains(&name.as_str()) {
                    hide(value);
                } else {
                    redact(value, SHOWN.contains(&name.as_str()));
                }
            }
        }
        _ => {}
    }
}

/// Hides all of a value except the names of its fields.
fn hide(value: &mut Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => Map::values_mut(fields).for_each(hide),
        other => *other = REDACTED.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_hidden_unless_they_cannot_be_secret() {
        let body = json!({
            "id": "1", "name": "www", "deploy_timeout": 120, "meta": {"name": "hunter2", "n": 1},
            "env": {"id": "hunter2"}, "tls_key": "hunter2", "processes": {"web": {"args": ["hunter2"],
            "env": {"A": "hunter2"}}}, "certificate": {"cert": "hunter2", "key": "hunter2"},
            "config": {"path": ["hunter2"], "off": null}, "release": "", "error": "",
        });
        let shown = json!({
            "id": "1", "name": "www", "deploy_timeout": 120,
            "meta": {"name": REDACTED, "n": REDACTED}, "env": {"id": REDACTED}, "tls_key": REDACTED,
            "processes": {"web": {"args": [REDACTED], "env": {"A": REDACTED}}},
            "certificate": {"cert": REDACTED, "key": REDACTED},
            "config": {"path": [REDACTED], "off": null}, "release": "", "error": "",
        });
        assert_eq!(redacted(body.to_string().as_bytes()), shown);
    }

    #[test]
    fn a_message_does_not_quote_a_value() {
        let body = json!({ "message": "an empty key (tried to set \"\"=\"hunter2\")" });
        assert_eq!(redacted(body.to_string().as_bytes()), json!({ "message": "an empty key" }));
    }

    #[test]
    fn other_bodies_are_left_out() {
        assert_eq!(redacted(b"hunter2"), Value::Null);
        assert_eq!(redacted(b"\"hunter2\""), REDACTED);
        assert_eq!(redacted(format!("[{}1]", "1,".repeat(MOST)).as_bytes()), Value::Null);
    }
}
