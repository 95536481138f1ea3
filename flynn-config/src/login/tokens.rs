//! The token cache of `flynn login`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::issuer::{self, IssuedToken, Issuer, Refresh};
use crate::file;
use crate::url::{Url, is_same_url};
use crate::{Cluster, Error, ErrorKind};

/// The prefix of a personal access token.
const PERSONAL: &str = "flynn_pat_";

/// A token is not used in its last seconds, because a push takes some time.
const MARGIN: Duration = Duration::from_secs(10);

/// Go's zero time, which means "never" or "unknown".
const ZERO: &str = "0001-01-01T00:00:00Z";

/// The folder of cached tokens, `~/.flynn/tokens`.
///
/// The current fork caches the tokens of a cluster in `<cluster name>/<client id>.json`, older CLIs
/// in `<host of the OAuthURL>/<client id>.json`. This type reads both. It reads and writes a file
/// under the CLI's lock, and replaces it in one step.
///
/// ```no_run
/// use flynn_config::login::Auth;
/// use flynn_config::{FlynnRc, Locations};
///
/// let locations = Locations::from_env()?;
/// let rc = FlynnRc::load(locations.flynnrc())?;
/// match locations.tokens().auth(rc.select(None)?)? {
///     Auth::Key(_) => println!("send the key as the password"),
///     Auth::Token(token) => println!("send a token that expires at {:?}", token.expires()),
/// }
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    dir: PathBuf,
}

/// The key or token to send to a cluster.
#[derive(Debug, Clone)]
pub enum Auth {
    /// The controller's key, or a personal access token (`flynn_pat_...`).
    ///
    /// Send it as the password of HTTP basic authentication, with any user name except `Bearer`.
    Key(SecretString),
    /// An access token. Send it as a bearer token, or with git as the password of the user
    /// [`Token::username`].
    Token(Token),
}

/// An access token for one controller.
#[derive(Debug, Clone)]
pub struct Token {
    kind: String,
    secret: SecretString,
    expires: Option<SystemTime>,
}

impl Tokens {
    /// Uses the tokens in the folder `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the key or token to send to a cluster: its personal access token (a `Key` that starts with `flynn_pat_`)
    /// if there is one, otherwise the token of the last login, otherwise its key.
    ///
    /// As with the fork's CLI, the login takes precedence over a key even if its token has expired.
    ///
    /// # Errors
    /// Fails with [`NotLoggedIn`](ErrorKind::NotLoggedIn) if there is neither a key nor a token, with [`TokenExpired`]
    /// if the login must be renewed, with [`Syntax`](ErrorKind::Syntax) if a cache file is not valid, with
    /// [`Locked`](ErrorKind::Locked) if another program holds its lock, and with [`Invalid`](ErrorKind::Invalid) or
    /// [`Io`](ErrorKind::Io) if it cannot be read.
    ///
    /// [`TokenExpired`]: ErrorKind::TokenExpired
    pub fn auth(&self, cluster: &Cluster) -> Result<Auth, Error> {
        let key = cluster.key().expose_secret();
        if key.trim_start().starts_with(PERSONAL) {
            return Ok(Auth::Key(SecretString::from(key.trim())));
        }
        match self.token(cluster)? {
            Some(token) => Ok(Auth::Token(token)),
            None if !key.is_empty() => Ok(Auth::Key(cluster.key().clone())),
            None => Err(not_logged_in(cluster)),
        }
    }

    /// Returns the request that renews the login of a cluster. Send its form and pass the response to
    /// [`store`](Self::store).
    ///
    /// # Errors
    /// Fails with [`NotLoggedIn`](ErrorKind::NotLoggedIn) if there is no refresh token or it has expired, and with
    /// [`Invalid`](ErrorKind::Invalid) if the issuer's URL is not an `https` URL. Returns the errors of
    /// [`auth`](Self::auth) for a cache file.
    pub fn refresh(&self, cluster: &Cluster) -> Result<Refresh, Error> {
        let issuer = Issuer::of(cluster)?;
        for path in self.paths(cluster) {
            let Some(cache) = CacheFile::load(&path)? else { continue };
            let token = cache.usable_refresh_token(cluster).map_err(|e| e.at(&path))?;
            if let Some(token) = token {
                return Ok(Refresh { issuer, token: SecretString::from(token) });
            }
        }
        Err(not_logged_in(cluster))
    }

    /// Writes a new token of a cluster to the cache, by the rules of the CLI.
    ///
    /// An older refresh token does not replace a newer one. The tokens of other controllers and
    /// unknown fields stay. A new file has mode 0600.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) if the cluster's name cannot be the name of a folder, and with
    /// [`ReadOnly`](ErrorKind::ReadOnly) if you may not write the file. Returns the errors of [`auth`](Self::auth) for
    /// the existing file.
    pub fn store(&self, cluster: &Cluster, token: &IssuedToken) -> Result<(), Error> {
        let paths = self.paths(cluster);
        let path = paths.iter().find(|path| path.exists()).or(paths.first()).ok_or_else(|| {
            let message = format!(
                "cannot cache a token for cluster {:?}: its name cannot be the name of a folder",
                cluster.name()
            );
            Error::new(ErrorKind::Invalid, message)
        })?;
        file::self_locked_edit(path, |bytes| {
            let mut cache = CacheFile::parse(&bytes, path)?.unwrap_or_default();
            cache.update(cluster.controller_url().trim(), token).map_err(|e| e.at(path))?;
            Ok(cache.to_bytes())
        })
    }

    /// Returns the token of the last login.
    fn token(&self, cluster: &Cluster) -> Result<Option<Token>, Error> {
        let mut error = None;
        for path in self.paths(cluster) {
            let Some(cache) = CacheFile::load(&path)? else { continue };
            let entry = cache.entry(cluster.controller_url()).map_err(|e| e.at(&path))?;
            let Some(Entry { access_token, token_type, expires }) = entry else { continue };
            if !is_past(expires) {
                return Ok(Some(Token {
                    kind: token_type.to_owned(),
                    secret: SecretString::from(access_token),
                    expires,
                }));
            }
            let name = cluster.name();
            let message = format!("the token for cluster {name:?} has expired; run `flynn login`");
            error = Some(Error::file(ErrorKind::TokenExpired, "use", &path, message));
        }
        error.map_or(Ok(None), Err)
    }

    /// Returns the token files of a cluster, the one of the current fork first.
    fn paths(&self, cluster: &Cluster) -> Vec<PathBuf> {
        let client = issuer::client_id(cluster);
        let oauth_url = Url::parse(cluster.oauth_url().trim());
        let folders = [Some(cluster.name().trim()), oauth_url.map(|url| url.host)];
        let folders = folders.into_iter().flatten();
        folders
            .filter(|folder| is_plain_name(folder) && is_plain_name(&client))
            .map(|folder| self.dir.join(folder).join(format!("{client}.json")))
            .collect()
    }
}

impl Token {
    /// Returns the user name for the token: `Bearer`, or the token's type.
    pub fn username(&self) -> &str {
        match &*self.kind {
            kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
            kind => kind,
        }
    }

    /// Returns the token itself.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Returns the time at which the token expires, or `None` if it does not.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }
}

/// A file of the cache: `refresh_token` with its times, and `access_tokens` by the controller's URL.
/// Unknown fields stay.
#[derive(Default)]
struct CacheFile(Map<String, Value>);

/// An access token of the cache.
struct Entry<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires: Option<SystemTime>,
}

impl CacheFile {
    fn load(path: &Path) -> Result<Option<Self>, Error> {
        match file::read_shared(path) {
            Err(e) if e.is_not_found() => Ok(None),
            bytes => Self::parse(&bytes?, path),
        }
    }

    /// `None` for an empty file, which a killed login leaves.
    fn parse(bytes: &[u8], path: &Path) -> Result<Option<Self>, Error> {
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        // The Display of the source could show a token.
        let cache = serde_json::from_slice(bytes).map_err(|e| {
            let message = "not a token cache; remove the file and run `flynn login`";
            Error::syntax_at(e.line(), e.column(), message).at(path)
        })?;
        Ok(Some(Self(cache)))
    }

    fn to_bytes(&self) -> Vec<u8> {
        // A map with text keys can always be serialized.
        serde_json::to_vec_pretty(&self.0).unwrap_or_default()
    }

    fn refresh_token(&self) -> Result<&str, WrongType> {
        text(&self.0, "refresh_token")
    }

    /// The refresh token, if it has not expired and there is a login to this cluster.
    fn usable_refresh_token(&self, cluster: &Cluster) -> Result<Option<&str>, WrongType> {
        let is_usable = self.entry(cluster.controller_url())?.is_some()
            && !is_past(time(&self.0, "refresh_token_expiry")?);
        Ok(Some(self.refresh_token()?).filter(|token| is_usable && !token.is_empty()))
    }

    /// The access token for a controller.
    fn entry(&self, controller_url: &str) -> Result<Option<Entry<'_>>, WrongType> {
        let url = controller_url.trim();
        let tokens = object(self.0.get("access_tokens"), "access_tokens")?;
        let same = || tokens?.iter().find(|(key, _)| is_same_url(key, url)).map(|(_, entry)| entry);
        let entry = tokens.and_then(|tokens| tokens.get(url)).or_else(same);
        let Some(entry) = object(entry, "access_tokens")? else { return Ok(None) };
        let access_token = text(entry, "access_token")?;
        Ok((!access_token.is_empty()).then_some(Entry {
            access_token,
            token_type: text(entry, "token_type")?,
            expires: time(entry, "expiry")?,
        }))
    }

    /// Stores a new token, unless the old one is newer.
    fn update(&mut self, controller_url: &str, new: &IssuedToken) -> Result<(), WrongType> {
        let issued = new.refresh_issued.as_deref().and_then(|time| instant(time).ok().flatten());
        let known = time(&self.0, "refresh_token_issue_time")?;
        let is_newer = self.refresh_token()?.is_empty() || issued.is_none() || issued > known;
        if let Some(token) = new.refresh_token.as_ref().filter(|_| is_newer) {
            let issued = new.refresh_issued.clone().unwrap_or_else(|| ZERO.to_owned());
            for (key, value) in [
                ("refresh_token", token.expose_secret().to_owned()),
                ("refresh_token_expiry", rfc3339(new.refresh_expires)),
                ("refresh_token_issue_time", issued),
            ] {
                self.0.insert(key.to_owned(), value.into());
            }
        }
        let known = self.entry(controller_url)?.map(|entry| entry.expires);
        if known.is_none_or(|known| is_newer || new.expires > known) {
            let mut tokens = take_object(&mut self.0, "access_tokens");
            let mut entry = take_object(&mut tokens, controller_url);
            for (key, value) in [
                ("access_token", new.access_token.expose_secret().to_owned()),
                ("expiry", rfc3339(new.expires)),
                ("token_type", new.token_type.clone()),
            ] {
                entry.insert(key.to_owned(), value.into());
            }
            tokens.insert(controller_url.to_owned(), entry.into());
            self.0.insert("access_tokens".to_owned(), tokens.into());
        }
        Ok(())
    }
}

/// The name of a field with a wrong type.
struct WrongType(&'static str);

impl WrongType {
    fn at(self, path: &Path) -> Error {
        let message = format!("`{}` is not valid; remove the file and run `flynn login`", self.0);
        Error::file(ErrorKind::Syntax, "use", path, message)
    }
}

/// Reads a text field. Go writes an empty text for a missing value.
fn text<'a>(object: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, WrongType> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(value) => value.as_str().ok_or(WrongType(key)),
    }
}

/// Reads a time field, or `None` for Go's zero time.
fn time(object: &Map<String, Value>, key: &'static str) -> Result<Option<SystemTime>, WrongType> {
    match text(object, key)? {
        "" => Ok(None),
        time => instant(time).map_err(|_| WrongType(key)),
    }
}

fn object<'a>(
    value: Option<&'a Value>,
    key: &'static str,
) -> Result<Option<&'a Map<String, Value>>, WrongType> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_object().map(Some).ok_or(WrongType(key)),
    }
}

/// Removes and returns an object, or creates one.
fn take_object(from: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match from.remove(key) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn not_logged_in(cluster: &Cluster) -> Error {
    let message = format!(
        "not logged in to cluster {:?}: it has neither a key nor a valid token; run `flynn login`",
        cluster.name()
    );
    Error::new(ErrorKind::NotLoggedIn, message)
}

/// Returns whether a name can be a file name.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && !name.contains("..") && !name.contains(['/', '\\', '\0'])
}

fn is_past(expires: Option<SystemTime>) -> bool {
    expires.is_some_and(|expires| expires < SystemTime::now() + MARGIN)
}

/// Parses a time as Go writes it, or `None` for its zero time.
fn instant(text: &str) -> Result<Option<SystemTime>, jiff::Error> {
    let (time, zero) = (text.parse::<Timestamp>()?, ZERO.parse::<Timestamp>()?);
    let seconds = u64::try_from(time.as_second()).unwrap_or(0);
    let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    Ok(since.filter(|_| time != zero))
}

fn rfc3339(time: Option<SystemTime>) -> String {
    let time = time.and_then(|time| Timestamp::try_from(time).ok());
    time.map_or_else(|| ZERO.to_owned(), |time| time.to_string())
}
