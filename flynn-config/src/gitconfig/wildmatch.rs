//! git's path patterns (`wildmatch.c` with `WM_PATHNAME`), matched in bounded time.

/// Returns whether `pattern` matches all of `path`.
///
/// `*` and `?` match within a folder, `**/` any number of folders, a `/**` at the end everything
/// below, and `[a-z]`, `[!a-z]` and `[[:alpha:]]` one byte. As with git, patterns match bytes, and an
/// unfinished pattern matches nothing.
pub(super) fn matches(pattern: &[u8], path: &[u8], fold_case: bool) -> bool {
    let Some(tokens) = tokens(pattern, fold_case) else { return false };
    let mut states = States::start(&tokens);
    for &byte in path {
        let byte = if fold_case { byte.to_ascii_lowercase() } else { byte };
        states = states.after(&tokens, byte);
    }
    states.at.get(tokens.len()).copied().unwrap_or(false)
}

#[derive(Debug)]
enum Token {
    One(u8),
    Any,
    Class {
        negated: bool,
        items: Vec<Item>,
        fold_case: bool,
    },
    /// `*`
    Name,
    /// `**/`
    Folders,
    /// `**` at the end
    Everything,
}

/// An item of a class.
#[derive(Debug)]
enum Item {
    One(u8),
    Range(u8, u8),
    /// `[:alpha:]`
    Kind(fn(&u8) -> bool),
}

/// The tokens that can come next. `inside` are the `Folders` in the middle of a name.
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

    /// Marks a token, and those after it if it can match nothing.
    fn reach(&mut self, tokens: &[Token], mut index: usize) {
        while let Some(slot) = self.at.get_mut(index) {
            *slot = true;
            match tokens.get(index) {
                Some(Token::Name | Token::Folders | Token::Everything) => index += 1,
                _ => return,
            }
        }
    }

    /// Marks `Folders` in the middle of a name.
    fn go_inside(&mut self, index: usize) {
        if let Some(slot) = self.inside.get_mut(index) {
            *slot = true;
        }
    }

    fn after(&self, tokens: &[Token], byte: u8) -> Self {
        let mut next = Self::none(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            let inside = self.inside.get(index).copied().unwrap_or(false);
            if !inside && !self.at.get(index).copied().unwrap_or(false) {
                continue;
            }
            match token {
                Token::Folders if byte == b'/' => next.reach(tokens, index),
                Token::Folders => next.go_inside(index),
                Token::Everything => next.reach(tokens, index),
                Token::Name if byte != b'/' => next.reach(tokens, index),
                token if token.is(byte) => next.reach(tokens, index + 1),
                _ => {}
            }
        }
        next
    }
}

impl Token {
    /// Returns whether the token of a single byte matches this one.
    fn is(&self, byte: u8) -> bool {
        match self {
            Token::One(one) => *one == byte,
            Token::Any => byte != b'/',
            Token::Class { negated, items, fold_case } => {
                byte != b'/' && items.iter().any(|item| item.has(byte, *fold_case)) != *negated
            }
            Token::Name | Token::Folders | Token::Everything => false,
        }
    }
}

impl Item {
    fn has(&self, byte: u8, fold_case: bool) -> bool {
        // The byte is in lower case, but a range can be in upper case.
        let upper = if fold_case { byte.to_ascii_uppercase() } else { byte };
        match self {
            Item::One(one) => *one == byte,
            Item::Range(low, high) => [byte, upper].iter().any(|b| (low..=high).contains(&b)),
            Item::Kind(is) => is(&byte) || is(&upper),
        }
    }
}

/// The tokens of a pattern, or `None` if it is unfinished.
fn tokens(pattern: &[u8], fold_case: bool) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    let mut folder_starts = true;
    while let [byte, after @ ..] = rest {
        rest = after;
        let starts = std::mem::replace(&mut folder_starts, *byte == b'/');
        tokens.push(match byte {
            b'*' => {
                let more = after.iter().take_while(|&&b| b == b'*').count();
                rest = after.get(more..).unwrap_or_default();
                match rest {
                    [b'/', below @ ..] if starts && more > 0 => {
                        rest = below;
                        folder_starts = true;
                        Token::Folders
                    }
                    [] if starts && more > 0 => Token::Everything,
                    _ => Token::Name,
                }
            }
            b'?' => Token::Any,
            b'[' => {
                let (class, after) = class(after, fold_case)?;
                rest = after;
                class
            }
            b'\\' => {
                let (escaped, after) = after.split_first()?;
                rest = after;
                Token::One(*escaped)
            }
            byte if fold_case => Token::One(byte.to_ascii_lowercase()),
            byte => Token::One(*byte),
        });
    }
    Some(tokens)
}

/// The class after a `[` and the rest of the pattern, or `None` if the class has no end.
fn class(text: &[u8], fold_case: bool) -> Option<(Token, &[u8])> {
    let negated = matches!(text, [b'!' | b'^', ..]);
    let mut rest = text.get(usize::from(negated)..)?;
    let mut items = Vec::new();
    loop {
        let (mut low, mut after) = rest.split_first()?;
        match (low, after) {
            (b']', _) if !items.is_empty() => break rest = after,
            (b'[', [b':', name @ ..]) => {
                let end = name.iter().position(|&b| b == b']')?;
                if let Some(name) = name.get(..end)?.strip_suffix(b":") {
                    items.push(Item::Kind(kind(name)?));
                    rest = after.get(end + 2..)?;
                    continue;
                }
            }
            (b'\\', _) => (low, after) = after.split_first()?,
            _ => {}
        }
        rest = after;
        items.push(match after {
            [b'-', high, tail @ ..] if *high != b']' => {
                let (high, tail) = if *high == b'\\' { tail.split_first()? } else { (high, tail) };
                rest = tail;
                Item::Range(*low, *high)
            }
            _ => Item::One(*low),
        });
    }
    Some((Token::Class { negated, items, fold_case }, rest))
}

/// The test for a name such as `alpha`, or `None` for an unknown name.
fn kind(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |b| matches!(b, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |b| matches!(b, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
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
            ("/a/?.git", "/a/\u{fc}.git", false),
            ("/a/??.git", "/a/\u{fc}.git", true),
            ("/[a-c]/[!x]", "/b/y", true),
            ("/[a-c]/[!x]", "/b/x", false),
            ("/[]]/[\\]-]", "/]/-", true),
            ("/[a-\\c]", "/b", true),
            ("/[[:alpha:]][[:digit:]_]", "/x_", true),
            ("/[[:alpha:]]", "/1", false),
            ("/[[:nothing:]]", "/n", false),
            ("/[[:a]", "/:", true),
            ("/a[", "/a[", false),
            ("/a[b", "/ab", false),
            ("/a\\", "/a\\", false),
            ("/\\*", "/*", true),
            ("/\\*", "/a", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes(), false), is, "{pattern} {path}");
        }
    }

    #[test]
    fn ascii_folds_and_nothing_else() {
        for (pattern, path, is) in [
            ("/Home/**", "/home/x", true),
            ("/home/**", "/HOME/x", true),
            ("/[A-Z][[:upper:]]", "/hO", true),
            ("/\u{dc}", "/\u{fc}", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes(), true), is, "{pattern} {path}");
        }
        assert!(!matches(b"/Home", b"/home", false));
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let path = "a".repeat(300).replace("aaa", "aab/");
        assert!(!matches("*a".repeat(60).as_bytes(), path.as_bytes(), false));
    }
}
