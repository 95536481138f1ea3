//! Splices and lines of a text, shared by both file formats.

use std::ops::Range;

/// The UTF-8 byte order mark that some editors write first.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// A replacement of some bytes of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) at: Range<usize>,
    pub(crate) with: String,
}

impl Splice {
    pub(crate) fn new(at: Range<usize>, with: impl Into<String>) -> Self {
        Self { at, with: with.into() }
    }

    pub(crate) fn insert(at: usize, with: impl Into<String>) -> Self {
        Self::new(at..at, with)
    }

    pub(crate) fn cut(at: Range<usize>) -> Self {
        Self::new(at, "")
    }
}

/// Returns the text after the splices, which are sorted and do not overlap.
pub(crate) fn spliced(text: &[u8], splices: &[Splice]) -> Vec<u8> {
    let mut new =
        Vec::with_capacity(text.len() + splices.iter().map(|s| s.with.len()).sum::<usize>());
    let mut at = 0;
    for Splice { at: range, with } in splices {
        new.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        new.extend_from_slice(with.as_bytes());
        at = at.max(range.end);
    }
    new.extend_from_slice(text.get(at..).unwrap_or_default());
    new
}

/// The line end of the line at `at`, or else of the line before it.
pub(crate) fn line_end(text: &[u8], at: usize) -> &'static str {
    let before = text.get(..next_line(text, at)).unwrap_or_default();
    match before.iter().rposition(|&b| b == b'\n') {
        Some(nl) if nl > 0 && text.get(nl - 1) == Some(&b'\r') => "\r\n",
        _ => "\n",
    }
}

/// The start of the line at `at`.
pub(crate) fn line_start(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.iter().rposition(|&b| b == b'\n').map_or(0, |nl| nl + 1)
}

/// The end of the line at `at`, without its line end.
pub(crate) fn line_stop(text: &[u8], at: usize) -> usize {
    let stop = next_line(text, at);
    let line = text.get(at..stop).unwrap_or_default();
    let end = line.strip_suffix(b"\n").unwrap_or(line);
    at + end.strip_suffix(b"\r").unwrap_or(end).len()
}

/// The start of the line after the one at `at`, or the end of the text.
pub(crate) fn next_line(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|&b| b == b'\n').map_or(text.len(), |nl| at + nl + 1)
}

/// The end of the text without the white space at its end.
pub(crate) fn content_end(text: &[u8]) -> usize {
    text.iter().rposition(|b| !b.is_ascii_whitespace()).map_or(0, |at| at + 1)
}

/// The white space between the start of the line and `at`, or `None` if there is something else.
pub(crate) fn indentation(text: &[u8], at: usize) -> Option<&[u8]> {
    let before = text.get(line_start(text, at)..at)?;
    let before = before.strip_prefix(BOM).unwrap_or(before);
    is_blank(before).then_some(before)
}

pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

/// A header of a file, the lines under it, and the limits of its comments.
pub(crate) struct Block {
    /// The end of the last thing before the header that is not white space or a comment.
    pub(crate) floor: usize,
    /// The first byte of the header.
    pub(crate) head: usize,
    /// The end of the last thing in the block that is not white space or a comment.
    pub(crate) body: usize,
    /// The first byte of the next header, or the end of the text.
    pub(crate) ceiling: usize,
}

impl Block {
    /// Returns the bytes to remove with the block: its lines, the comment lines directly above its header
    /// (except at the top of the file) and directly below its last line, and the blank lines after
    /// them. Comments directly above the next header stay, and so do those with blank lines on both
    /// sides.
    pub(crate) fn extent(&self, text: &[u8], comment: &[u8]) -> Range<usize> {
        if indentation(text, self.head).is_none() {
            // The block shares its line with something else, which stays.
            return self.head..line_stop(text, self.body).min(self.ceiling);
        }
        self.start(text, comment)..self.end(text, comment)
    }

    fn start(&self, text: &[u8], comment: &[u8]) -> usize {
        let own = line_start(text, self.head).max(bom_len(text));
        let top = lines_above(text, own, self.floor, comment);
        if top <= bom_len(text) { own } else { top }
    }

    fn end(&self, text: &[u8], comment: &[u8]) -> usize {
        let own = next_line(text, self.body);
        if own > self.ceiling {
            return self.ceiling;
        }
        let attached = if self.ceiling < text.len() {
            lines_above(text, line_start(text, self.ceiling), own, comment)
        } else {
            text.len()
        };
        let mut end = own;
        while end < attached && is_comment(text, end, comment) {
            end = next_line(text, end);
        }
        while end < attached && is_blank(text.get(end..next_line(text, end)).unwrap_or_default()) {
            end = next_line(text, end);
        }
        end.min(self.ceiling)
    }
}

/// The start of the comment lines directly above `line`, and not before `floor`.
fn lines_above(text: &[u8], line: usize, floor: usize, comment: &[u8]) -> usize {
    let mut top = line;
    while top > floor {
        let above = line_start(text, top - 1);
        if above < floor || !is_comment(text, above, comment) {
            break;
        }
        top = above;
    }
    top
}

fn is_comment(text: &[u8], line: usize, comment: &[u8]) -> bool {
    let bytes = text.get(line..).unwrap_or_default();
    let bytes = if line == 0 { bytes.strip_prefix(BOM).unwrap_or(bytes) } else { bytes };
    let first = bytes.iter().find(|&&b| b != b' ' && b != b'\t');
    first.is_some_and(|b| comment.contains(b))
}

/// The length of the byte order mark at the start of `text`, or 0.
pub(crate) fn bom_len(text: &[u8]) -> usize {
    if text.starts_with(BOM) { BOM.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str, head: &str, body: &str, next: &str) -> String {
        let head = text.find(head).unwrap();
        let body = text.find(body).unwrap() + body.len();
        let ceiling = if next.is_empty() { text.len() } else { text.find(next).unwrap() };
        let floor = text[..head].rfind('=').map_or(0, |at| next_line(text.as_bytes(), at) - 1);
        let range = Block { floor, head, body, ceiling }.extent(text.as_bytes(), b"#;");
        let mut left = text.to_owned();
        left.replace_range(range, "");
        left
    }

    #[test]
    fn comments_follow_their_header() {
        let text = "[a]\nx=1\n\n# of b\n[b]\ny=2\n# was\n\n# of c\n[c]\nz=3\n";
        assert_eq!(block(text, "[b]", "y=2", "[c]"), "[a]\nx=1\n\n# of c\n[c]\nz=3\n");
        assert_eq!(block(text, "[a]", "x=1", "[b]"), &text[9..]);
    }

    #[test]
    fn free_comments_and_the_head_of_the_file_stay() {
        let text = "# my file\n[a]\nx=1\n\n# free\n\n[b]\ny=2\n";
        assert_eq!(block(text, "[a]", "x=1", "[b]"), "# my file\n# free\n\n[b]\ny=2\n");
        assert_eq!(block(text, "[b]", "y=2", ""), "# my file\n[a]\nx=1\n\n# free\n\n");
    }

    #[test]
    fn a_comment_touching_both_sides_belongs_to_the_next_header() {
        let text = "[a]\nx=1\n# c\n[b]\ny=2";
        assert_eq!(block(text, "[a]", "x=1", "[b]"), "# c\n[b]\ny=2");
    }

    #[test]
    fn two_headers_on_a_line() {
        assert_eq!(block("[a] [b] y=2", "[a]", "[a]", "[b]"), "[b] y=2");
        assert_eq!(block("[a] [b] y=2\n", "[b]", "y=2", ""), "[a] \n");
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(line_stop(b"ab\r\ncd", 0), 2);
        assert_eq!(line_stop(b"ab", 1), 2);
        assert_eq!(line_end(b"a\r\nb\n", 1), "\r\n");
        assert_eq!(line_end(b"a\r\nb\n", 4), "\n");
        assert_eq!(line_end(b"a\r\nb", 4), "\r\n");
        assert_eq!(line_end(b"", 0), "\n");
    }
}
