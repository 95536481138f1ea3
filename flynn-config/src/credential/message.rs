//! The messages of git and a credential helper: lines of `key=value`.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, BufRead, Write};

use secrecy::{ExposeSecret, SecretString};

use crate::url::{Url, decoded};
use crate::{Error, ErrorKind};

/// The operation that git asks a helper for, which is its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Return a username and password.
    Get,
    /// Store a username and password that worked.
    Store,
    /// Forget a username and password that did not work.
    Erase,
    /// An unknown operation, which a helper ignores.
    Other,
}

impl Operation {
    /// Reads the argument of a helper.
    pub fn from_argument(argument: &str) -> Self {
        match argument {
            "get" => Self::Get,
            "store" => Self::Store,
            "erase" => Self::Erase,
            _ => Self::Other,
        }
    }
}

/// A message about a credential, from git or from a helper.
///
/// ```
/// use flynn_config::credential::Credential;
///
/// let asked = Credential::parse(b"protocol=https\nhost=git.a.test:8443\n\n")?;
/// assert_eq!(asked.host(), Some("git.a.test:8443"));
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Credential {
    protocol: Option<String>,
    host: Option<String>,
    path: Option<String>,
    username: Option<String>,
    password: Option<SecretString>,
    /// Other attributes in their order, with lists (`wwwauth[]`).
    others: Vec<(String, SecretString)>,
}

impl Credential {
    /// The maximum length of a message: 1 MiB. git's messages are far shorter.
    pub const LONGEST: usize = 1 << 20;

    /// Parses a message up to an empty line or the end.
    ///
    /// If an attribute occurs more than once, the last value is used. `url=` sets protocol, host, path, username and
    /// password. Line ends can be CRLF.
    ///
    /// # Errors
    /// Fails with [`Syntax`](ErrorKind::Syntax) for a line without `=` or with a NUL byte, for text that is not UTF-8,
    /// and for a `url=` without scheme or host, or with an encoded line end.
    pub fn parse(message: &[u8]) -> Result<Self, Error> {
        let mut credential = Self::default();
        let mut at = 0;
        for line in message.split(|&b| b == b'\n') {
            let start = at;
            at += line.len() + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            let fault = |offset, what| Error::syntax(message, start + offset, what);
            if let Some(nul) = line.iter().position(|&b| b == 0) {
                return Err(fault(nul, "NUL byte"));
            }
            let text =
                std::str::from_utf8(line).map_err(|e| fault(e.valid_up_to(), "not UTF-8"))?;
            let (key, value) =
                text.split_once('=').ok_or_else(|| fault(0, "no `=` in the line"))?;
            credential.set(key, value).map_err(|what| fault(key.len() + 1, what))?;
        }
        credential.forget_overwritten();
        Ok(credential)
    }

    /// Reads a message from git.
    ///
    /// # Errors
    /// Returns the errors of [`parse`](Self::parse), [`Io`](ErrorKind::Io) if `input` cannot be read, and
    /// [`Invalid`](ErrorKind::Invalid) for more than [`LONGEST`](Self::LONGEST) bytes.
    pub fn read(input: impl BufRead) -> Result<Self, Error> {
        let limit = Self::LONGEST as u64 + 1;
        let mut input = input.take(limit);
        let mut message = Vec::new();
        loop {
            let start = message.len();
            let read = input.read_until(b'\n', &mut message);
            read.map_err(|e| Error::io("read from git", "-".as_ref(), e))?;
            if message.len() > Self::LONGEST {
                return Err(Error::new(ErrorKind::Invalid, "the message from git is too long"));
            }
            if matches!(message.get(start..).unwrap_or_default(), b"" | b"\n" | b"\r\n") {
                return Self::parse(&message);
            }
        }
    }

    /// Returns the message for a URL without its password, for `git credential`.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) if the URL is not `scheme://host...` or has a line end in it.
    pub fn for_url(url: &str) -> Result<Self, Error> {
        let mut credential = Self::default();
        credential.set_url(url).map_err(|what| Error::new(ErrorKind::Invalid, what))?;
        credential.password = None;
        Ok(credential)
    }

    /// Returns the protocol, such as `https`.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Returns the host, with the port if the URL has one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns the path, which git sends only with `credential.useHttpPath`.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Returns the user name.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Returns the password.
    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// Returns the values of another attribute, such as `capability[]` or `password_expiry_utc`.
    pub fn attribute<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a SecretString> {
        self.others.iter().filter(move |(name, _)| name == key).map(|(_, value)| value)
    }

    /// Returns the answer to this message: its URL with a username and password.
    #[must_use]
    pub fn answered(&self, username: &str, password: SecretString) -> Self {
        Self {
            protocol: self.protocol.clone(),
            host: self.host.clone(),
            path: self.path.clone(),
            username: Some(username.to_owned()),
            password: Some(password),
            others: Vec::new(),
        }
    }

    /// Writes the message with the password, in the order of the original CLI. There is no empty line
    /// at the end: a helper's answer ends with its output.
    ///
    /// # Errors
    /// Fails with `InvalidData` before anything is written if a value contains a line end or NUL byte. Otherwise
    /// returns the errors of `output`.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        let five = [
            ("protocol", self.protocol.as_deref()),
            ("username", self.username.as_deref()),
            ("host", self.host.as_deref()),
            ("path", self.path.as_deref()),
            ("password", password),
        ];
        let five = five.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let others = self.others.iter().map(|(key, value)| (&**key, value.expose_secret()));
        let mut message = Vec::new();
        for (key, value) in five.chain(others) {
            if value.contains(['\n', '\0']) || key.contains(['\n', '\0', '=']) {
                let what = "a credential cannot hold a line end or a NUL byte";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            writeln!(message, "{key}={value}")?;
        }
        output.write_all(&message)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        let slot = match key {
            "protocol" => &mut self.protocol,
            "host" => &mut self.host,
            "path" => &mut self.path,
            "username" => &mut self.username,
            "password" => {
                self.password = Some(SecretString::from(value));
                return Ok(());
            }
            "url" => return self.set_url(value),
            _ => {
                self.others.push((key.to_owned(), SecretString::from(value)));
                return Ok(());
            }
        };
        *slot = Some(value.to_owned());
        Ok(())
    }

    /// Keeps only the last value of each other attribute that is not a list.
    fn forget_overwritten(&mut self) {
        let mut seen = HashSet::new();
        let last_first = self.others.drain(..).rev();
        let kept = last_first.filter(|(key, _)| key.ends_with("[]") || seen.insert(key.clone()));
        let mut others: Vec<_> = kept.collect();
        others.reverse();
        self.others = others;
    }

    /// Replaces all attributes with the parts of a URL, as git does (`credential.c`).
    fn set_url(&mut self, url: &str) -> Result<(), &'static str> {
        let url = Url::parse(url).ok_or("not a URL with a scheme and a host")?;
        let part = |text: &str| one_line(decoded_by_git(text));
        let (username, password) = match url.login.map(|login| login.split_once(':')) {
            Some(Some((username, password))) => (Some(username), Some(password)),
            Some(None) => (url.login, None),
            None => (None, None),
        };
        let path = part(url.path.trim_start_matches('/'))?;
        // git reduces a path of encoded slashes to one slash.
        let path = path.get(..path.trim_end_matches('/').len().max(1));
        self.protocol = Some(one_line(url.scheme.to_owned())?);
        self.host = Some(part(url.host)?);
        self.path = path.map(str::to_owned);
        self.username = username.map(part).transpose()?;
        self.password = password.map(part).transpose()?.map(SecretString::from);
        Ok(())
    }
}

fn one_line(text: String) -> Result<String, &'static str> {
    let is_one = !text.contains(['\n', '\r', '\0']);
    is_one.then_some(text).ok_or("a URL with a line end or a NUL byte in it")
}

/// Percent-decodes as git does (`url.c`), which does not decode the part before a colon:
/// `git%2ea.test` is decoded, `git%2ea.test:8443` is not.
fn decoded_by_git(text: &str) -> String {
    let (scheme, rest) = text.split_at(text.find(':').unwrap_or(0));
    scheme.to_owned() + &decoded(rest)
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: Vec<_> = self.others.iter().map(|(key, _)| key).collect();
        f.debug_struct("Credential")
            .field("protocol", &self.protocol)
            .field("host", &self.host)
            .field("path", &self.path)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("others", &others)
            .finish()
    }
}
