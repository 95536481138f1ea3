//! Keys: `section[.subsection].variable`.

use crate::gitconfig::parse::Section;
use crate::gitconfig::value::unescaped;
use crate::{Error, ErrorKind};

/// A section's name: `core`, `http.https://git.example.com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectionName<'a> {
    pub(crate) base: &'a str,
    pub(crate) subsection: Option<&'a str>,
}

/// A variable's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    pub(crate) section: SectionName<'a>,
    pub(crate) variable: &'a str,
}

impl<'a> SectionName<'a> {
    /// Splits a name at the first dot into section and subsection.
    pub(crate) fn parse(name: &'a str) -> Result<Self, Error> {
        let (base, subsection) = match name.split_once('.') {
            Some((base, subsection)) => (base, Some(subsection)),
            None => (name, None),
        };
        if base.is_empty() || !base.bytes().all(is_name) {
            return Err(invalid("the name of a section has letters, digits and `-`"));
        }
        if subsection.is_some_and(|s| s.contains(['\n', '\0'])) {
            return Err(invalid("a subsection cannot hold a line end or a NUL byte"));
        }
        Ok(Self { base, subsection })
    }

    /// Returns whether `section` of `text` has this name. The part up to the first dot is case-insensitive, and so is
    /// all of an old `[section.subsection]` header.
    pub(crate) fn is_of(&self, section: &Section, text: &[u8]) -> bool {
        let base = text.get(section.base.clone()).unwrap_or_default();
        let quoted = section.subsection.clone().map(|s| text.get(s).unwrap_or_default());
        let Some(rest) = strip_folded(base, self.base.as_bytes()) else { return false };
        let Some(wanted) = self.subsection.map(str::as_bytes) else {
            return rest.is_empty() && quoted.is_none();
        };
        match (rest.strip_prefix(b"."), quoted) {
            (None, Some(quoted)) => rest.is_empty() && *unescaped(quoted) == *wanted,
            (Some(old), None) => is_lowered(wanted, old),
            // `[a.b "C"]` is the subsection `b.C` of `a`.
            (Some(old), Some(quoted)) => {
                wanted.split_at_checked(old.len()).is_some_and(|(first, second)| {
                    is_lowered(first, old)
                        && second.strip_prefix(b".").is_some_and(|s| *s == *unescaped(quoted))
                })
            }
            (None, None) => false,
        }
    }
}

impl<'a> Key<'a> {
    /// Splits a key at the last dot into section and variable.
    pub(crate) fn parse(key: &'a str) -> Result<Self, Error> {
        let Some((section, variable)) = key.rsplit_once('.') else {
            return Err(invalid(
                "a git key is `section.variable` or `section.subsection.variable`",
            ));
        };
        let mut bytes = variable.bytes();
        if !bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) || !bytes.all(is_name) {
            return Err(invalid(
                "the name of a variable has letters, digits and `-`, and a letter first",
            ));
        }
        Ok(Self { section: SectionName::parse(section)?, variable })
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn strip_folded<'t>(text: &'t [u8], prefix: &[u8]) -> Option<&'t [u8]> {
    let (first, rest) = text.split_at_checked(prefix.len())?;
    first.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Returns whether `wanted` is `raw` in lower case, as git reads the old header form.
fn is_lowered(wanted: &[u8], raw: &[u8]) -> bool {
    wanted.iter().copied().eq(raw.iter().map(u8::to_ascii_lowercase))
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitconfig::parse::parse;

    fn matches(name: &str, header: &str) -> bool {
        let parsed = parse(header.as_bytes()).unwrap();
        SectionName::parse(name).unwrap().is_of(&parsed.sections[0], header.as_bytes())
    }

    #[test]
    fn the_first_and_the_last_dot_cut_a_key() {
        let key = Key::parse("http.https://git.example.com:8443/.sslCAInfo").unwrap();
        assert_eq!(key.section.base, "http");
        assert_eq!(key.section.subsection, Some("https://git.example.com:8443/"));
        assert_eq!(key.variable, "sslCAInfo");
        for bad in ["", "core", "core.", ".x", "co_re.x", "core.1x", "core.x y", "a.b\nc.d"] {
            assert!(Key::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sections_match_without_case_and_subsections_with() {
        for (name, header, is) in [
            ("core", "[CORE]", true),
            ("core", "[core \"\"]", false),
            ("core.", "[core \"\"]", true),
            ("core.", "[core.]", true),
            ("http.https://A", "[HTTP \"https://A\"]", true),
            ("http.https://a", "[http \"https://A\"]", false),
            ("a.b", "[A.B]", true),
            ("a.B", "[a.B]", false),
            ("a.b.C", "[a.B \"C\"]", true),
            ("a.b.c", "[a.B \"C\"]", false),
            ("a.q\"\\", r#"[a "q\"\\"]"#, true),
            ("a.nx", r#"[a "\nx"]"#, true),
            ("a", "[a.b]", false),
            ("a", "[ab]", false),
        ] {
            assert_eq!(matches(name, header), is, "{name} {header}");
        }
    }
}
