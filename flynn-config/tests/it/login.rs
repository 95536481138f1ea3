//! Keys, personal access tokens and cached tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flynn_config::credential::{Credential, Operation, answer};
use flynn_config::login::{Auth, IssuedToken, Tokens};
use flynn_config::{Cluster, Error, ErrorKind, FlynnRc, Locations};
use secrecy::ExposeSecret as _;

const CONTROLLER: &str = "https://controller.a.test";

fn sample() -> Locations {
    Locations::in_home(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/home/fork"))
}

/// An entry with a controller, and more lines.
fn cluster(name: &str, more: &str) -> Cluster {
    let rc = format!("[[cluster]]\nName = \"{name}\"\nControllerURL = \"{CONTROLLER}\"\n{more}\n");
    FlynnRc::parse(&rc).unwrap().clusters()[0].clone()
}

/// A folder of tokens.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn tokens(&self) -> Tokens {
        Tokens::new(self.0.path())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// A file with this entry for the controller.
    fn with(self, file: &str, entry: &str) -> Self {
        let json =
            format!(r#"{{"refresh_token":"refresh","access_tokens":{{"{CONTROLLER}":{entry}}}}}"#);
        self.with_text(file, &json)
    }

    fn with_text(self, file: &str, text: &str) -> Self {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Returns the secret that is sent, as `key ...` or `token ...`.
    fn sent(&self, cluster: &Cluster) -> Result<String, Error> {
        Ok(match self.tokens().auth(cluster)? {
            Auth::Key(key) => format!("key {}", key.expose_secret()),
            Auth::Token(token) => format!("token {}", token.secret().expose_secret()),
        })
    }
}

fn entry(token: &str, expiry: &str) -> String {
    format!(r#"{{"access_token":"{token}","expiry":"{expiry}","token_type":"Bearer"}}"#)
}

const FUTURE: &str = "2999-01-01T00:00:00Z";
const PAST: &str = "2020-01-01T00:00:00Z";

/// The home that the current fork leaves after `flynn login`.
#[test]
fn a_home_of_the_current_fork() {
    let rc = FlynnRc::load(sample().flynnrc()).unwrap();
    let git = |host: &str| {
        let asked = Credential::for_url(&format!("https://{host}")).unwrap();
        let answer = answer(Operation::Get, &asked, &rc, &sample().tokens()).unwrap().unwrap();
        let password = answer.password().unwrap().expose_secret().to_owned();
        (answer.username().unwrap().to_owned(), password)
    };
    let bearer = ("Bearer".to_owned(), "the-access-token".to_owned());
    assert_eq!(git("git.example.com"), bearer);
    assert_eq!(git("git.fresh.example.com"), bearer);
    let personal = ("user".to_owned(), "flynn_pat_0123456789abcdef".to_owned());
    assert_eq!(git("git.ci.example.com"), personal);
    let production = rc.cluster("production").unwrap();
    assert_eq!(production.context(), "team");
    assert_eq!(production.dashboard_url(), "https://dashboard.example.com");
}

/// The settings of a client, for each kind of cluster.
#[test]
fn the_settings_of_a_client() {
    let home = tempfile::tempdir().unwrap();
    let locations = Locations::in_home(home.path());
    let rc = "[[cluster]]\nName = \"pinned\"\nKey = \"k\"\nTLSPin = \"p\"\nControllerURL = \"https://controller.a.test:8443\"\n[[cluster]]\nName = \"public\"\nTLSPin = \"\"\nControllerURL = \"https://flynn.b.test\"\n[[cluster]]\nName = \"empty\"\nKey = \"k\"\n";
    fs::write(locations.flynnrc(), rc).unwrap();
    let ca_file = locations.ca_files().write("pinned", "pem").unwrap();
    let pinned = locations.client_settings(Some("pinned")).unwrap();
    assert_eq!(pinned.controller_url(), "https://controller.a.test:8443");
    assert_eq!(pinned.cluster().name(), "pinned");
    assert_eq!(pinned.pin(), Some("p"));
    assert_eq!(pinned.ca_file(), Some(&*ca_file));
    assert_eq!(pinned.status_url().as_deref(), Some("https://status.a.test:8443"));
    assert!(matches!(pinned.auth(), Auth::Key(key) if key.expose_secret() == "k"));
    let error = locations.client_settings(Some("public")).unwrap_err();
    assert!(error.needs_login(), "{error}");
    let cache = locations.flynn_dir().join("tokens/public");
    fs::create_dir_all(&cache).unwrap();
    let json = format!(r#"{{"access_tokens":{{"https://flynn.b.test":{}}}}}"#, entry("t", FUTURE));
    fs::write(cache.join("flynn-cli.json"), json).unwrap();
    let public = locations.client_settings(Some("public")).unwrap();
    assert_eq!((public.pin(), public.ca_file(), public.status_url()), (None, None, None));
    assert!(matches!(public.auth(), Auth::Token(token) if token.secret().expose_secret() == "t"));
    assert!(!format!("{pinned:?} {public:?}").contains("\"k\""));
    let error = locations.client_settings(Some("empty")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("no ControllerURL"), "{error}");
}

/// A personal access token takes precedence over a login, and a login over a key.
#[test]
fn which_login_counts() {
    let by_name = || Cache::new().with("a/flynn-cli.json", &entry("by-name", FUTURE));
    let by_host = |cache: Cache, expiry| {
        cache.with("auth.a.test:8443/my cli.json", &entry("by-host", expiry))
    };
    let oauth = "OAuthURL = \"https://auth.a.test:8443?client_id=my%20cli\"";
    let key = "Key = \"the key\"";
    let pat = "Key = \" flynn_pat_1 \"";
    for (cache, more, sent) in [
        (Cache::new(), key.to_owned(), "key the key"),
        (Cache::new(), format!("{key}\n{oauth}"), "key the key"),
        (by_name(), String::new(), "token by-name"),
        (by_name(), key.to_owned(), "token by-name"),
        (by_name(), pat.to_owned(), "key flynn_pat_1"),
        (by_host(Cache::new(), FUTURE), oauth.to_owned(), "token by-host"),
        (by_host(Cache::new(), FUTURE), format!("{key}\n{oauth}"), "token by-host"),
        (by_host(Cache::new(), FUTURE), format!("{pat}\n{oauth}"), "key flynn_pat_1"),
        // A login of another client and another issuer does not belong to this cluster.
        (by_host(by_name(), FUTURE), format!("{key}\n{oauth}"), "token by-host"),
        (by_host(Cache::new(), FUTURE), key.to_owned(), "key the key"),
    ] {
        assert_eq!(cache.sent(&cluster("a", &more)).unwrap(), sent, "{more}");
    }
    let named = "OAuthURL = \"https://auth.a.test?client_id=x\"";
    let both = Cache::new()
        .with("a/x.json", &entry("expired", PAST))
        .with("auth.a.test/x.json", &entry("valid", FUTURE));
    assert_eq!(both.sent(&cluster(" a ", named)).unwrap(), "token valid");
}

#[test]
fn without_a_key_and_a_token() {
    let cache = Cache::new();
    for (name, more) in [
        ("a", ""),
        ("a", "OAuthURL = \"https://auth.a.test\""),
        ("a", "OAuthURL = \"not a URL\""),
        ("../a", ""),
        ("", ""),
        ("a", "OAuthURL = \"https://..?client_id=..%2Fx\""),
    ] {
        let error = cache.tokens().auth(&cluster(name, more)).unwrap_err();
        assert!(error.needs_login() && error.kind() == ErrorKind::NotLoggedIn, "{more}: {error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{name:?}")) && text.contains("`flynn login`"), "{text}");
    }
}

#[test]
fn tokens_that_cannot_be_used() {
    let sent = |entry: &str| {
        let cache = Cache::new().with("a/flynn-cli.json", entry);
        cache.sent(&cluster("a", "Key = \"k\""))
    };
    assert_eq!(sent(&entry("t", "2999-01-01T01:00:00.25+02:00")).unwrap(), "token t");
    assert_eq!(sent(&entry("t", "0001-01-01T00:00:00Z")).unwrap(), "token t");
    assert_eq!(sent(r#"{"access_token":"t"}"#).unwrap(), "token t");
    // No login at all.
    assert_eq!(sent("null").unwrap(), "key k");
    assert_eq!(sent(&entry("", FUTURE)).unwrap(), "key k");
    // A login whose token has to be renewed is not silently replaced by the key.
    let expired = sent(&entry("SECRET", PAST)).unwrap_err();
    assert_eq!(expired.kind(), ErrorKind::TokenExpired);
    for broken in [
        entry("SECRET", "SECRET"),
        "\"SECRET\"".into(),
        "\"SECRET".into(),
        r#"{"access_token":["SECRET"]}"#.into(),
    ] {
        let error = sent(&broken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax, "{error}");
        assert!(error.path().is_some() && error.to_string().contains("flynn login"), "{error}");
        assert!(!format!("{error} {error:?} {error:#}").contains("SECRET"));
    }
    let killed = Cache::new().with_text("a/flynn-cli.json", "");
    assert_eq!(killed.sent(&cluster("a", "Key = \"k\"")).unwrap(), "key k");
}

/// A URL that differs in a slash, the port or the case of the host names the same controller.
#[test]
fn the_controller_is_found_by_its_url() {
    let json = format!(
        r#"{{"access_tokens":{{"HTTPS://Controller.a.test:443/":{}}}}}"#,
        entry("t", FUTURE)
    );
    let cache = Cache::new().with_text("a/flynn-cli.json", &json);
    assert_eq!(cache.sent(&cluster("a", "")).unwrap(), "token t");
}

const ANSWER: &str = r#"{"access_token":"new","token_type":"bearer","refresh_token":"refresh-2",
    "expires_in":3600,"refresh_token_expires_in":7200,
    "refresh_token_issue_time":"2026-11-28T00:00:00Z"}"#;

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// An expired login is renewed with the cached refresh token, and the answer is cached as by the CLI.
#[test]
fn a_login_is_renewed() {
    let text = "{\n\t\"refresh_token\": \"refresh\",\n\t\"refresh_token_expiry\": \"2999-01-01T00:00:00Z\",\n\t\"refresh_token_issue_time\": \"2026-11-01T00:00:00Z\",\n\t\"access_tokens\": {\n\t\t\"https://controller.a.test\": {\n\t\t\t\"access_token\": \"old\",\n\t\t\t\"expiry\": \"2020-01-01T00:00:00Z\",\n\t\t\t\"token_type\": \"Bearer\"\n\t\t},\n\t\t\"https://controller.b.test\": {\n\t\t\t\"access_token\": \"other\",\n\t\t\t\"expiry\": \"2020-01-01T00:00:00Z\",\n\t\t\t\"token_type\": \"Bearer\",\n\t\t\t\"unknown\": 1\n\t\t}\n\t},\n\t\"later\": true\n}";
    let cache = Cache::new().with_text("a/flynn-cli.json", text);
    let cluster = cluster("a", "OAuthURL = \"https://auth.a.test\"");
    let tokens = cache.tokens();
    assert_eq!(tokens.auth(&cluster).unwrap_err().kind(), ErrorKind::TokenExpired);
    let refresh = tokens.refresh(&cluster).unwrap();
    let metadata = "/.well-known/oauth-authorization-server";
    let urls = [format!("https://auth.a.test{metadata}"), format!("{CONTROLLER}{metadata}")];
    assert_eq!(refresh.issuer().metadata_urls(), urls);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "flynn-cli"),
        ("refresh_token", "refresh"),
        ("audience", CONTROLLER),
    ];
    assert_eq!(refresh.form(), form);
    assert!(!format!("{refresh:?}").contains("\"refresh\""));
    let received = time(32_503_680_000);
    let issued = IssuedToken::parse(ANSWER.as_bytes(), received).unwrap();
    assert!(!format!("{issued:?}").contains("new"));
    tokens.store(&cluster, &issued).unwrap();
    assert_eq!(cache.sent(&cluster).unwrap(), "token new");
    let expected = text
        .replace("\"refresh\"", "\"refresh-2\"")
        .replace("2999-01-01T00:00:00Z", "3000-01-01T02:00:00Z")
        .replace("2026-11-01", "2026-11-28")
        .replacen("\"old\"", "\"new\"", 1)
        .replacen("2020-01-01T00:00:00Z", "3000-01-01T01:00:00Z", 1)
        .replacen("Bearer", "bearer", 1);
    let written = fs::read(cache.path("a/flynn-cli.json")).unwrap();
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    assert_eq!(json(&written), json(expected.as_bytes()));
}

/// An older refresh token, from a slower program, does not replace a newer one.
#[test]
fn a_newer_login_stays() {
    let cache = Cache::new();
    let cluster = cluster("a", "");
    let store = |answer: &str, received| {
        let issued = IssuedToken::parse(answer.as_bytes(), received).unwrap();
        cache.tokens().store(&cluster, &issued).unwrap();
    };
    store(ANSWER, time(32_503_680_000));
    let stale = ANSWER.replace("new", "stale").replace("refresh-2", "refresh-1");
    store(&stale.replace("2026-11-28", "2026-11-27"), time(32_503_670_000));
    assert_eq!(cache.sent(&cluster).unwrap(), "token new");
    let form = cache.tokens().refresh(&cluster).unwrap().form().map(|(_, value)| value.to_owned());
    assert_eq!(form[2], "refresh-2");
    // A server that does not rotate refresh tokens sends none.
    store(r#"{"access_token":"newest","expires_in":9000}"#, time(32_503_680_000));
    assert_eq!(cache.sent(&cluster).unwrap(), "token newest");
    assert_eq!(cache.tokens().refresh(&cluster).unwrap().form()[2].1, "refresh-2");
}

/// A login that an older CLI stored is renewed in the place where that CLI keeps it.
#[test]
fn a_login_by_host_is_renewed_in_its_place() {
    let cache = Cache::new().with("auth.a.test/flynn-cli.json", &entry("old", PAST));
    let cluster = cluster("a", "OAuthURL = \"https://auth.a.test\"");
    let issued = IssuedToken::parse(ANSWER.as_bytes(), SystemTime::now()).unwrap();
    cache.tokens().store(&cluster, &issued).unwrap();
    assert!(!cache.path("a").exists());
    assert_eq!(cache.sent(&cluster).unwrap(), "token new");
}

#[test]
fn what_cannot_be_renewed() {
    let none = |cache: Cache| cache.tokens().refresh(&cluster("a", "")).unwrap_err();
    assert_eq!(none(Cache::new()).kind(), ErrorKind::NotLoggedIn);
    let no_refresh_token =
        format!(r#"{{"access_tokens":{{"{CONTROLLER}":{}}}}}"#, entry("t", PAST));
    let cache = Cache::new().with_text("a/flynn-cli.json", &no_refresh_token);
    assert_eq!(none(cache).kind(), ErrorKind::NotLoggedIn);
    let expired = no_refresh_token.replacen(
        '{',
        &format!(r#"{{"refresh_token":"r","refresh_token_expiry":"{PAST}","#),
        1,
    );
    let cache = Cache::new().with_text("a/flynn-cli.json", &expired);
    assert_eq!(none(cache).kind(), ErrorKind::NotLoggedIn);
    for answer in ["", "{}", "null", r#"{"access_token":""}"#, r#"{"access_token":["SECRET"]}"#] {
        let error = IssuedToken::parse(answer.as_bytes(), SystemTime::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax, "{answer}");
        assert!(!format!("{error} {error:?} {error:#}").contains("SECRET"));
    }
    let issued = IssuedToken::parse(ANSWER.as_bytes(), SystemTime::now()).unwrap();
    let error = Cache::new().tokens().store(&cluster("a/b", ""), &issued).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let broken = Cache::new().with_text("a/flynn-cli.json", "{");
    let error = broken.tokens().store(&cluster("a", ""), &issued).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert_eq!(fs::read_to_string(broken.path("a/flynn-cli.json")).unwrap(), "{");
}

#[cfg(unix)]
#[test]
fn the_cache_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let cache = Cache::new();
    let issued = IssuedToken::parse(ANSWER.as_bytes(), SystemTime::now()).unwrap();
    cache.tokens().store(&cluster("a", ""), &issued).unwrap();
    for (path, mode) in [("a", 0o700), ("a/flynn-cli.json", 0o600)] {
        let permissions = fs::metadata(cache.path(path)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{path}");
    }
    assert_eq!(fs::read_dir(cache.path("a")).unwrap().count(), 1, "debris");
}

/// Sixteen programs renew logins of different controllers in one file, and none is lost.
#[test]
fn writers_take_turns() {
    let cache = Cache::new();
    let names: Vec<_> = (0..16).map(|n| format!("https://controller{n}.a.test")).collect();
    let cluster = |url: &str| {
        let rc = format!("[[cluster]]\nName = \"a\"\nControllerURL = \"{url}\"\n");
        FlynnRc::parse(&rc).unwrap().clusters()[0].clone()
    };
    std::thread::scope(|scope| {
        for name in &names {
            let (tokens, cluster) = (cache.tokens(), cluster(name));
            scope.spawn(move || {
                let issued = IssuedToken::parse(ANSWER.as_bytes(), SystemTime::now()).unwrap();
                tokens.store(&cluster, &issued).unwrap();
            });
        }
    });
    for name in &names {
        assert_eq!(cache.sent(&cluster(name)).unwrap(), "token new", "{name}");
    }
}
