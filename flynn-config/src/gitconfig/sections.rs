//! The extent of sections and variables in the text of a file.

use std::ops::Range;

use super::File;
use super::parse::{Section, Variable};
use super::splices::ends_line;
use crate::text::{
    Block, bom_len, content_end, indentation, is_blank, line_end, line_stop, next_line,
};

const COMMENT: &[u8] = b"#;";

impl File {
    /// The indices of the variables in a section.
    pub(super) fn variables_in(&self, section: usize) -> Range<usize> {
        let variables = &self.parsed.variables;
        let start = variables.partition_point(|v| v.section.is_none_or(|s| s < section));
        start..variables.partition_point(|v| v.section.is_none_or(|s| s <= section))
    }

    /// The end of the last variable of a section, or of its header.
    pub(super) fn body(&self, section: usize) -> usize {
        match self.parsed.variables.get(self.variables_in(section)) {
            Some([.., last]) => last.value.end,
            _ => self.parsed.sections.get(section).map_or(0, |section| section.header.end),
        }
    }

    /// The bytes that are removed with a section.
    pub(super) fn extent(&self, section: usize) -> Range<usize> {
        let Some(Section { header, .. }) = self.parsed.sections.get(section) else { return 0..0 };
        let block = Block {
            floor: self.floor(section),
            head: header.start,
            body: self.body(section),
            ceiling: self.ceiling(section),
        };
        block.extent(&self.text, COMMENT)
    }

    /// The bytes that are removed with a variable.
    pub(super) fn extent_of(&self, variable: &Variable) -> Range<usize> {
        let (name, end) = (variable.name.start, variable.value.end);
        match indentation(&self.text, name) {
            Some(indent) => name - indent.len()..next_line(&self.text, end),
            // The variable shares the line with its header, which keeps the comment.
            None => content_end(self.text.get(..name).unwrap_or_default())..end,
        }
    }

    /// Returns whether a section is empty without the ranges `own`, with no comment in it or above it.
    pub(super) fn is_empty_without(&self, section: usize, own: &[Range<usize>]) -> bool {
        let Some(Section { header, .. }) = self.parsed.sections.get(section) else { return false };
        let blank = |range: Range<usize>| is_blank(self.text.get(range).unwrap_or_default());
        let above = self.floor(section).max(bom_len(&self.text)).min(header.start);
        let from = std::iter::once(header.end).chain(own.iter().map(|range| range.end));
        let to = own.iter().map(|range| range.start);
        let to = to.chain(std::iter::once(self.ceiling(section)));
        blank(above..header.start) && from.zip(to).all(|(from, to)| blank(from..to))
    }

    /// Returns the end of the last line before a section that is neither blank nor a comment. A comment at the end of
    /// that line belongs to it, even if a `\` has continued the value to that line.
    fn floor(&self, section: usize) -> usize {
        let end = if let Some(before) = section.checked_sub(1) {
            self.body(before)
        } else {
            // The variables before the first section.
            let free = self.parsed.variables.iter().take_while(|v| v.section.is_none());
            free.last().map_or(0, |variable| variable.value.end)
        };
        if end == 0 { 0 } else { line_stop(&self.text, end) }
    }

    /// The start of the next section, or the end of the text.
    fn ceiling(&self, section: usize) -> usize {
        self.parsed.sections.get(section + 1).map_or(self.text.len(), |next| next.header.start)
    }

    /// Returns the text to insert at `at`, the end of a line, so that the next byte starts a new line. A value that
    /// ends with `\` continues on the next line, so it needs a second line end.
    pub(super) fn line_break(&self, at: usize) -> String {
        let nl = line_end(&self.text, at);
        let ends_here = |v: &&Variable| v.equals.is_some() && v.value.end == at;
        let last = self.parsed.variables.iter().rfind(ends_here);
        let raw = last.and_then(|v| self.text.get(v.value.clone())).unwrap_or_default();
        let backslashes = raw.iter().rev().take_while(|&&b| b == b'\\').count();
        match self.text.get(..at) {
            _ if backslashes % 2 == 1 => nl.repeat(2),
            Some(before) if ends_line(before) && !raw.ends_with(b"\n") => String::new(),
            _ => nl.to_owned(),
        }
    }
}
