//! The splices that change variables and sections of a file.

use std::ops::Range;

use super::key::{Key, SectionName};
use super::value::{header, quoted};
use super::{Entry, File};
use crate::text::{Splice, line_end, line_stop, spliced};
use crate::{Error, ErrorKind};

/// Splices of one file. Their offsets refer to the file as it was read.
pub(super) struct Splices<'a> {
    file: &'a File,
    list: Vec<Splice>,
    /// New sections for the end of the file: a header and the line of a variable.
    appended: Vec<(String, String)>,
}

impl<'a> Splices<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self { file, list: Vec::new(), appended: Vec::new() }
    }

    pub(super) fn file(&self) -> &'a File {
        self.file
    }

    /// Returns the splices, sorted and without those that change nothing.
    pub(super) fn into_vec(self) -> Vec<Splice> {
        let Self { file, list: mut splices, appended } = self;
        splices.retain(|s| file.text.get(s.at.clone()) != Some(s.with.as_bytes()));
        splices.sort_by_key(|splice| (splice.at.start, splice.at.end));
        if !appended.is_empty() {
            let new_sections = new_sections(file, &splices, &appended);
            splices.push(Splice::insert(file.text.len(), new_sections));
        }
        splices
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match &*self.file.find(&Key::parse(key)?) {
            [] => self.add(key, value),
            [index] => self.replace(*index, value),
            _ => Err(several_values(key)),
        }
    }

    pub(super) fn add(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let key = Key::parse(key)?;
        let pair = format!("\t{} = {}", key.variable, quoted(value)?);
        let File { text, parsed, .. } = self.file;
        let Some(section) = parsed.sections.iter().rposition(|s| key.section.is_of(s, text)) else {
            let header = header(key.section.base, key.section.subsection);
            self.appended.push((header, pair));
            return Ok(());
        };
        let after = self.file.body(section);
        let stop = line_stop(text, after);
        let next = parsed.sections.get(section + 1).map(|s| s.header.start);
        self.list.push(if next.is_some_and(|next| next < stop) {
            let nl = line_end(text, after);
            Splice::insert(after, format!("{nl}{pair}{nl}"))
        } else {
            Splice::insert(stop, format!("{}{pair}", self.file.line_break(stop)))
        });
        Ok(())
    }

    pub(super) fn unset(&mut self, key: &str) -> Result<bool, Error> {
        match &*self.file.find(&Key::parse(key)?) {
            [] => Ok(false),
            [index] => {
                self.remove(&[*index]);
                Ok(true)
            }
            _ => Err(several_values(key)),
        }
    }

    pub(super) fn unset_all(&mut self, key: &str) -> Result<usize, Error> {
        let indices = self.file.find(&Key::parse(key)?);
        self.remove(&indices);
        Ok(indices.len())
    }

    pub(super) fn remove_section(&mut self, name: &str) -> Result<usize, Error> {
        let name = SectionName::parse(name)?;
        let File { text, parsed, .. } = self.file;
        let sections = parsed.sections.iter().enumerate();
        let named = sections.filter(|(_, section)| name.is_of(section, text));
        let extents: Vec<_> = named.map(|(index, _)| self.file.extent(index)).collect();
        let count = extents.len();
        self.cut(extents);
        Ok(count)
    }

    /// Replaces the value of the variable at `index`.
    pub(super) fn replace(&mut self, index: usize, value: &str) -> Result<(), Error> {
        let Some(variable) = self.file.parsed.variables.get(index) else { return Ok(()) };
        let value = quoted(value)?;
        let with = match variable.equals {
            None => format!(" = {value}"),
            Some(_) if variable.value.is_empty() => format!(" {value}"),
            Some(_) => value,
        };
        self.list.push(Splice::new(variable.value.clone(), with));
        Ok(())
    }

    /// Removes the variables at `indices`, which are sorted, and each section that is then empty.
    pub(super) fn remove(&mut self, indices: &[usize]) {
        let variables = indices.iter().filter_map(|&index| self.file.parsed.variables.get(index));
        let variables: Vec<_> = variables.collect();
        let mut ranges = Vec::new();
        for of_section in variables.chunk_by(|a, b| a.section == b.section) {
            let own: Vec<_> = of_section.iter().map(|v| self.file.extent_of(v)).collect();
            let section = of_section.first().and_then(|variable| variable.section);
            match section.filter(|&section| self.file.is_empty_without(section, &own)) {
                Some(section) => ranges.push(self.file.extent(section)),
                None => ranges.extend(own),
            }
        }
        self.cut(ranges);
    }

    /// Removes the variables of a section that `is_own`, or the whole section if it has no others.
    pub(super) fn remove_own(&mut self, sections: &[usize], is_own: impl Fn(&Entry<'_>) -> bool) {
        let file = self.file;
        let mut ranges = Vec::new();
        for &section in sections {
            let inside = file.parsed.variables.get(file.variables_in(section)).unwrap_or_default();
            let (own, others): (Vec<_>, Vec<_>) =
                inside.iter().partition(|variable| is_own(&Entry { file, variable }));
            if others.is_empty() {
                ranges.push(file.extent(section));
            } else {
                ranges.extend(own.into_iter().map(|variable| file.extent_of(variable)));
            }
        }
        self.cut(ranges);
    }

    fn cut(&mut self, ranges: Vec<Range<usize>>) {
        self.list.extend(ranges.into_iter().map(Splice::cut));
    }
}

/// Returns the text of new sections, to append to the file after the splices.
fn new_sections(file: &File, splices: &[Splice], appended: &[(String, String)]) -> String {
    let end = file.text.len();
    let text = spliced(&file.text, splices);
    let nl = line_end(&text, text.len());
    let (between, close) = if ends_line(&text) { ("", nl) } else { (nl, "") };
    let mut out = if splices.iter().any(|splice| splice.at.end == end) {
        between.to_owned()
    } else {
        file.line_break(end)
    };
    for (index, (header, pair)) in appended.iter().enumerate() {
        let before = if index == 0 { "" } else { between };
        out.extend([before, header, nl, pair, close]);
    }
    out
}

pub(super) fn ends_line(text: &[u8]) -> bool {
    text.is_empty() || text.ends_with(b"\n") || text == crate::text::BOM
}

fn several_values(key: &str) -> Error {
    Error::new(ErrorKind::SeveralValues, format!("{key} has several values"))
}
