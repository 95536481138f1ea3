//! Finds the values that a server makes up inside a text.

/// What kind of value it is. A value is bound only to one of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// A job's or volume's place: `hostN-UUID`; the host is the scheduler's choice, once a job.
    Placed,
    /// Lower-case hex of 16 digits or more: keys, passwords, digests. The length counts.
    Hex,
    /// 32 bytes as base64: pins, cookie keys.
    Base64,
    /// A PEM block that holds a certificate.
    Certificate,
    /// A PEM block that holds a private key.
    PrivateKey,
    /// An RFC 3339 time.
    Time,
    /// A time in a file name, `2026-11-22_213234`.
    Stamp,
    /// A name that the server made up.
    Word,
    /// The port of a TCP route, a number of its own, never inside a text.
    Port,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// To be compared as it is.
    Text(&'a str),
    /// A made-up value.
    Value(Kind, &'a str),
}

/// Cuts a text into pieces; `words` are the made-up names known so far.
pub fn split<'a>(text: &'a str, words: &[String]) -> Vec<Token<'a>> {
    let mut tokens = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let boundary = !text.get(..at).is_some_and(|before| before.ends_with(is_word));
        match value(rest, boundary, words) {
            Some((kind, length)) => {
                push_text(&mut tokens, text.get(plain..at));
                let (value, _) = rest.split_at(length);
                tokens.push(Token::Value(kind, value));
                at += length;
                plain = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    push_text(&mut tokens, text.get(plain..));
    tokens
}

fn push_text<'a>(tokens: &mut Vec<Token<'a>>, text: Option<&'a str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        tokens.push(Token::Text(text));
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// The value that a text starts with, and its length.
fn value(text: &str, boundary: bool, words: &[String]) -> Option<(Kind, usize)> {
    if text.starts_with("-----BEGIN ") {
        return pem(text);
    }
    if !boundary {
        return None;
    }
    if let Some(length) = uuid(text) {
        return Some((Kind::Uuid, length));
    }
    if let Some(length) = placed(text) {
        return Some((Kind::Placed, length));
    }
    if let Some(length) = shape(text, "dddd-dd-ddTdd:dd:dd") {
        return Some((Kind::Time, time(text, length)?));
    }
    if let Some(length) = shape(text, "dddd-dd-dd_dddddd") {
        return Some((Kind::Stamp, length));
    }
    if let Some(word) = words.iter().find(|word| text.starts_with(word.as_str())) {
        return Some((Kind::Word, word.len()));
    }
    let end = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    let run = text.get(..end)?;
    if run.len() >= 16 && run.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Some((Kind::Hex, end));
    }
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    let length = text.bytes().take_while(|b| base64(*b)).count();
    (length == 43 && text.as_bytes().get(43) == Some(&b'=')).then_some((Kind::Base64, 44))
}

/// A whole PEM block, without the newline after it.
fn pem(text: &str) -> Option<(Kind, usize)> {
    let label = text.strip_prefix("-----BEGIN ")?.split("-----").next()?;
    let kind = match label {
        "CERTIFICATE" => Kind::Certificate,
        _ if label.ends_with("PRIVATE KEY") => Kind::PrivateKey,
        _ => return None,
    };
    let end = format!("-----END {label}-----");
    Some((kind, text.find(&end)? + end.len()))
}

/// A UUID with nothing of a word behind it.
fn uuid(text: &str) -> Option<usize> {
    let length = shape(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")?;
    (!text.get(length..)?.starts_with(is_word)).then_some(length)
}

/// `hostN-UUID`.
fn placed(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("host")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let id = rest.get(digits..)?.strip_prefix('-')?;
    (digits > 0).then_some(())?;
    Some("host".len() + digits + 1 + uuid(id)?)
}

/// The host and the UUID of a placed value.
pub fn halves(placed: &str) -> (&str, &str) {
    placed.split_once('-').unwrap_or((placed, ""))
}

/// A time's whole length: fraction and `Z` after the seconds.
fn time(text: &str, seconds: usize) -> Option<usize> {
    let rest = text.get(seconds..)?;
    let fraction = match rest.strip_prefix('.') {
        Some(digits) => 1 + digits.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    rest.get(fraction..)?.starts_with('Z').then_some(seconds + fraction + 1)
}

/// Whether a text starts with a pattern: `d` a digit, `x` a lower-case hex digit.
fn shape(text: &str, pattern: &str) -> Option<usize> {
    let start = text.as_bytes().get(..pattern.len())?;
    let fits = start.iter().zip(pattern.bytes()).all(|(got, wanted)| match wanted {
        b'd' => got.is_ascii_digit(),
        b'x' => matches!(got, b'0'..=b'9' | b'a'..=b'f'),
        _ => *got == wanted,
    });
    fits.then_some(pattern.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(Kind, &str)> {
        split(text, &["ponies-study".to_owned()])
            .into_iter()
            .filter_map(|token| match token {
                Token::Value(kind, value) => Some((kind, value)),
                Token::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn values_are_found_inside_text() {
        let id = "7ac01026-3160-480e-b16a-bdc4a0e0ffdd";
        assert_eq!(values(&format!("controller/apps/{id}")), [(Kind::Uuid, id)]);
        let placed = format!("host2-{id}");
        assert_eq!(values(&placed), [(Kind::Placed, placed.as_str())]);
        assert_eq!(halves(&placed), ("host2", id));
        assert_eq!(
            values("postgres://2092eb42fbe17eaa2695d4cf840cf699@x:5432/a"),
            [(Kind::Hex, "2092eb42fbe17eaa2695d4cf840cf699")]
        );
        assert_eq!(
            values("at 2026-11-22T21:37:36.13235Z."),
            [(Kind::Time, "2026-11-22T21:37:36.13235Z")]
        );
        assert_eq!(
            values("eDEjcQZ++nGkUPPJOlCLe1rR3es6WtWoLywLq9WEAKU="),
            [(Kind::Base64, "eDEjcQZ++nGkUPPJOlCLe1rR3es6WtWoLywLq9WEAKU=")]
        );
        assert_eq!(values("ponies-study.flynn.test"), [(Kind::Word, "ponies-study")]);
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nAAA\n-----END RSA PRIVATE KEY-----";
        assert_eq!(values(&format!("{pem}\n")), [(Kind::PrivateKey, pem)]);
    }

    #[test]
    fn other_text_stays_text() {
        for text in ["deadbeef", "2026-11-22", "host1", "flynn.test", "é", "0123456789ABCDEFG"] {
            assert_eq!(split(text, &[]), [Token::Text(text)], "{text}");
        }
    }
}
