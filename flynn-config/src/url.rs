//! Parses and compares URLs.

/// The parts of a URL, as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a str,
    /// The part before the first `@`, where git splits.
    pub(crate) login: Option<&'a str>,
    /// The host, followed by the port if the URL has one.
    pub(crate) host: &'a str,
    /// The rest, from the first slash.
    pub(crate) path: &'a str,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (login, host) = match authority.split_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        (!scheme.is_empty() && !host.is_empty()).then_some(Self { scheme, login, host, path })
    }

    /// Returns the decoded value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        let pair = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pair.into_iter().find(|(key, _)| *key == name);
        value.map(|(_, value)| decoded(&value.replace('+', " ")))
    }

    /// Returns the host without the default port of the scheme.
    fn place(&self) -> &'a str {
        let default = match self.scheme {
            s if s.eq_ignore_ascii_case("https") => ":443",
            s if s.eq_ignore_ascii_case("http") => ":80",
            _ => "",
        };
        self.host.strip_suffix(default).unwrap_or(self.host)
    }
}

/// Returns whether git uses the settings of `[http "a"]` for exactly `b` (`urlmatch.c`). Scheme and host are
/// case-insensitive; the default port and a slash at the end do not matter.
pub(crate) fn is_same_url(a: &str, b: &str) -> bool {
    match (Url::parse(a), Url::parse(b)) {
        (Some(a), Some(b)) => {
            a.scheme.eq_ignore_ascii_case(b.scheme)
                && a.login == b.login
                && a.place().eq_ignore_ascii_case(b.place())
                && a.path.trim_end_matches('/') == b.path.trim_end_matches('/')
        }
        _ => a == b,
    }
}

/// Percent-decodes a text. As with git, `%00` is not decoded, nor is a text that is then not UTF-8.
pub(crate) fn decoded(text: &str) -> String {
    let hex = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, tail @ ..] => hex(*high).zip(hex(*low)).map(|digits| (digits, tail)),
            _ => None,
        };
        let byte = escape.map(|((high, low), tail)| (high * 16 + low, tail));
        let (byte, left) = byte.filter(|(byte, _)| *byte != 0).unwrap_or((*first, tail));
        out.push(byte);
        rest = left;
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_match_as_in_git() {
        for (a, b, same) in [
            ("https://git.a.test", "HTTPS://Git.A.test/", true),
            ("https://git.a.test", "https://git.a.test:443", true),
            ("https://git.a.test:8443", "https://git.a.test", false),
            ("https://git.a.test:8443", "https://git.a.test:443", false),
            ("https://git.a.test", "http://git.a.test", false),
            ("https://git.a.test/x", "https://git.a.test/X", false),
            ("https://u@git.a.test", "https://git.a.test", false),
            ("https://[::1]:443/", "https://[::1]", true),
            ("nothing", "nothing", true),
            ("nothing", "https://nothing", false),
        ] {
            assert_eq!(is_same_url(a, b), same, "{a} {b}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let url = Url::parse("https://login.test:8443?x=1&client_id=a%2Fb+c#frag=2").unwrap();
        assert_eq!(url.host, "login.test:8443");
        assert_eq!(url.parameter("client_id").as_deref(), Some("a/b c"));
        assert_eq!(url.parameter("frag"), None);
    }

    #[test]
    fn decoding_leaves_the_odd_alone() {
        assert_eq!(decoded("a%20b%"), "a b%");
        assert_eq!(decoded("%zz%ff"), "%zz%ff");
        assert_eq!(decoded("%00%2"), "%00%2");
    }
}
