//! The OAuth server that issues the tokens of a cluster.

use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::url::Url;
use crate::{Cluster, Error, ErrorKind};

/// The client id of `flynn login`, unless the issuer's URL has another one.
pub(super) const DEFAULT_CLIENT: &str = "flynn-cli";

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// The OAuth issuer of a cluster: its `OAuthURL` if it is set, otherwise its controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    metadata_urls: Vec<String>,
    client_id: String,
    audience: String,
}

impl Issuer {
    /// Returns the issuer of a cluster.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) if its URL is not an `https` URL.
    pub fn of(cluster: &Cluster) -> Result<Self, Error> {
        let invalid = || {
            let name = cluster.name();
            let message =
                format!("the OAuthURL or ControllerURL of cluster {name:?} is not an https URL");
            Error::new(ErrorKind::Invalid, message)
        };
        let mut metadata_urls = vec![metadata_url(url_of(cluster)).ok_or_else(invalid)?];
        metadata_urls.extend(metadata_url(cluster.controller_url()));
        metadata_urls.dedup();
        Ok(Self {
            metadata_urls,
            client_id: client_id(cluster),
            audience: cluster.controller_url().trim().to_owned(),
        })
    }

    /// Returns the URLs of the server's metadata (RFC 8414). Try them in this order. The response
    /// has the `token_endpoint`.
    pub fn metadata_urls(&self) -> &[String] {
        &self.metadata_urls
    }

    /// Returns the `client_id` parameter of a token request.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the `audience` parameter of a token request: the controller's URL.
    pub fn audience(&self) -> &str {
        &self.audience
    }
}

/// A request that renews a login: see [`Tokens::refresh`](super::Tokens::refresh).
#[derive(Debug, Clone)]
pub struct Refresh {
    pub(super) issuer: Issuer,
    pub(super) token: SecretString,
}

impl Refresh {
    /// Returns the server to send the request to.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Returns the form to POST to the `token_endpoint`. Do not log it: it has the refresh token.
    pub fn form(&self) -> [(&'static str, &str); 4] {
        [
            ("grant_type", "refresh_token"),
            ("client_id", &self.issuer.client_id),
            ("refresh_token", self.token.expose_secret()),
            ("audience", &self.issuer.audience),
        ]
    }
}

/// The response of a token endpoint.
#[derive(Clone)]
pub struct IssuedToken {
    pub(super) access_token: SecretString,
    pub(super) token_type: String,
    pub(super) expires: Option<SystemTime>,
    pub(super) refresh_token: Option<SecretString>,
    pub(super) refresh_expires: Option<SystemTime>,
    /// RFC 3339.
    pub(super) refresh_issued: Option<String>,
}

impl IssuedToken {
    /// Parses the JSON of a response with status 200 that was received at the time `received`.
    ///
    /// # Errors
    /// Fails with [`Syntax`](ErrorKind::Syntax) if it has no token. The error does not quote the JSON.
    pub fn parse(body: &[u8], received: SystemTime) -> Result<Self, Error> {
        // The Display of the source could show a token.
        let response: Map<String, Value> = serde_json::from_slice(body).map_err(|e| {
            Error::syntax_at(e.line(), e.column(), "not the response of an OAuth token endpoint")
        })?;
        let text = |key: &str| {
            let text = response.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let after = |key: &str| {
            let seconds =
                response.get(key).and_then(Value::as_u64).filter(|&seconds| seconds > 0)?;
            received.checked_add(Duration::from_secs(seconds))
        };
        let access_token = text("access_token").ok_or_else(|| {
            let message = "the response of the OAuth token endpoint has no access token";
            Error::new(ErrorKind::Syntax, message)
        })?;
        Ok(Self {
            access_token: SecretString::from(access_token),
            token_type: text("token_type").unwrap_or_default(),
            expires: after("expires_in"),
            refresh_token: text("refresh_token").map(SecretString::from),
            refresh_expires: after("refresh_token_expires_in"),
            refresh_issued: text("refresh_token_issue_time"),
        })
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("access_token", &self.access_token)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The URL of a cluster's issuer.
pub(super) fn url_of(cluster: &Cluster) -> &str {
    match cluster.oauth_url().trim() {
        "" => cluster.controller_url().trim(),
        url => url,
    }
}

/// The client id that a cluster's tokens are cached under.
pub(super) fn client_id(cluster: &Cluster) -> String {
    let named = Url::parse(url_of(cluster)).and_then(|url| url.parameter("client_id"));
    named.filter(|id| !id.trim().is_empty()).unwrap_or_else(|| DEFAULT_CLIENT.to_owned())
}

fn metadata_url(issuer: &str) -> Option<String> {
    let url = Url::parse(issuer.trim()).filter(|url| url.scheme.eq_ignore_ascii_case("https"))?;
    let path = url.path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    Some(format!("https://{}{METADATA}{path}", url.host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FlynnRc;

    fn cluster(oauth_url: &str, controller_url: &str) -> Cluster {
        let rc = format!(
            "[[cluster]]\nName = \"a\"\nOAuthURL = \"{oauth_url}\"\nControllerURL = \
             \"{controller_url}\"\n"
        );
        FlynnRc::parse(&rc).unwrap().clusters()[0].clone()
    }

    #[test]
    fn the_issuer_of_a_cluster() {
        let controller = "https://controller.a.test:8443";
        let by_controller = format!("https://controller.a.test:8443{METADATA}");
        let issuer = |url: &str| Issuer::of(&cluster(url, controller)).unwrap();
        let own = issuer("");
        assert_eq!(own.metadata_urls(), std::slice::from_ref(&by_controller));
        assert_eq!((own.client_id(), own.audience()), ("flynn-cli", controller));
        let auth = issuer("https://auth.a.test/");
        let by_auth = format!("https://auth.a.test{METADATA}");
        assert_eq!(auth.metadata_urls(), [by_auth, by_controller.clone()]);
        let path = issuer("https://login.test/realm/x?client_id=my%20cli&y=1");
        let by_path = format!("https://login.test{METADATA}/realm/x");
        assert_eq!(path.metadata_urls(), [by_path, by_controller]);
        assert_eq!(path.client_id(), "my cli");
        for bad in ["http://auth.a.test", "auth.a.test", "https://"] {
            let error = Issuer::of(&cluster(bad, controller)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
        }
    }
}
