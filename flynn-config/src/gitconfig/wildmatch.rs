//! git's path patterns (`wildmatch.c` with `WM_PATHNAME`), in time that no pattern can blow up.

/// Whether `pattern` matches the whole of `path`: `*` and `?` stay within a folder, `**/` is any
/// number of folders, a final `/**` everything below, `[a-z]` and `[!a-z]` one character.
pub(super) fn matches(pattern: &str, path: &str, fold_case: bool) -> bool {
    let lowered = |text: &str| if fold_case { text.to_lowercase() } else { text.to_owned() };
    let tokens = tokens(&lowered(pattern));
    let mut states = States::start(&tokens);
    for c in lowered(path).chars() {
        states = states.after(&tokens, c);
    }
    states.at.get(tokens.len()).copied().unwrap_or(false)
}

#[derive(Debug, PartialEq)]
enum Token {
    One(char),
    Any,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `*`
    Name,
    /// `**/`
    Folders,
    /// `**` at the end
    Everything,
}

/// The tokens that may come next; `inside` those `Folders` that are in the middle of a name.
struct States {
    at: Vec<bool>,
    inside: Vec<bool>,
}

impl States {
    fn start(tokens: &[Token]) -> Self {
        let mut states = Self::none(tokens.len());
        states.reach(tokens, 0);
        states
    }

    fn none(count: usize) -> Self {
        Self { at: vec![false; count + 1], inside: vec![false; count + 1] }
    }

    /// Marks a token, and those after it that can also come next because it can match nothing.
    fn reach(&mut self, tokens: &[Token], mut index: usize) {
        while let Some(slot) = self.at.get_mut(index) {
            *slot = true;
            match tokens.get(index) {
                Some(Token::Name | Token::Folders | Token::Everything) => index += 1,
                _ => return,
            }
        }
    }

    /// Marks `Folders` as being in the middle of a name.
    fn go_inside(&mut self, index: usize) {
        if let Some(slot) = self.inside.get_mut(index) {
            *slot = true;
        }
    }

    fn after(&self, tokens: &[Token], c: char) -> Self {
        let mut next = Self::none(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            let inside = self.inside.get(index).copied().unwrap_or(false);
            if !inside && !self.at.get(index).copied().unwrap_or(false) {
                continue;
            }
            match token {
                Token::Folders if c == '/' => next.reach(tokens, index),
                Token::Folders => next.go_inside(index),
                Token::Everything => next.reach(tokens, index),
                Token::Name if c != '/' => next.reach(tokens, index),
                token if token.is(c) => next.reach(tokens, index + 1),
                _ => {}
            }
        }
        next
    }
}

impl Token {
    /// Whether a token for a single character stands for `c`.
    fn is(&self, c: char) -> bool {
        match self {
            Token::One(one) => *one == c,
            Token::Any => c != '/',
            Token::Class { negated, ranges } => {
                c != '/' && ranges.iter().any(|(low, high)| (low..=high).contains(&&c)) != *negated
            }
            Token::Name | Token::Folders | Token::Everything => false,
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars();
    let mut folder_starts = true;
    while let Some(c) = rest.next() {
        let starts = std::mem::replace(&mut folder_starts, c == '/');
        tokens.push(match c {
            '*' => {
                let after = rest.as_str();
                let single = after.trim_start_matches('*');
                let double = starts && after.len() > single.len();
                rest = single.chars();
                match single.strip_prefix('/') {
                    Some(below) if double => {
                        rest = below.chars();
                        folder_starts = true;
                        Token::Folders
                    }
                    None if double && single.is_empty() => Token::Everything,
                    _ => Token::Name,
                }
            }
            '?' => Token::Any,
            '[' => match class(rest.as_str()) {
                Some((class, after)) => {
                    rest = after.chars();
                    class
                }
                None => Token::One('['),
            },
            '\\' => Token::One(rest.next().unwrap_or('\\')),
            c => Token::One(c),
        });
    }
    tokens
}

/// A class after its `[`, and what follows it; `None` if it has no end.
fn class(text: &str) -> Option<(Token, &str)> {
    let negated = text.starts_with(['!', '^']);
    let mut rest = text.get(usize::from(negated)..)?.chars();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            ']' if !ranges.is_empty() => break,
            '\\' => rest.next()?,
            c => c,
        };
        let after = rest.as_str();
        let high = after.strip_prefix('-').filter(|after| !after.starts_with(']'));
        match high.and_then(|after| after.chars().next()) {
            Some(high) => {
                ranges.push((low, high));
                rest = after.get(1 + high.len_utf8()..)?.chars();
            }
            None => ranges.push((low, low)),
        }
    }
    Some((Token::Class { negated, ranges }, rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_git() {
        for (pattern, path, is) in [
            ("/home/ann/work/**", "/home/ann/work/x/.git", true),
            ("/home/ann/work/**", "/home/ann/workshop/.git", false),
            ("/home/ann/work/**", "/home/ann/work", false),
            ("**/work/**", "/home/ann/work/x/.git", true),
            ("**/x/.git", "x/.git", true),
            ("**/x/.git", "/ax/.git", false),
            ("/a/**/b", "/a/b", true),
            ("/a/**/b", "/a/x/y/b", true),
            ("/a/*/b", "/a/x/y/b", false),
            ("/a/x**y/b", "/a/x/y/b", false),
            ("/a/?.git", "/a/b.git", true),
            ("/a/?.git", "/a//.git", false),
            ("/[a-c]/[!x]", "/b/y", true),
            ("/[a-c]/[!x]", "/b/x", false),
            ("/[]]/[\\]-]", "/]/-", true),
            ("/a[", "/a[", true),
            ("/\\*", "/*", true),
            ("/\\*", "/a", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, path, false), is, "{pattern} {path}");
        }
        assert!(matches("/Home/**", "/home/x", true) && !matches("/Home/**", "/home/x", false));
        let hostile = "*a".repeat(60);
        assert!(!matches(&hostile, &"a".repeat(300).replace("aaa", "aab/"), false));
    }
}
