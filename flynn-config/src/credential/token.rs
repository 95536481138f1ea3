//! OAuth tokens that `flynn login` has cached.

use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use serde_json::Value;

use crate::save::Patience;
use crate::url::Url;
use crate::{Error, ErrorKind};

/// What the original takes as its client id where the issuer's URL names none.
const DEFAULT_CLIENT: &str = "flynn-cli";

/// A token is not used in its last seconds, in which a push would not come through.
const MARGIN: Duration = Duration::from_secs(10);

/// How Go's zero time starts, which stands for no expiry.
const NEVER: &str = "0001-01-01T00:00:00";

/// The folder of cached tokens, `~/.flynn/tokens`: one file an issuer's host and client,
/// `<host>/<client id>.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    dir: PathBuf,
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

    /// The access token that `issuer` (a cluster's `OAuthURL`) gave out for `controller_url`.
    ///
    /// # Errors
    /// [`Token`](ErrorKind::Token) when none is cached, when it has expired, or when the file
    /// cannot be understood; [`Invalid`](ErrorKind::Invalid) for an issuer that is no `https`
    /// URL; [`Io`](ErrorKind::Io).
    pub fn access_token(&self, issuer: &str, controller_url: &str) -> Result<Token, Error> {
        let path = self.path(issuer)?;
        let missing = || {
            let message = format!("no token for {controller_url} is cached; run `flynn login`");
            Error::new(ErrorKind::Token, message).at(&path)
        };
        let bytes = match read_shared(&path) {
            Err(e) if e.is_not_found() => return Err(missing()),
            bytes => bytes?,
        };
        let broken = |what| Error::new(ErrorKind::Token, what).at(&path);
        // The error of serde_json would be fine to show, but its type is none of ours.
        let cache: Value = serde_json::from_slice(&bytes).map_err(|e| {
            let at = format!("not JSON at line {}, column {}", e.line(), e.column());
            Error::new(ErrorKind::Token, at).at(&path)
        })?;
        let text = |value: &Value, key| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let entry = cache.get("access_tokens").and_then(|tokens| tokens.get(controller_url));
        let entry = entry.ok_or_else(missing)?;
        let secret = text(entry, "access_token").filter(|token| !token.is_empty());
        let expires = text(entry, "expiry").filter(|time| !time.starts_with(NEVER));
        let expires = expires
            .map(|time| instant(&time).ok_or_else(|| broken("`expiry` is not a time")))
            .transpose()?;
        let token = Token {
            kind: text(entry, "token_type").unwrap_or_default(),
            secret: SecretString::from(secret.ok_or_else(missing)?),
            expires,
        };
        if token.is_expired_at(SystemTime::now() + MARGIN) {
            return Err(broken("the cached token has expired; run `flynn login`"));
        }
        Ok(token)
    }

    fn path(&self, issuer: &str) -> Result<PathBuf, Error> {
        let invalid = |what| Error::new(ErrorKind::Invalid, what);
        let url = Url::parse(issuer).filter(|url| url.scheme == "https");
        let url = url.ok_or_else(|| invalid("the OAuth issuer is not an https URL"))?;
        let client = url.parameter("client_id").filter(|id| !id.is_empty());
        let client = client.as_deref().unwrap_or(DEFAULT_CLIENT);
        let leaves = |part: &str| part.contains(['/', '\\', '\0']) || part == "..";
        if leaves(url.host) || leaves(client) {
            return Err(invalid("the OAuth issuer names a file outside of the token folder"));
        }
        Ok(self.dir.join(url.host).join(format!("{client}.json")))
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

    /// When it stops being valid; `None` for never.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    fn is_expired_at(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires < now)
    }
}

/// Reads a file under a shared lock: the original rewrites it in place under an exclusive one.
fn read_shared(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut patience = Patience::new([path, path]);
    while let Err(e) = file.try_lock_shared() {
        match e {
            TryLockError::WouldBlock if patience.wait() => {}
            TryLockError::WouldBlock => {
                let message = "another program holds the lock of the token cache";
                return Err(Error::new(ErrorKind::Locked, message).at(path));
            }
            TryLockError::Error(e) => return Err(failed(e)),
        }
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A time of RFC 3339 as Go writes it, to the second; one before 1970 counts as 1970.
fn instant(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let [year, month, day] = [number(0..4)?, number(5..7)?, number(8..10)?];
    let [hour, minute, second] = [number(11..13)?, number(14..16)?, number(17..19)?];
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let part = |range: std::ops::Range<usize>| zone.get(range)?.parse::<i64>().ok();
            let seconds = part(1..3)? * 3600 + part(4..6)? * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !in_range {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = u64::try_from(seconds - offset).unwrap_or(0);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; years are counted from March, so
/// that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    const ISSUER: &str = "https://dashboard.a.test/oauth?client_id=cli";
    const CONTROLLER: &str = "https://controller.a.test";

    fn token(entry: &str) -> Result<Token, Error> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("dashboard.a.test");
        std::fs::create_dir(&folder).unwrap();
        let json = format!(r#"{{"refresh_token":"r","access_tokens":{{"{CONTROLLER}":{entry}}}}}"#);
        std::fs::write(folder.join("cli.json"), json).unwrap();
        Tokens::new(dir.path()).access_token(ISSUER, CONTROLLER)
    }

    #[test]
    fn a_cached_token_is_found() {
        let entry =
            r#"{"access_token":"t","expiry":"2100-01-01T00:00:00.5+02:00","token_type":"bearer"}"#;
        let token = token(entry).unwrap();
        assert_eq!((token.username(), token.secret().expose_secret()), ("Bearer", "t"));
        let since = token.expires().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_secs(), 4_102_444_800 - 7200);
        assert!(!format!("{token:?}").contains("\"t\""));
    }

    #[test]
    fn what_is_no_usable_token() {
        let never = r#"{"access_token":"t","expiry":"0001-01-01T00:00:00Z"}"#;
        assert_eq!(token(never).unwrap().expires(), None);
        for (entry, part) in [
            (r#"{"access_token":"SECRET","expiry":"2020-01-01T00:00:00Z"}"#, "expired"),
            (r#"{"access_token":"SECRET","expiry":"SECRET"}"#, "not a time"),
            (r#"{"access_token":"","expiry":"2100-01-01T00:00:00Z"}"#, "flynn login"),
            ("null", "flynn login"),
            ("\"SECRET", "not JSON at line 1"),
        ] {
            let error = token(entry).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Token);
            assert!(error.to_string().contains(part), "{error}");
            assert!(!format!("{error:?}").contains("SECRET"));
        }
    }

    #[test]
    fn the_issuer_names_the_file() {
        let path = |issuer| Tokens::new("/t").path(issuer);
        assert_eq!(path(ISSUER).unwrap(), Path::new("/t/dashboard.a.test/cli.json"));
        let bare = path("https://d.test:8443").unwrap();
        assert_eq!(bare, Path::new("/t/d.test:8443/flynn-cli.json"));
        for bad in
            ["http://d.test", "d.test", "https://..?client_id=x", "https://d?client_id=a%2Fb"]
        {
            assert_eq!(path(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn times_of_go() {
        let seconds = |text| {
            let time = instant(text)?;
            Some(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        };
        assert_eq!(seconds("1970-01-02T00:00:00Z"), Some(86_400));
        assert_eq!(seconds("2000-02-29T12:30:15.123456789Z"), Some(951_827_415));
        assert_eq!(seconds("2026-11-23T08:00:00-01:30"), Some(1_795_426_200));
        assert_eq!(seconds("0001-01-02T00:00:00Z"), Some(0));
        for bad in ["", "soon", "2026-13-01T00:00:00Z", "2026-11-23T08:00:00", "2026-11-23"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
