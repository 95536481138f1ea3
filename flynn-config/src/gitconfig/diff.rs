//! Shows a change as a line diff without secrets.

use std::ops::Range;

use super::Value;
use super::blocks::is_flynn_helper;
use super::parse::parse;
use crate::text::{Splice, line_start, next_line, spliced};

/// A range of the old text, and the new text that replaces it.
struct Hunk {
    old: Range<usize>,
    new: Range<usize>,
}

/// A line and its shown form. Different lines can have the same shown form.
#[derive(PartialEq)]
struct Line<'a> {
    raw: &'a [u8],
    shown: String,
}

/// Returns the changes that splices make as lines, with `-` before removed and `+` before added ones.
pub(super) fn diff(old: &[u8], splices: &[Splice]) -> Vec<String> {
    let new = spliced(old, splices);
    let hunks = hunks(old, splices);
    hunks.iter().flat_map(|hunk| diff_of(old, &new, hunk)).collect()
}

/// Groups splices into hunks. Splices that touch the same line are one hunk.
fn hunks(old: &[u8], splices: &[Splice]) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut at, mut new) = (0, 0);
    for Splice { at: range, with } in splices {
        new += range.start.saturating_sub(at);
        let start = new;
        new += with.len();
        at = at.max(range.end);
        match hunks.last_mut() {
            Some(hunk) if line_start(old, range.start) < hunk.old.end => {
                hunk.old.end = at;
                hunk.new.end = new;
            }
            _ => hunks.push(Hunk { old: range.clone(), new: start..new }),
        }
    }
    hunks
}

fn diff_of(old: &[u8], new: &[u8], hunk: &Hunk) -> Vec<String> {
    let mut removed = shown(lines(old, hunk.old.clone()));
    let mut added = shown(lines(new, hunk.new.clone()));
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

/// The whole lines that `range` touches.
fn lines(text: &[u8], range: Range<usize>) -> &[u8] {
    let start = line_start(text, range.start);
    let whole = text.get(..range.end).is_some_and(|before| before.ends_with(b"\n"));
    let end = if whole || range.end == start { range.end } else { next_line(text, range.end) };
    text.get(start..end).unwrap_or_default()
}

/// Returns one line per header, variable and comment. Only the settings of Flynn's blocks show their value.
fn shown(text: &[u8]) -> Vec<Line<'_>> {
    // Whole lines of a valid file are a valid file.
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

/// Returns a line for each comment line in a gap between two items.
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
