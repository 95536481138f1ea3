//! Documents as indented JSON, as the AWS CLI takes them from files.

use serde::Serialize;

/// Indented JSON with a final newline.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    // Our documents are structs of strings and numbers: writing them to memory cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
