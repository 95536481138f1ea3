//! Parses JSON text as Go's decoder does: in order, with its tolerance and its two kinds of errors.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A JSON value with the original order of fields and with duplicates.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// The original digits.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The reason why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It ends too early.
    End,
    /// A character is not allowed there.
    Syntax,
}

/// The maximum depth, which real documents do not reach.
const DEPTH: usize = 500;

/// Returns the first value of the text. The rest is ignored.
pub(super) fn first(text: &[u8]) -> Result<Json, Broken> {
    Parser { text, at: 0 }.value(0)
}

impl Json {
    /// Returns the value in `serde_json`'s form.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Number(digits) => serde_json::from_str(&digits).unwrap_or_default(),
            Self::String(text) => Value::String(text),
            Self::Array(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(fields) => Value::Object(into_map(fields)),
        }
    }
}

/// Writes the value with its fields in the order of the text.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(fields) => {
                to.collect_map(fields.iter().map(|(name, value)| (name, value)))
            }
            Self::Array(items) => to.collect_seq(items),
            other => other.clone().into_value().serialize(to),
        }
    }
}

/// Returns the fields as a map, with the last of duplicates.
pub(super) fn into_map(fields: Vec<(String, Json)>) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name, value.into_value())).collect()
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Result<u8, Broken> {
        self.text.get(self.at).copied().ok_or(Broken::End)
    }

    fn next(&mut self) -> Result<u8, Broken> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    /// Returns the next byte that is not white space, without consuming it.
    fn peek_solid(&mut self) -> Result<u8, Broken> {
        while matches!(self.peek()?, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.peek()
    }

    /// Consumes the byte if it is this one.
    fn took(&mut self, wanted: u8) -> Result<bool, Broken> {
        let found = self.peek_solid()? == wanted;
        self.at += usize::from(found);
        Ok(found)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Broken> {
        if self.took(wanted)? { Ok(()) } else { Err(Broken::Syntax) }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Broken> {
        if depth > DEPTH {
            return Err(Broken::Syntax);
        }
        match self.peek_solid()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Json::String),
            b'-' | b'0'..=b'9' => self.number().map(Json::Number),
            b't' => self.word(b"true", Json::Bool(true)),
            b'f' => self.word(b"false", Json::Bool(false)),
            b'n' => self.word(b"null", Json::Null),
            _ => Err(Broken::Syntax),
        }
    }

    fn word(&mut self, letters: &[u8], value: Json) -> Result<Json, Broken> {
        for letter in letters {
            if self.next()? != *letter {
                return Err(Broken::Syntax);
            }
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Json, Broken> {
        self.expect(b'{')?;
        let mut fields = Vec::new();
        if self.took(b'}')? {
            return Ok(Json::Object(fields));
        }
        loop {
            if self.peek_solid()? != b'"' {
                return Err(Broken::Syntax);
            }
            let name = self.string()?;
            self.expect(b':')?;
            fields.push((name, self.value(depth + 1)?));
            if self.took(b'}')? {
                return Ok(Json::Object(fields));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Broken> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        if self.took(b']')? {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.took(b']')? {
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
        }
    }

    /// Parses a number, which may be at the very end of the text.
    fn number(&mut self) -> Result<String, Broken> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Ok(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Ok(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        Ok(String::from_utf8_lossy(digits).into_owned())
    }

    /// Consumes one or more digits.
    fn digits(&mut self) -> Result<(), Broken> {
        if !self.next()?.is_ascii_digit() {
            return Err(Broken::Syntax);
        }
        while self.peek().is_ok_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Parses a string. Invalid UTF-8 becomes the replacement character.
    fn string(&mut self) -> Result<String, Broken> {
        self.expect(b'"')?;
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                b'\\' => {
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return Err(Broken::Syntax),
                byte => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Broken> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(Broken::Syntax),
        })
    }

    /// Returns the character of `\u`, including the second half of a surrogate pair.
    fn unicode(&mut self) -> Result<char, Broken> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind = self.at;
        if self.text.get(behind..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.at = behind;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, Broken> {
        (0..4).try_fold(0, |code, _| {
            let digit = char::from(self.next()?).to_digit(16).ok_or(Broken::Syntax)?;
            Ok(code * 16 + digit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, Broken> {
        first(text.as_bytes()).map(Json::into_value)
    }

    #[test]
    fn reads_what_serde_reads() {
        let text =
            r#" {"a":[1,-0.5,1e3,true,false,null,"\u00e9\ud83d\ude00\n"],"b":{"c":{}},"d":[]} "#;
        assert_eq!(read(text), Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn tells_the_end_from_bad_syntax() {
        for text in
            ["", "  ", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "[1,", "\"a", "\"\\u12", "tru", "-"]
        {
            assert_eq!(read(text), Err(Broken::End), "{text}");
        }
        for text in [
            "x",
            "{bad",
            "{1:2}",
            "{\"a\" 1}",
            "[1 2]",
            "{\"a\":1,}",
            "[,]",
            "01x]",
            "tx",
            "\"\n\"",
            "\"\\x\"",
            "-a",
            "1.x",
        ] {
            let got = read(text);
            assert!(got == Err(Broken::Syntax) || text == "01x]" && got.is_ok(), "{text}: {got:?}");
        }
        assert_eq!(read("[01]"), Err(Broken::Syntax));
    }

    #[test]
    fn reads_the_first_value_only() {
        assert_eq!(read("{} trailing"), Ok(serde_json::json!({})));
        assert_eq!(read("12"), Ok(serde_json::json!(12)));
    }

    #[test]
    fn replaces_what_is_no_text() {
        assert_eq!(read(r#""\ud800x""#), Ok(Value::String("\u{fffd}x".to_owned())));
        assert_eq!(read(r#""\ud800\u0041""#), Ok(Value::String("\u{fffd}A".to_owned())));
        assert_eq!(first(b"\"a\xffb\""), Ok(Json::String("a\u{fffd}b".to_owned())));
    }

    #[test]
    fn too_deep_is_refused() {
        assert_eq!(read(&"[".repeat(100_000)), Err(Broken::Syntax));
    }
}
