//! Shows untrusted text within one line.

use std::fmt::{self, Write};

/// The maximum number of characters of a message that an error shows.
pub(crate) const MESSAGE: usize = 500;
/// The maximum number of characters of an id, a path or a code that an error shows.
pub(crate) const NAME: usize = 120;
/// The maximum number of bytes of a server's text that are kept.
const KEPT: usize = 64 << 10;

/// Shows at most the given number of characters of a text. Collapses white space to one blank, and escapes characters
/// that would end the line or change how it looks.
pub(crate) struct Line<'a>(pub(crate) &'a str, pub(crate) usize);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, most) = *self;
        let mut shown = 0;
        let mut words = text.split(is_space).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            for char in word.chars() {
                if shown >= most {
                    return f.write_char('…');
                }
                if changes_the_line(char) {
                    let escaped = char.escape_unicode();
                    shown += escaped.len();
                    write!(f, "{escaped}")?;
                } else {
                    shown += 1;
                    f.write_char(char)?;
                }
            }
            if words.peek().is_some() {
                shown += 1;
                f.write_char(' ')?;
            }
        }
        Ok(())
    }
}

/// Shows the text in quotation marks.
impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Returns whether a character is white space, including all line ends, or the NUL that pads some texts.
fn is_space(char: char) -> bool {
    char.is_whitespace() || char == '\0'
}

/// Returns whether a character is a control character, invisible, or changes the direction of the text.
fn changes_the_line(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Truncates a server's text to the length that an error keeps.
pub(crate) fn kept(mut text: String) -> String {
    if text.len() > KEPT {
        let end = (0..=KEPT).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_escaped() {
        for (text, shown) in [
            ("a", "a"),
            (" a\r\n\tb\u{2028}c ", "a b c"),
            ("\u{1b}[0m", "\\u{1b}[0m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("äöü äöü", "äöü äöü"),
            ("0123456789abcdef", "0123456789…"),
            ("", ""),
        ] {
            assert_eq!(Line(text, 10).to_string(), shown);
        }
        assert_eq!(kept("ä".repeat(KEPT)).len(), KEPT);
    }
}
