//! Compares recorded documents with ours, and defines the rows of the tables of differences.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// A permitted difference from the recording, with its reason.
pub(crate) struct Difference {
    /// The call, as `Exchange::call` names it; `*` at its end stands for any rest.
    pub(crate) call: &'static str,
    /// The place of the difference: a JSON pointer with `*` for any key or index, or `query NAME`, `header NAME`.
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
}

/// One place where two documents differ, as a JSON pointer with list indices as `*`.
pub(crate) fn compare(
    ours: Option<&Value>,
    theirs: Option<&Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    match (ours, theirs) {
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
            for key in keys {
                compare(ours.get(key), theirs.get(key), &format!("{at}/{key}"), found);
            }
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) if ours.len() == theirs.len() => {
            for (ours, theirs) in ours.iter().zip(theirs) {
                compare(Some(ours), Some(theirs), &format!("{at}/*"), found);
            }
        }
        (ours, theirs) if ours == theirs => {}
        _ => found.push(at.to_owned()),
    }
}

/// Matches findings against a table and remembers which rows were needed.
pub(crate) struct Table {
    rows: &'static [Difference],
    used: Mutex<BTreeSet<usize>>,
}

impl Table {
    pub(crate) fn new(rows: &'static [Difference]) -> Self {
        for row in rows {
            assert!(row.why.len() > 15, "{} {} needs a reason", row.call, row.what);
        }
        Self { rows, used: Mutex::default() }
    }

    pub(crate) fn allows(&self, call: &str, what: &str) -> bool {
        let row = self
            .rows
            .iter()
            .position(|row| fits_call(row.call, call) && fits_place(row.what, what));
        if let Some(row) = row {
            self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(row);
        }
        row.is_some()
    }

    /// Rows that nothing needed: they would hide a later mistake.
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        (0..self.rows.len())
            .filter(|row| !used.contains(row))
            .map(|row| format!("{} {}", self.rows[row].call, self.rows[row].what))
            .collect()
    }
}

fn fits_call(pattern: &str, call: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == call, |start| call.starts_with(start))
}

fn fits_place(pattern: &str, place: &str) -> bool {
    let (mut pattern, mut place) = (pattern.split('/'), place.split('/'));
    loop {
        match (pattern.next(), place.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want == "*" || want == have => {}
            _ => return false,
        }
    }
}

#[test]
fn differing_places_are_found_and_matched() {
    let ours = serde_json::json!({"a": [{"b": 1}, {"b": 2}], "c": 1});
    let theirs = serde_json::json!({"a": [{"b": 1}, {"b": 3}], "d": 1});
    let mut found = Vec::new();
    compare(Some(&ours), Some(&theirs), "", &mut found);
    assert_eq!(found, ["/a/*/b", "/c", "/d"]);
    assert!(
        fits_place("/a/*/b", "/a/*/b")
            && fits_place("/*/*/b", "/a/*/b")
            && !fits_place("/a", "/a/*/b")
    );
    assert!(fits_call("PUT /x*", "PUT /x/y") && !fits_call("PUT /x", "PUT /x/y"));
}
