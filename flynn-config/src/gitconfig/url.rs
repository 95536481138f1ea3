//! When two URLs in git's configuration mean the same place.

/// Whether git would take the settings of `[http "a"]` for those of `b`, user names and paths
/// being equal: scheme and host match without regard to case, a default port and a slash at the
/// end do not matter (`urlmatch.c`).
pub(crate) fn is_same_url(a: &str, b: &str) -> bool {
    match (Parts::of(a), Parts::of(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[derive(PartialEq)]
struct Parts<'a> {
    scheme: String,
    user: &'a str,
    host: String,
    port: &'a str,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (user, authority) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
            _ => (authority, ""),
        };
        let default = match &*scheme {
            "https" => "443",
            "http" => "80",
            _ => "",
        };
        let port = if port == default { "" } else { port };
        let path = path.strip_suffix('/').unwrap_or(path);
        Some(Self { scheme, user, host: host.to_ascii_lowercase(), port, path })
    }
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
            ("https://git.a.test", "http://git.a.test", false),
            ("https://git.a.test/x", "https://git.a.test/X", false),
            ("https://u@git.a.test", "https://git.a.test", false),
            ("https://[::1]:443/", "https://[::1]", true),
            ("nothing", "nothing", true),
        ] {
            assert_eq!(is_same_url(a, b), same, "{a} {b}");
        }
    }
}
