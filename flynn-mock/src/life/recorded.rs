//! Gives a bootstrap the ids and secrets that a test has set, instead of generated ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::store::NextId;

/// The values of placeholders in double braces, by name.
pub(super) type Known = BTreeMap<String, String>;

/// Adds to `known` the values of a manifest's placeholders that the set objects show.
pub(super) fn learn(manifest: &str, set: &[NextId], known: &mut Known) {
    let documents: Vec<(&str, Value)> =
        set.iter().map(|next| (next.kind(), next.document())).collect();
    let entries: Vec<Map<String, Value>> = serde_json::from_str(manifest).unwrap_or_default();
    // Objects refer to each other: match the apps first, then, in two rounds, everything else.
    for round in 0..3 {
        for (kind, template) in entries.iter().flatten() {
            if round == 0 && kind != "app" {
                continue;
            }
            let template = match kind.as_str() {
                "pending" => &job(template),
                "current" => &current(template),
                // The name is enough, even if other fields have changed since.
                "app" => &part(template, &[("id", "id"), ("name", "name")]),
                _ => template,
            };
            let kind = match kind.as_str() {
                "pending" => "job",
                "current" => "app",
                kind => kind,
            };
            for (_, shown) in documents.iter().filter(|(shown, _)| *shown == kind) {
                let mut more = known.clone();
                let named = kind != "job" || is_known(template.get("app"), known);
                if named && fields(kind, template, shown, &mut more) {
                    *known = more;
                    break;
                }
            }
        }
        // Resources distinguish apps with equal jobs, if they have any.
        apps_by_jobs(&entries, &documents, known, round > 0);
    }
}

/// Identifies apps that no document names by their jobs: types, arguments and numbers of volumes.
fn apps_by_jobs(
    entries: &[Map<String, Value>],
    documents: &[(&str, Value)],
    known: &mut Known,
    alike: bool,
) {
    let text =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let volumes = |of: Option<&Value>| of.and_then(Value::as_array).map_or(0, Vec::len);
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pending in entries.iter().filter_map(|entry| entry.get("pending")) {
        let release = text(pending, "release");
        let mut releases = entries.iter().filter_map(|entry| entry.get("release"));
        let release = releases.find(|shown| text(shown, "id") == release);
        let kind = text(pending, "type").unwrap_or_default();
        let process = release.and_then(|release| release.get("processes")?.get(&kind));
        let args = process.and_then(|process| process.get("args"));
        let count = volumes(process.and_then(|process| process.get("volumes")));
        let app = text(pending, "app").unwrap_or_default().trim_matches(['{', '}']).to_owned();
        wanted.entry(app).or_default().push(format!("{kind} {args:?} {count}"));
    }
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, job) in documents.iter().filter(|(kind, _)| *kind == "job") {
        let (Some(app), Some(kind)) = (text(job, "app"), text(job, "type")) else { continue };
        let (args, count) = (job.get("args"), volumes(job.get("volumes")));
        shown.entry(app).or_default().push(format!("{kind} {args:?} {count}"));
    }
    wanted.values_mut().chain(shown.values_mut()).for_each(|jobs| jobs.sort());
    for (name, jobs) in &wanted {
        let is_like = |(other, own): (&String, &Vec<String>)| other != name && own == jobs;
        if known.contains_key(name) || (!alike && wanted.iter().any(is_like)) {
            continue;
        }
        let is_new = |app: &&String| !known.values().any(|id| id == *app);
        let mut apps = shown.iter().filter(|(_, own)| *own == jobs).map(|(app, _)| app);
        if let Some(app) = apps.find(is_new) {
            known.insert(name.clone(), app.clone());
        }
    }
}

/// Converts the entry that sets an app's release to the form of an app.
fn current(entry: &Value) -> Value {
    part(entry, &[("id", "app"), ("release", "release")])
}

/// Returns some fields of an entry, with the names that they have in documents.
fn part(entry: &Value, names: &[(&str, &str)]) -> Value {
    let field = |name: &str| entry.get(name).cloned().unwrap_or_default();
    names.iter().map(|(shown, own)| ((*shown).to_owned(), field(own))).collect::<Map<_, _>>().into()
}

/// Returns whether the value of the placeholder in a field is known.
fn is_known(template: Option<&Value>, known: &Known) -> bool {
    let name = template.and_then(Value::as_str).unwrap_or_default();
    known.contains_key(name.trim_matches(['{', '}']))
}

/// Converts the entry of a job to the form of a job.
fn job(pending: &Value) -> Value {
    let names = [("uuid", "job"), ("app", "app"), ("release", "release"), ("type", "type")];
    let mut job = part(pending, &names);
    let id = pending.get("job").and_then(Value::as_str).unwrap_or_default();
    let host = format!("{{{{host {}}}}}", id.trim_matches(['{', '}']));
    if let Some(fields) = job.as_object_mut() {
        fields.insert("host_id".to_owned(), host.into());
    }
    job
}

/// Returns whether a document has all fields of a template.
fn fields(kind: &str, template: &Value, shown: &Value, known: &mut Known) -> bool {
    let (Some(template), Some(shown)) = (template.as_object(), shown.as_object()) else {
        return false;
    };
    // The server fills in metadata and limits, but a release with more env is a later one.
    let size = |fields: &Map<String, Value>| fields.get("env")?.as_object().map(Map::len);
    // An object without an id shows nothing, except that a route shows its certificate.
    size(template) == size(shown)
        && (kind == "route" || template.contains_key("id") || template.contains_key("uuid"))
        && template
            .iter()
            .all(|(name, part)| shown.get(name).is_some_and(|shown| fits(part, shown, known)))
}

fn fits(template: &Value, shown: &Value, known: &mut Known) -> bool {
    match (template, shown) {
        (Value::String(template), Value::String(shown)) => text(template, shown, known),
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(name, a)| b.get(name).is_some_and(|b| fits(a, b, known)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a, b, known))
        }
        (a, b) => a == b,
    }
}

/// Returns whether a text is the template with a value for each name, and the same value at each occurrence.
fn text(template: &str, shown: &str, known: &mut Known) -> bool {
    let Some((before, rest)) = template.split_once("{{") else { return template == shown };
    let Some((name, after)) = rest.split_once("}}") else { return false };
    let Some(shown) = shown.strip_prefix(before) else { return false };
    let end = match after.split_once("{{") {
        // The text after the last placeholder is the end.
        None => shown.strip_suffix(after).map(str::len),
        Some((next, _)) => shown.find(next),
    };
    let Some((value, rest)) = end.map(|end| shown.split_at(end)) else { return false };
    let value = value.replace('\n', "\\n");
    let other = |(other, bound): (&String, &String)| {
        // An id belongs to one object, but hosts and secrets may be shared.
        other.starts_with("id ") && name.starts_with("id ") && other != name && *bound == value
    };
    if value.is_empty() || known.iter().any(other) {
        return false;
    }
    known.entry(name.to_owned()).or_insert_with(|| value.clone()) == &value
        && text(after, rest, known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_show_what_was_made_up() {
        let manifest = r#"[
            {"app": {"id": "{{id app web}}", "name": "web"}},
            {"release": {"id": "{{id release web}}", "app_id": "{{id app web}}",
                         "env": {"URL": "db://{{hex 8 user}}:{{hex 8 word}}@host"}}},
            {"pending": {"job": "{{id job 1}}", "app": "{{id app web}}",
                         "release": "{{id release web}}", "type": "web", "host": "host1"}}
        ]"#;
        let like = |kind: &str, id: &str, fields: Value| {
            let fields = fields.as_object().cloned().unwrap_or_default();
            fields
                .into_iter()
                .fold(NextId::new(kind, id), |next, (name, value)| next.like(name, value))
        };
        let shown = [
            like(
                "release",
                "r",
                json!({ "app_id": "a", "env": { "URL": "db://u:w@host" }, "more": 1 }),
            ),
            like("release", "x", json!({ "app_id": "other", "env": { "URL": "db://u:w@host" } })),
            like("app", "a", json!({ "name": "web" })),
            like(
                "job",
                "j",
                json!({ "app": "a", "release": "r", "type": "web", "host_id": "host3" }),
            ),
        ];
        let mut known = Known::new();
        learn(manifest, &shown, &mut known);
        let wanted = [
            ("hex 8 user", "u"),
            ("hex 8 word", "w"),
            ("host id job 1", "host3"),
            ("id app web", "a"),
            ("id job 1", "j"),
            ("id release web", "r"),
        ];
        let known: Vec<_> = known.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(known, wanted);
    }
}
