//! The cache of tokens that `flynn login` keeps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use super::issuer::{self, IssuedToken, Issuer, Refresh};
use crate::save;
use crate::url::{Url, is_same_url};
use crate::{Cluster, Error, ErrorKind};

/// The beginning of a personal access token.
const PERSONAL: &str = "flynn_pat_";

/// A token is not used in its last seconds, in which a push would not come through.
const MARGIN: Duration = Duration::from_secs(10);

/// Go's zero time, which stands for "never" and for "not known".
const ZERO: &str = "0001-01-01T00:00:00Z";

/// The folder of cached tokens, `~/.flynn/tokens`.
///
/// The current fork caches the tokens of a cluster as `<cluster name>/<client id>.json`, the CLI
/// before it as `<host of the OAuthURL>/<client id>.json`. Both are read. A file is read and
/// written under the lock on itself that the CLI takes, and replaced in one step.
///
/// ```no_run
/// use flynn_config::login::Auth;
/// use flynn_config::{FlynnRc, Locations};
///
/// let locations = Locations::from_env()?;
/// let rc = FlynnRc::load(locations.flynnrc())?;
/// match locations.tokens().auth(rc.select(None)?)? {
///     Auth::Key(_) => println!("the password is the key"),
///     Auth::Token(token) => println!("a token that expires at {:?}", token.expires()),
/// }
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    dir: PathBuf,
}

/// What proves to a cluster who is asking.
#[derive(Debug, Clone)]
pub enum Auth {
    /// The controller's key, or a personal access token in its place (`flynn_pat_...`): the
    /// password of HTTP basic authentication with any user name but `Bearer`.
    Key(SecretString),
    /// An access token: the bearer token of HTTP authentication, for git the password of the user
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
    /// The tokens cached under `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns what to send to a cluster: its personal access token (a `Key` that begins with
    /// `flynn_pat_`), or the token of the last login, or its key.
    ///
    /// A login wins over a key, as in the fork's CLI, also when its token has expired.
    ///
    /// # Errors
    /// [`NotLoggedIn`](ErrorKind::NotLoggedIn) if there is neither; [`TokenExpired`] if the login
    /// has to be renewed; [`Syntax`](ErrorKind::Syntax) for a cache file that cannot be
    /// understood; [`Locked`](ErrorKind::Locked); [`Io`](ErrorKind::Io).
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

    /// Returns the request that renews the login of a cluster. Send its form, and hand the answer
    /// to [`store`](Self::store).
    ///
    /// # Errors
    /// [`NotLoggedIn`](ErrorKind::NotLoggedIn) if no refresh token is cached or it has expired
    /// too; [`Invalid`](ErrorKind::Invalid) if the issuer is not an `https` URL; those of
    /// [`auth`](Self::auth) for the cache file.
    pub fn refresh(&self, cluster: &Cluster) -> Result<Refresh, Error> {
        let issuer = Issuer::of(cluster)?;
        for path in self.paths(cluster) {
            let Some(cache) = CacheFile::load(&path)? else { continue };
            let is_usable = !cache.refresh_token.is_empty()
                && cache.entry(cluster.controller_url()).is_some()
                && !is_past(instant(&cache.refresh_token_expiry).unwrap_or_default());
            if is_usable {
                return Ok(Refresh { issuer, token: SecretString::from(cache.refresh_token) });
            }
        }
        Err(not_logged_in(cluster))
    }

    /// Writes a token of a cluster's issuer into the cache, by the rules of the CLI: an older
    /// refresh token does not replace a newer one, and the tokens of other controllers stay, as do
    /// unknown fields. A new file has mode 0600.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if the cluster's name cannot be a folder; those of
    /// [`auth`](Self::auth) for the file that is there; [`ReadOnly`](ErrorKind::ReadOnly).
    pub fn store(&self, cluster: &Cluster, token: &IssuedToken) -> Result<(), Error> {
        let paths = self.paths(cluster);
        let path = paths.iter().find(|path| path.exists()).or(paths.first()).ok_or_else(|| {
            let message = format!("no tokens can be cached for cluster {:?}", cluster.name());
            Error::new(ErrorKind::Invalid, message)
        })?;
        save::self_locked_edit(path, |bytes| {
            let mut cache = CacheFile::parse(&bytes, path)?.unwrap_or_default();
            cache.take(cluster.controller_url().trim(), token);
            Ok(cache.to_bytes())
        })
    }

    /// The token of the last login.
    fn token(&self, cluster: &Cluster) -> Result<Option<Token>, Error> {
        let mut error = None;
        for path in self.paths(cluster) {
            let Some(cache) = CacheFile::load(&path)? else { continue };
            let Some(entry) = cache.entry(cluster.controller_url()) else { continue };
            let expires = instant(&entry.expiry).map_err(|()| {
                let message = "the `expiry` of a token is not a time; run `flynn login` again";
                Error::file(ErrorKind::Syntax, "use", &path, message)
            })?;
            if !is_past(expires) {
                return Ok(Some(Token {
                    kind: entry.token_type.clone(),
                    secret: SecretString::from(entry.access_token.clone()),
                    expires,
                }));
            }
            let name = cluster.name();
            let message = format!("the token for cluster {name:?} has expired; run `flynn login`");
            error = Some(Error::file(ErrorKind::TokenExpired, "use", &path, message));
        }
        error.map_or(Ok(None), Err)
    }

    /// The files that can hold the tokens of a cluster, the current fork's first.
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
    /// The user name to send the token with: `Bearer`, or the token's type if it has another.
    pub fn username(&self) -> &str {
        match &*self.kind {
            kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
            kind => kind,
        }
    }

    /// The token itself.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The time from which it is no longer valid; `None` if it does not expire.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }
}

/// A file of the cache, as the CLI writes it.
#[derive(Default, Serialize, Deserialize)]
struct CacheFile {
    #[serde(default)]
    refresh_token: String,
    #[serde(default = "zero")]
    refresh_token_expiry: String,
    #[serde(default = "zero")]
    refresh_token_issue_time: String,
    /// By the controller's URL. Go writes `null` for an empty map and for a missing token.
    #[serde(default)]
    access_tokens: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(default)]
    access_token: String,
    #[serde(default = "zero")]
    expiry: String,
    #[serde(default)]
    token_type: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl CacheFile {
    fn load(path: &Path) -> Result<Option<Self>, Error> {
        match save::read_shared(path) {
            Err(e) if e.is_not_found() => Ok(None),
            bytes => Self::parse(&bytes?, path),
        }
    }

    /// `None` for an empty file, which a login that was killed leaves.
    fn parse(bytes: &[u8], path: &Path) -> Result<Option<Self>, Error> {
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        // The Display of the cause could show a token.
        let cache = serde_json::from_slice(bytes).map_err(|e| {
            let message = "not a token cache; remove the file and run `flynn login`";
            Error::syntax_at(e.line(), e.column(), message).at(path)
        })?;
        Ok(Some(cache))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"\t");
        // Maps with text as keys always can be written.
        let _ = self.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
        bytes
    }

    /// The access token for a controller.
    fn entry(&self, controller_url: &str) -> Option<&Entry> {
        let tokens = self.access_tokens.as_ref()?;
        let url = controller_url.trim();
        let exact = || tokens.get(url)?.as_ref();
        let same = || tokens.iter().find(|(key, _)| is_same_url(key, url))?.1.as_ref();
        exact().or_else(same).filter(|entry| !entry.access_token.is_empty())
    }

    /// Takes a token of the issuer in, unless what is there is newer.
    fn take(&mut self, controller_url: &str, new: &IssuedToken) {
        let issued = new.refresh_issued.as_deref().and_then(|time| instant(time).ok().flatten());
        let known = instant(&self.refresh_token_issue_time).ok().flatten();
        let is_newer = self.refresh_token.is_empty() || issued.is_none() || issued > known;
        if let Some(token) = new.refresh_token.as_ref().filter(|_| is_newer) {
            token.expose_secret().clone_into(&mut self.refresh_token);
            self.refresh_token_expiry = rfc3339(new.refresh_expires);
            self.refresh_token_issue_time = new.refresh_issued.clone().unwrap_or_else(zero);
        }
        let old = self.access_tokens.get_or_insert_default().entry(controller_url.to_owned());
        let old = old.or_default();
        let known = old.as_ref().and_then(|entry| instant(&entry.expiry).ok().flatten());
        if old.is_none() || is_newer || new.expires > known {
            let others = old.take().map(|entry| entry.others).unwrap_or_default();
            *old = Some(Entry {
                access_token: new.access_token.expose_secret().to_owned(),
                expiry: rfc3339(new.expires),
                token_type: new.token_type.clone(),
                others,
            });
        }
    }
}

fn not_logged_in(cluster: &Cluster) -> Error {
    let message = format!(
        "not logged in to cluster {:?}: it has neither a key nor a valid token; run `flynn login`",
        cluster.name()
    );
    Error::new(ErrorKind::NotLoggedIn, message)
}

/// Whether a name stays in its folder.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && !name.contains("..") && !name.contains(['/', '\\', '\0'])
}

fn is_past(expires: Option<SystemTime>) -> bool {
    expires.is_some_and(|expires| expires < SystemTime::now() + MARGIN)
}

fn zero() -> String {
    ZERO.to_owned()
}

/// A time as Go writes it; its zero time is none.
fn instant(text: &str) -> Result<Option<SystemTime>, ()> {
    let time: Timestamp = text.parse().map_err(|_| ())?;
    let zero: Timestamp = ZERO.parse().map_err(|_| ())?;
    let seconds = u64::try_from(time.as_second()).unwrap_or(0);
    let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    Ok(since.filter(|_| time != zero))
}

fn rfc3339(time: Option<SystemTime>) -> String {
    let time = time.and_then(|time| Timestamp::try_from(time).ok());
    time.map_or_else(zero, |time| time.to_string())
}
