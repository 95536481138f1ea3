//! The difference between two releases, without values.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

type Document = Map<String, Value>;

/// The fields in which two releases differ. It contains names but no values, so you can log it.
///
/// ```text
/// + env.GREETING
/// ~ processes.web.args
/// - meta.team
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseDiff {
    fields: Vec<FieldChange>,
}

/// A field of a release that was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FieldChange {
    /// The path of the field, such as `env` and `GREETING`.
    pub path: Vec<String>,
    /// The kind of the change.
    pub kind: ChangeKind,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// The field was added.
    Added,
    /// The field has another value.
    Changed,
    /// The field was removed.
    Removed,
}

impl ReleaseDiff {
    /// Compares the documents of two releases, except the fields that the server sets.
    pub(crate) fn between(before: &Document, after: &Document) -> Self {
        let mut fields = Vec::new();
        compare(&mut Vec::new(), before, after, &mut fields);
        Self { fields }
    }

    /// Returns whether there are no differences.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the fields that differ, sorted by name.
    pub fn fields(&self) -> &[FieldChange] {
        &self.fields
    }

    /// Returns whether the releases differ only in fields that the server adds to a new release (limits) or removes
    /// from it (the app, before v20161214.1).
    pub(crate) fn is_filled_in(&self) -> bool {
        self.fields.iter().all(|field| match field.kind {
            ChangeKind::Added => {
                matches!(&field.path[..], [first, _, third, ..] if first == "processes" && third == "resources")
            }
            ChangeKind::Changed => false,
            ChangeKind::Removed => field.path == ["app_id"],
        })
    }

    /// Returns whether a field, a part of it, or a field that contains it differs.
    pub(crate) fn touches(&self, path: &[String]) -> bool {
        let mut paths = self.fields.iter().map(|field| &field.path);
        paths.any(|own| own.starts_with(path) || path.starts_with(own))
    }
}

/// Applies the additions and changes from `base` to `ours` to `theirs`, except to fields that `theirs` has changed too.
/// Ignores removals: a field that `ours` lacks may come from a release that its writer did not know.
pub(crate) fn rebase(base: &Document, ours: &Document, theirs: &Document) -> Document {
    let mut merged = theirs.clone();
    for name in base.keys().chain(ours.keys()) {
        let (old, new) = (base.get(name).filter(is_set), ours.get(name).filter(is_set));
        if old == new {
            continue;
        }
        let nothing = Value::Object(Document::new());
        let members =
            [old, new, theirs.get(name)].map(|value| value.unwrap_or(&nothing).as_object());
        let value = match members {
            [Some(old), Some(new), Some(theirs)] => Some(Value::Object(rebase(old, new, theirs))),
            _ if theirs.get(name).filter(is_set) != old => continue,
            _ => new.cloned(),
        };
        if let Some(value) = value.filter(|value| is_set(&value)) {
            merged.insert(name.clone(), value);
        }
    }
    merged
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Changed => '~',
            ChangeKind::Removed => '-',
        };
        write!(f, "{sign} {}", self.path.join(".").escape_debug())
    }
}

/// Writes one line per field.
impl fmt::Display for ReleaseDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, field) in self.fields.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{field}")?;
        }
        Ok(())
    }
}

fn compare(
    path: &mut Vec<String>,
    before: &Document,
    after: &Document,
    fields: &mut Vec<FieldChange>,
) {
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        path.push(name.clone());
        let (old, new) = (before.get(name).filter(is_set), after.get(name).filter(is_set));
        let kind = match (old, new) {
            (old, new) if old == new => None,
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                compare(path, old, new, fields);
                None
            }
            // Members of a map change, not the map itself.
            (None, Some(Value::Object(new))) if is_map(path) => {
                compare(path, &Document::new(), new, fields);
                None
            }
            (Some(Value::Object(old)), None) if is_map(path) => {
                compare(path, old, &Document::new(), fields);
                None
            }
            (None, _) => Some(ChangeKind::Added),
            (_, None) => Some(ChangeKind::Removed),
            _ => Some(ChangeKind::Changed),
        };
        if let Some(kind) = kind {
            fields.push(FieldChange { path: path.clone(), kind });
        }
        path.pop();
    }
}

/// Returns whether the object at this path is a map, whose members several writers may set.
fn is_map(path: &[String]) -> bool {
    match path {
        [_] => true,
        [processes, _, field] => {
            processes == "processes" && (field == "env" || field == "resources")
        }
        _ => false,
    }
}

/// Returns whether the value is not empty. The server leaves out empty values.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "`filter` passes a reference")]
fn is_set(value: &&Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn diff(before: &Value, after: &Value) -> ReleaseDiff {
        ReleaseDiff::between(before.as_object().unwrap(), after.as_object().unwrap())
    }

    #[test]
    fn fields_are_named_and_values_are_not() {
        let before = json!({
            "env": {"A": "1", "B": "s3cret"}, "artifacts": ["x"], "meta": null,
            "processes": {"web": {"args": ["a"], "env": {"P": "1"}}, "old": {}}
        });
        let after = json!({
            "env": {"A": "2", "C.\n": "s3cret"}, "artifacts": ["y"], "meta": {},
            "processes": {"web": {"args": ["b"], "env": {"P": "1", "Q": "2"}}, "new": {"omni": true}}
        });
        assert_eq!(
            diff(&before, &after).to_string(),
            "~ artifacts\n~ env.A\n- env.B\n+ env.C.\\n\n+ processes.new\n~ processes.web.args\n+ processes.web.env.Q"
        );
        assert!(diff(&before, &before).is_empty());
        let none = diff(&json!({}), &json!({"env": {"A": "1"}}));
        assert_eq!(none.to_string(), "+ env.A");
    }

    #[test]
    fn changes_of_two_writers_are_merged() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let base = object(json!({"env": {"A": "1", "B": "1", "C": "1"}, "artifacts": ["x"]}));
        let ours =
            object(json!({"env": {"A": "2", "B": "1"}, "artifacts": ["x"], "meta": {"k": "v"}}));
        let theirs = object(json!({"env": {"A": "1", "C": "1", "D": "4"}, "artifacts": ["y"]}));
        assert_eq!(
            Value::Object(rebase(&base, &ours, &theirs)),
            json!({"env": {"A": "2", "C": "1", "D": "4"}, "artifacts": ["y"], "meta": {"k": "v"}})
        );
        // The other writer has the last word on a field that both have changed.
        let theirs = object(json!({"env": {"A": "3", "B": "1", "C": "1"}, "artifacts": ["x"]}));
        assert_eq!(rebase(&base, &ours, &theirs)["env"]["A"], "3");
        // A removed map stays, and a new map is added.
        let (none, env) = (Document::new(), object(json!({"env": {"A": "1"}})));
        assert_eq!(rebase(&env, &none, &env), env);
        assert_eq!(rebase(&none, &env, &none), env);
    }

    #[test]
    fn a_part_touches_the_whole() {
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let args = diff(&json!({}), &json!({"processes": {"web": {"args": ["b"], "omni": true}}}));
        assert!(args.touches(&path(&["processes", "web"])));
        assert!(args.touches(&path(&["processes", "web", "args"])));
        assert!(!args.touches(&path(&["env", "web"])));
    }
}
