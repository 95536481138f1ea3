//! The splices that change a `.flynnrc`.

use std::ops::Range;

use super::FlynnRc;
use super::cluster::{Cluster, Field};
use super::layout::{EntryForm, EntrySpan, KeySpan, ListForm, read};
use crate::Error;
use crate::text::{
    Block, Splice, content_end, indentation, line_end, line_stop, next_line, spliced,
};

const COMMENT: &[u8] = b"#";

impl FlynnRc {
    /// Applies splices and parses the result again. On an error, the document stays unchanged.
    fn splice(&mut self, splices: &[Splice]) -> Result<(), Error> {
        let text = String::from_utf8(spliced(self.text.as_bytes(), splices))
            .map_err(|e| Error::syntax(e.as_bytes(), e.utf8_error().valid_up_to(), "not UTF-8"))?;
        self.layout = read(&text)?;
        self.text = text;
        Ok(())
    }

    /// Replaces a string. Only offsets change, so the file need not be parsed again.
    fn overwrite(&mut self, value: &Range<usize>, with: &str) {
        self.text.replace_range(value.clone(), with);
        self.layout.shift(value, with.len());
    }

    /// Sets `field` of the cluster at `index`. Removes it if the value is empty and the original CLI would not write
    /// it.
    pub(super) fn set_field(
        &mut self,
        index: usize,
        field: Field,
        value: &str,
    ) -> Result<(), Error> {
        let Some((cluster, place)) =
            self.layout.clusters.get(index).zip(self.layout.places.get(index))
        else {
            return Ok(());
        };
        let spot = place.spots.get(field as usize).cloned().flatten();
        let splice = match spot {
            Some(_) if cluster.get(field) == value => return Ok(()),
            None if value.is_empty() && !field.is_always_written() => return Ok(()),
            Some(spot) if value.is_empty() && !field.is_always_written() => match &place.form {
                EntryForm::Tables(_) => vec![Splice::cut(self.line_of(&spot))],
                EntryForm::Inline(table) => {
                    self.without_item(&(spot.key.start..spot.value.end), table.start + 1)
                }
            },
            Some(spot) => {
                self.overwrite(&spot.value, &quoted(value));
                if let Some(cluster) = self.layout.clusters.get_mut(index) {
                    cluster.put(field, value);
                }
                return Ok(());
            }
            None => vec![self.insertion(index, field, value)],
        };
        self.splice(&splice)
    }

    /// Inserts a missing key, after the nearest one that the original CLI writes before it.
    fn insertion(&self, index: usize, field: Field, value: &str) -> Splice {
        let text = self.text.as_bytes();
        let pair = format!("{} = {}", field.as_str(), quoted(value));
        let Some(place) = self.layout.places.get(index) else { return Splice::insert(0, "") };
        let before = place.spots.get(..field as usize).unwrap_or_default();
        let before = before.iter().rev().flatten().next();
        match (&place.form, before) {
            (EntryForm::Inline(_), Some(spot)) => {
                Splice::insert(spot.value.end, format!(", {pair}"))
            }
            (EntryForm::Inline(table), None) => {
                // Unknown keys count too.
                let end = if place.body > table.start { "," } else { " " };
                Splice::insert(table.start + 1, format!(" {pair}{end}"))
            }
            (EntryForm::Tables(headers), spot) => {
                let after = match (spot, headers.first()) {
                    (Some(spot), _) => spot.value.end,
                    (None, Some(header)) => header.at.end,
                    (None, None) => place.body,
                };
                let sibling = spot.or_else(|| place.spots.iter().flatten().next());
                let indent = sibling
                    .and_then(|spot| indentation(text, spot.key.start))
                    .and_then(|indent| std::str::from_utf8(indent).ok());
                let indent = indent.unwrap_or("  ");
                let at = line_stop(text, after);
                Splice::insert(at, format!("{}{indent}{pair}", line_end(text, at)))
            }
        }
    }

    /// Appends an entry as the original CLI writes it, after a blank line.
    pub(super) fn append(&mut self, cluster: &Cluster) -> Result<(), Error> {
        let text = self.text.as_bytes();
        let pairs = Field::ALL
            .into_iter()
            .map(|field| (field, cluster.get(field)))
            .filter(|(field, value)| field.is_always_written() || !value.is_empty())
            .map(|(field, value)| format!("{} = {}", field.as_str(), quoted(value)));
        let splice = match &self.layout.list {
            ListForm::Tables => {
                let nl = line_end(text, content_end(text));
                // `[[cluster]]` next to `[[Cluster]]` would be a second key.
                let header = self.layout.places.first().and_then(|place| match &place.form {
                    EntryForm::Tables(headers) => self.text.get(headers.first()?.at.clone()),
                    EntryForm::Inline(_) => None,
                });
                let header = header.unwrap_or("[[cluster]]");
                let entry = pairs.fold(header.to_owned(), |entry, pair| entry + nl + "  " + &pair);
                match content_end(text) {
                    // Only white space, and possibly a byte order mark.
                    end if self.text.trim_start_matches('\u{feff}').trim().is_empty() => {
                        let start = end.min(crate::text::bom_len(text));
                        Splice::new(start..text.len(), format!("{entry}{nl}{nl}"))
                    }
                    end => Splice::insert(end, format!("{nl}{nl}{entry}")),
                }
            }
            ListForm::Inline(array) => {
                let entry = format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "));
                match self.layout.places.last() {
                    Some(EntrySpan { form: EntryForm::Inline(last), .. }) => {
                        return self.splice(&beside(text, last, array, &entry));
                    }
                    _ => Splice::insert(array.start + 1, entry),
                }
            }
        };
        self.splice(&[splice])
    }

    /// Removes the entry at `index` with its sub-tables and comments.
    pub(super) fn remove_cluster(&mut self, index: usize) -> Result<(), Error> {
        let Some(place) = self.layout.places.get(index) else { return Ok(()) };
        let splices = match (&place.form, &self.layout.list) {
            (EntryForm::Inline(item), ListForm::Inline(array)) => {
                match self.lines_of(index, item, array) {
                    Some(lines) => vec![Splice::cut(lines)],
                    None => self.without_item(item, array.start + 1),
                }
            }
            (EntryForm::Inline(_), ListForm::Tables) => Vec::new(),
            (EntryForm::Tables(headers), _) => {
                let text = self.text.as_bytes();
                let mut extents: Vec<_> = headers
                    .iter()
                    .map(|header| {
                        let next = self.layout.headers.partition_point(|&at| at <= header.at.start);
                        let ceiling = self.layout.headers.get(next).copied();
                        let block = Block {
                            floor: header.floor,
                            head: header.at.start,
                            body: header.body,
                            ceiling: ceiling.unwrap_or(text.len()),
                        };
                        Splice::cut(block.extent(text, COMMENT))
                    })
                    .collect();
                extents.sort_by_key(|cut| cut.at.start);
                extents
            }
        };
        self.splice(&splices)
    }

    /// Sets `default`. A new one goes after the last top-level key, or to the top.
    pub(super) fn set_default(&mut self, name: &str) -> Result<(), Error> {
        let text = self.text.as_bytes();
        let splice = match (&self.layout.default, self.layout.headers.first()) {
            (Some((_, old)), _) if old == name => return Ok(()),
            (Some((spot, _)), _) => {
                let value = spot.value.clone();
                self.overwrite(&value, &quoted(name));
                if let Some((_, old)) = &mut self.layout.default {
                    name.clone_into(old);
                }
                return Ok(());
            }
            (None, _) if self.layout.root_body > 0 => {
                let at = line_stop(text, self.layout.root_body);
                let nl = line_end(text, at);
                Splice::insert(at, format!("{nl}default = {}", quoted(name)))
            }
            (None, Some(&head)) => {
                let block = Block { floor: 0, head, body: head, ceiling: text.len() };
                let at = block.extent(text, COMMENT).start;
                let nl = line_end(text, at);
                Splice::insert(at, format!("default = {}{nl}{nl}", quoted(name)))
            }
            (None, None) => {
                let nl = line_end(text, text.len());
                Splice::insert(text.len(), format!("{nl}default = {}{nl}", quoted(name)))
            }
        };
        self.splice(&[splice])
    }

    /// Removes `default`. If only white space is left, the file is then empty, as with the original
    /// CLI after the last cluster.
    pub(super) fn remove_default(&mut self) -> Result<(), Error> {
        if let Some((spot, _)) = &self.layout.default {
            let line = self.line_of(spot);
            self.splice(&[Splice::cut(line)])?;
        }
        if self.text.trim_start_matches('\u{feff}').trim().is_empty() {
            let all = 0..self.text.len();
            self.splice(&[Splice::cut(all)])?;
        }
        Ok(())
    }

    /// The line of a key and its value, with its comment and line end.
    fn line_of(&self, spot: &KeySpan) -> Range<usize> {
        let text = self.text.as_bytes();
        let start = spot.key.start;
        let start = start - indentation(text, start).map_or(0, <[u8]>::len);
        start..next_line(text, spot.value.end)
    }

    /// The lines of an item of an inline list with its comma and comments, if no other item is on
    /// them.
    fn lines_of(
        &self,
        index: usize,
        item: &Range<usize>,
        array: &Range<usize>,
    ) -> Option<Range<usize>> {
        let text = self.text.as_bytes();
        let span = |index: usize| match self.layout.places.get(index)?.form {
            EntryForm::Inline(ref span) => Some(span.clone()),
            EntryForm::Tables(_) => None,
        };
        indentation(text, item.start)?;
        let before = index.checked_sub(1).and_then(span).map_or(array.start + 1, |span| span.end);
        let ceiling = span(index + 1).map_or(array.end - 1, |span| span.start);
        let body = comma_after(text, item.end).map_or(item.end, |comma| comma + 1);
        let floor = comma_after(text, before).filter(|&comma| comma < item.start);
        let floor = line_stop(text, floor.unwrap_or(before)).min(item.start);
        let alone = next_line(text, body) <= ceiling;
        alone.then(|| Block { floor, head: item.start, body, ceiling }.extent(text, COMMENT))
    }

    /// Removes an item of the inline list or table that starts at `open`, with one of the commas
    /// around it.
    fn without_item(&self, item: &Range<usize>, open: usize) -> Vec<Splice> {
        let text = self.text.as_bytes();
        if let Some(comma) = comma_after(text, item.end) {
            let space = usize::from(text.get(comma + 1) == Some(&b' '));
            return cuts([item.clone(), comma..comma + 1 + space]);
        }
        match last_comma(text, open, item.start) {
            Some(comma) => cuts([comma..comma + 1, item.clone()]),
            None => vec![Splice::cut(item.clone())],
        }
    }
}

/// Appends an entry to an inline list, on a separate line if the last entry is on one.
fn beside(text: &[u8], last: &Range<usize>, array: &Range<usize>, entry: &str) -> Vec<Splice> {
    let comma = comma_after(text, last.end);
    let stop = line_stop(text, comma.unwrap_or(last.end));
    match indentation(text, last.start).and_then(|indent| std::str::from_utf8(indent).ok()) {
        Some(indent) if stop < array.end - 1 => {
            let nl = line_end(text, stop);
            let (before, after) = if comma.is_some() { ("", ",") } else { (",", "") };
            vec![
                Splice::insert(last.end, before),
                Splice::insert(stop, format!("{nl}{indent}{entry}{after}")),
            ]
        }
        _ => vec![Splice::insert(last.end, format!(", {entry}"))],
    }
}

fn cuts(ranges: [Range<usize>; 2]) -> Vec<Splice> {
    ranges.map(Splice::cut).to_vec()
}

/// The next comma after `at`, if only white space and comments are before it.
fn comma_after(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b',' => return Some(at),
            b'#' => at = next_line(text, at),
            b if b.is_ascii_whitespace() => at += 1,
            _ => return None,
        }
    }
}

/// The last comma between `from`, the start of an inline list or table, and `to`.
fn last_comma(text: &[u8], from: usize, to: usize) -> Option<usize> {
    let (mut at, mut depth, mut last) = (from, 0_usize, None);
    while at < to {
        match text.get(at)? {
            b',' if depth == 0 => last = Some(at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'#' => {
                at = next_line(text, at);
                continue;
            }
            b'"' | b'\'' => {
                at = string_end(text, at);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    last
}

/// The end of the string that starts at `at`, in any of the four kinds of TOML.
fn string_end(text: &[u8], mut at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let (quote, escapes) = match rest {
        [b'"', b'"', b'"', ..] => (&b"\"\"\""[..], true),
        [b'\'', b'\'', b'\'', ..] => (&b"'''"[..], false),
        [b'"', ..] => (&b"\""[..], true),
        _ => (&b"'"[..], false),
    };
    at += quote.len();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(quote) {
            // Up to two more quotes may belong to the text before the closing three.
            let more = if quote.len() == 3 {
                rest.iter().skip(3).take(2).take_while(|b| quote.first() == Some(b)).count()
            } else {
                0
            };
            return at + quote.len() + more;
        }
        at += if escapes && rest.first() == Some(&b'\\') { 2 } else { 1 };
    }
    text.len()
}

/// A basic string. The decoder of the original CLI is older than TOML 1.0 and knows these escapes.
pub(super) fn quoted(value: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_strings_and_lists_do_not_count() {
        for (text, comma) in [
            ("a, b", Some(1)),
            ("a = [1, 2] b", None),
            ("a = \"x,\\\",\", b", Some(11)),
            ("a = 'x,\\', b", Some(9)),
            ("a = \"\"\"x,\"\"\"\"\", b", Some(14)),
            ("a = '''x,''', b", Some(12)),
            ("a, # b, c\n d", Some(1)),
            ("a = \"cut,", None),
        ] {
            assert_eq!(last_comma(text.as_bytes(), 0, text.len()), comma, "{text}");
        }
    }
}
