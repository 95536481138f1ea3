//! Changing one file: splices of bytes, and after those of one change a new look at the text.

use std::ops::{Deref, Range};

use super::diff::{Change, Hunk};
use super::key::{Key, SectionName};
use super::parse::{Section, Variable};
use super::value::{header, quoted};
use super::{File, Found, GitConfig};
use crate::text::{
    Block, bom_len, content_end, indentation, is_blank, line_end, line_start, line_stop, next_line,
};
use crate::{Error, ErrorKind};

const COMMENT: &[u8] = b"#;";

/// A git configuration under change, inside [`GitConfig::edit`]; what it holds is read through
/// [`GitConfig`] (of this file alone, not of those it includes).
#[derive(Debug, Clone)]
pub struct GitConfigEdit {
    config: GitConfig,
    changes: Vec<Change>,
}

impl GitConfigEdit {
    pub(super) fn new(config: GitConfig) -> Self {
        Self { config, changes: Vec::new() }
    }

    pub(super) fn into_config(self) -> GitConfig {
        self.config
    }

    /// Takes the outcome of an edit of this very text.
    pub(super) fn replace_with(&mut self, outcome: GitConfig) {
        self.config = outcome;
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Sets a key to one value: over the old one, or in the last section of its name, or in a new
    /// section at the end, spelled as in `key`.
    ///
    /// # Errors
    /// [`SeveralValues`](ErrorKind::SeveralValues) where the key has more than one;
    /// [`Invalid`](ErrorKind::Invalid) for a key or value that git cannot hold.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match &*self.matches(&Key::parse(key)?) {
            [] => self.add(key, value),
            [index] => self.replace(*index, value),
            _ => Err(several(key)),
        }
    }

    /// Adds a value to those that a key has, after the last one of its section.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a key or value that git cannot hold.
    pub fn add(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let key = Key::parse(key)?;
        let pair = format!("\t{} = {}", key.variable, quoted(value)?);
        let last = self.sections().iter().rposition(|s| key.section.is_of(s, self.text()));
        let Some(section) = last else {
            let header = header(key.section.base, key.section.subsection);
            let end = self.text().len();
            let nl = line_end(self.text(), end);
            let close = if ends_line(self.text()) { nl } else { "" };
            let open = self.fresh_line(end);
            return self.splice(end..end, &format!("{open}{header}{nl}{pair}{close}"));
        };
        let after = self.body(section);
        let stop = line_stop(self.text(), after);
        let next = self.sections().get(section + 1).map(|s| s.header.start);
        if next.is_some_and(|next| next < stop) {
            let nl = line_end(self.text(), after);
            return self.splice(after..after, &format!("{nl}{pair}{nl}"));
        }
        let open = self.fresh_line(stop);
        self.splice(stop..stop, &format!("{open}{pair}"))
    }

    /// Takes a key out; false where there is none. As with git, a section that this leaves empty
    /// goes too, unless a comment stands in it, or between it and what comes before.
    ///
    /// # Errors
    /// [`SeveralValues`](ErrorKind::SeveralValues), [`Invalid`](ErrorKind::Invalid).
    pub fn unset(&mut self, key: &str) -> Result<bool, Error> {
        match &*self.matches(&Key::parse(key)?) {
            [] => Ok(false),
            [index] => self.take_out(&[*index]).map(|()| true),
            _ => Err(several(key)),
        }
    }

    /// Takes out every value of a key; gives their number.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid).
    pub fn unset_all(&mut self, key: &str) -> Result<usize, Error> {
        let matches = self.matches(&Key::parse(key)?);
        self.take_out(&matches)?;
        Ok(matches.len())
    }

    /// Takes out every section of that name (`core`, `http.https://git.example.com`), in
    /// whatever case it is spelled, where git itself misses those in another case. Gives their
    /// number. The comment lines directly above its header go with a section; those above the
    /// next header stay.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid).
    pub fn remove_section(&mut self, name: &str) -> Result<usize, Error> {
        let name = SectionName::parse(name)?;
        let sections = self.sections().iter().enumerate();
        let named = sections.filter(|(_, section)| name.is_of(section, self.text()));
        let extents: Vec<_> = named.map(|(index, _)| self.extent(index)).collect();
        let count = extents.len();
        self.cut(extents)?;
        Ok(count)
    }

    /// Takes out what `is_own` among the variables of the sections, and all of a section if that
    /// is all that it holds.
    pub(super) fn remove_own(
        &mut self,
        sections: &[usize],
        is_own: impl Fn(&Found<'_>) -> bool,
    ) -> Result<(), Error> {
        let Some(file) = self.file() else { return Ok(()) };
        let mut ranges = Vec::new();
        for &section in sections {
            let inside = self.variables().get(self.inside(section)).unwrap_or_default();
            let (own, others): (Vec<_>, Vec<_>) =
                inside.iter().partition(|variable| is_own(&Found { file, variable }));
            if others.is_empty() {
                ranges.push(self.extent(section));
            } else {
                ranges.extend(own.into_iter().map(|variable| self.place(variable)));
            }
        }
        self.cut(ranges)
    }

    /// Writes another value over that of the variable at `index`.
    pub(super) fn replace(&mut self, index: usize, value: &str) -> Result<(), Error> {
        let Some(variable) = self.variables().get(index) else { return Ok(()) };
        let value = quoted(value)?;
        let (at, with) = match variable.equals {
            None => (variable.value.clone(), format!(" = {value}")),
            Some(_) if variable.value.is_empty() => (variable.value.clone(), format!(" {value}")),
            Some(_) => (variable.value.clone(), value),
        };
        self.splice(at, &with)
    }

    /// Takes out the variables at `indices`, which ascend, and each section that this leaves
    /// empty.
    pub(super) fn take_out(&mut self, indices: &[usize]) -> Result<(), Error> {
        let variables: Vec<_> =
            indices.iter().filter_map(|&index| self.variables().get(index)).collect();
        let mut ranges = Vec::new();
        for of_section in variables.chunk_by(|a, b| a.section == b.section) {
            let own: Vec<_> = of_section.iter().map(|variable| self.place(variable)).collect();
            let section = of_section.first().and_then(|variable| variable.section);
            match section.filter(|&section| self.is_bare(section, &own)) {
                Some(section) => ranges.push(self.extent(section)),
                None => ranges.extend(own),
            }
        }
        self.cut(ranges)
    }

    /// What goes when a variable goes.
    fn place(&self, variable: &Variable) -> Range<usize> {
        let (name, end) = (variable.name.start, variable.value.end);
        let text = self.text();
        match indentation(text, name) {
            Some(indent) => name - indent.len()..next_line(text, end),
            // It shares the line with its header, which keeps the comment.
            None => content_end(text.get(..name).unwrap_or_default())..end,
        }
    }

    /// The indices of the variables of that name.
    pub(super) fn matches(&self, key: &Key<'_>) -> Vec<usize> {
        let found = self.config.variables().enumerate();
        found.filter_map(|(index, found)| found.is(key).then_some(index)).collect()
    }

    /// Takes ranges out.
    fn cut(&mut self, mut ranges: Vec<Range<usize>>) -> Result<(), Error> {
        ranges.sort_by_key(|range| range.start);
        self.splices(ranges, "")
    }

    fn splice(&mut self, range: Range<usize>, with: &str) -> Result<(), Error> {
        self.splices(vec![range], with)
    }

    /// Puts `with` in the place of each range, in one go: the text is parsed once, however many
    /// there are.
    fn splices(&mut self, ranges: Vec<Range<usize>>, with: &str) -> Result<(), Error> {
        let Some(file) = self.file() else { return Ok(()) };
        let old = &file.text;
        let mut new = Vec::with_capacity(old.len() + with.len());
        let mut hunks: Vec<Hunk> = Vec::new();
        let mut at = 0;
        for range in ranges {
            new.extend_from_slice(old.get(at..range.start).unwrap_or_default());
            let start = new.len();
            new.extend_from_slice(with.as_bytes());
            at = at.max(range.end);
            match hunks.last_mut() {
                // On the line on which the one before ends.
                Some(hunk) if line_start(old, range.start) < hunk.old.end => {
                    hunk.old.end = at;
                    hunk.new.end = new.len();
                }
                _ => hunks.push(Hunk { old: range, new: start..new.len() }),
            }
        }
        new.extend_from_slice(old.get(at..).unwrap_or_default());
        if new == *old {
            return Ok(());
        }
        let changes: Vec<_> = hunks.iter().map(|hunk| Change::of(old, &new, hunk)).collect();
        let file = File::parse(file.path.clone(), new)?;
        self.config = GitConfig::from_file(file, self.config.home.take());
        self.changes.extend(changes);
        Ok(())
    }

    pub(super) fn file(&self) -> Option<&File> {
        self.config.files.first()
    }

    fn text(&self) -> &[u8] {
        self.config.as_bytes()
    }

    fn sections(&self) -> &[Section] {
        self.file().map_or(&[], |file| &file.parsed.sections)
    }

    fn variables(&self) -> &[Variable] {
        self.file().map_or(&[], |file| &file.parsed.variables)
    }

    /// The indices of the variables in a section.
    fn inside(&self, section: usize) -> Range<usize> {
        let variables = self.variables();
        let start = variables.partition_point(|v| v.section.is_none_or(|s| s < section));
        start..variables.partition_point(|v| v.section.is_none_or(|s| s <= section))
    }

    /// The end of the last variable of a section, or of its header.
    fn body(&self, section: usize) -> usize {
        match self.variables().get(self.inside(section)) {
            Some([.., last]) => last.value.end,
            _ => self.sections().get(section).map_or(0, |section| section.header.end),
        }
    }

    fn extent(&self, section: usize) -> Range<usize> {
        let Some(head) = self.sections().get(section).map(|s| s.header.start) else { return 0..0 };
        let ceiling = self.sections().get(section + 1).map(|s| s.header.start);
        let block = Block {
            floor: self.floor(section),
            head,
            body: self.body(section),
            ceiling: ceiling.unwrap_or(self.text().len()),
        };
        block.extent(self.text(), COMMENT)
    }

    /// The end of the variables that stand before the first section.
    fn top(&self) -> usize {
        let free = self.variables().iter().take_while(|variable| variable.section.is_none());
        free.last().map_or(0, |variable| variable.value.end)
    }

    /// Whether a section holds nothing but the ranges `own`, and no comment stands in it or above
    /// it.
    fn is_bare(&self, section: usize, own: &[Range<usize>]) -> bool {
        let Some(Section { header, .. }) = self.sections().get(section) else { return false };
        let text = self.text();
        let end = self.sections().get(section + 1).map_or(text.len(), |s| s.header.start);
        let blank = |range: Range<usize>| is_blank(text.get(range).unwrap_or_default());
        let above = self.floor(section).max(bom_len(text)).min(header.start);
        let from = std::iter::once(header.end).chain(own.iter().map(|range| range.end));
        let to = own.iter().map(|range| range.start).chain(std::iter::once(end));
        blank(above..header.start) && from.zip(to).all(|(from, to)| blank(from..to))
    }

    /// The end of the last line before a section that is neither blank nor comment: a comment on
    /// that line belongs to it, even on one that a `\` continues the value to.
    fn floor(&self, section: usize) -> usize {
        match section.checked_sub(1).map_or_else(|| self.top(), |before| self.body(before)) {
            0 => 0,
            end => line_stop(self.text(), end),
        }
    }

    /// What must stand at `at`, the end of a line, for the next byte to begin a new one: the
    /// line end, and one more where a value still goes on, its last byte being `\` or the line
    /// end after it.
    fn fresh_line(&self, at: usize) -> String {
        let text = self.text();
        let nl = line_end(text, at);
        let ends_here = self.variables().iter().rfind(|v| v.equals.is_some() && v.value.end == at);
        let raw = ends_here.and_then(|v| text.get(v.value.clone())).unwrap_or_default();
        let backslashes = raw.iter().rev().take_while(|&&b| b == b'\\').count();
        match text.get(..at) {
            _ if backslashes % 2 == 1 => nl.repeat(2),
            Some(before) if ends_line(before) && !raw.ends_with(b"\n") => String::new(),
            _ => nl.to_owned(),
        }
    }
}

impl Deref for GitConfigEdit {
    type Target = GitConfig;

    fn deref(&self) -> &GitConfig {
        &self.config
    }
}

fn ends_line(text: &[u8]) -> bool {
    text.is_empty() || text.ends_with(b"\n") || text == crate::text::BOM
}

fn several(key: &str) -> Error {
    let message = format!("{key} has several values");
    Error::new(ErrorKind::SeveralValues, message)
}
