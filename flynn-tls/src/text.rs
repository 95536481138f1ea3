//! Escapes and shortens untrusted text to fit on one line.

/// Escapes control characters, C1 and bidi overrides, and truncates after 80 characters.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().escape_debug()),
        None => text.escape_debug().to_string(),
    }
}

/// Lists the first few items, and the number of the others.
pub(crate) fn few<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 5;
    let mut all = all.into_iter();
    let first: Vec<_> = all.by_ref().take(MOST).map(|text| shown(text.as_ref())).collect();
    match all.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_and_escaped() {
        assert_eq!(shown("a\u{1b}[2J\u{202e}b\u{85}"), "a\\u{1b}[2J\\u{202e}b\\u{85}");
        assert_eq!(shown(&"é".repeat(99)), format!("{}…", "é".repeat(80)));
        assert_eq!(few(["a", "b"]), "a, b");
        assert_eq!(few((0..20_000).map(|i| i.to_string())), "0, 1, 2, 3, 4 and 19995 more");
    }
}
