//! Showing a change as lines, without the secrets in them.

use std::ops::Range;

use super::Value;
use super::blocks::is_flynn_helper;
use super::parse::parse;
use crate::text::{line_start, next_line};

/// Bytes of the old text, and those of the new text that stand in their place.
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// The whole lines that a hunk took and put.
#[derive(Debug, Clone)]
pub(super) struct Change {
    removed: Vec<u8>,
    added: Vec<u8>,
}

/// A line as it may be shown, and what it is really: two may look alike and not be the same.
#[derive(PartialEq)]
struct Line<'a> {
    raw: &'a [u8],
    shown: String,
}

impl Change {
    pub(super) fn of(old: &[u8], new: &[u8], hunk: &Hunk) -> Self {
        Self {
            removed: lines(old, hunk.old.clone()).to_vec(),
            added: lines(new, hunk.new.clone()).to_vec(),
        }
    }

    /// The lines, `-` before those that go and `+` before those that come.
    pub(super) fn diff(&self) -> Vec<String> {
        let (mut removed, mut added) = (shown(&self.removed), shown(&self.added));
        removed.retain(|line| match added.iter().position(|other| other == line) {
            Some(at) => {
                added.remove(at);
                false
            }
            None => true,
        });
        let minus = removed.iter().map(|line| format!("- {}", line.shown));
        let plus = added.iter().map(|line| format!("+ {}", line.shown));
        minus.chain(plus).collect()
    }
}

/// The lines that `range` is part of.
fn lines(text: &[u8], range: Range<usize>) -> &[u8] {
    let start = line_start(text, range.start);
    let whole = text.get(..range.end).is_some_and(|before| before.ends_with(b"\n"));
    let end = if whole || range.end == start { range.end } else { next_line(text, range.end) };
    text.get(start..end).unwrap_or_default()
}

/// One line a header, variable and comment; only what Flynn's blocks are about shows its value.
fn shown(text: &[u8]) -> Vec<Line<'_>> {
    // Whole lines of a file that parses do, too.
    let Ok(parsed) = parse(text) else { return vec![Line { raw: text, shown: "...".to_owned() }] };
    let piece = |span: &Range<usize>| {
        String::from_utf8_lossy(text.get(span.clone()).unwrap_or_default()).into_owned()
    };
    let headers = parsed.sections.iter().map(|section| {
        let header = piece(&section.header);
        // The URL of another section on the line may hold a password.
        let header = if header.contains('@') { "[...]".to_owned() } else { header };
        (section.header.clone(), header)
    });
    let variables = parsed.variables.iter().map(|variable| {
        let name = piece(&variable.name);
        let raw = text.get(variable.value.clone()).unwrap_or_default();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let public = is("sslCAInfo")
            || is("helper") && Value::read(Some(raw)).as_str().is_some_and(is_flynn_helper);
        let value = if public { String::from_utf8_lossy(raw) } else { "...".into() };
        let line = match variable.equals {
            Some(_) => format!("\t{name} = {value}"),
            None => format!("\t{name}"),
        };
        (variable.name.start..variable.value.end, line)
    });
    let mut items: Vec<_> = headers.chain(variables).collect();
    items.sort_by_key(|(span, _)| span.start);
    let mut lines = Vec::new();
    let mut at = 0;
    for (span, shown) in items {
        lines.extend(comments(text, at..span.start));
        lines.push(Line { raw: text.get(span.clone()).unwrap_or_default(), shown });
        at = next_line(text, span.end).min(text.len());
    }
    lines.extend(comments(text, at..text.len()));
    lines
}

/// A line for each comment line in a gap between two items.
fn comments(text: &[u8], gap: Range<usize>) -> impl Iterator<Item = Line<'_>> {
    let lines = text.get(gap).unwrap_or_default().split(|&b| b == b'\n');
    let comment = |line: &&[u8]| {
        line.trim_ascii_start().starts_with(b"#") || line.trim_ascii_start().starts_with(b";")
    };
    lines.filter(comment).map(|raw| Line { raw, shown: "# ...".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_settings_of_flynn_show_their_value() {
        let text = b"[credential \"u\"]\n\thelper = flynn\n\thelper = !echo password=HUSH\n# of ops\n[url \"https://u:HUSH@x\"][http \"u\"] ; HUSH\n\tsslCAInfo = a b # HUSH\n\n  extraHeader = a \\\nHUSH\n;HUSH\n\tbare\n";
        let expected = [
            "[credential \"u\"]",
            "\thelper = flynn",
            "\thelper = ...",
            "# ...",
            "[...]",
            "[http \"u\"]",
            "\tsslCAInfo = a b",
            "\textraHeader = ...",
            "# ...",
            "\tbare",
        ];
        let shown: Vec<_> = shown(text).into_iter().map(|line| line.shown).collect();
        assert_eq!(shown, expected);
    }
}
