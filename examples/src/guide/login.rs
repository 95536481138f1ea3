//! Chooses a cluster, and renews the login of a user who has no key.

use std::net::SocketAddr;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use flynn_client::Client;
use flynn_client::http::header::CONTENT_TYPE;
use flynn_client::http::{HeaderValue, Method};
use flynn_config::login::{IssuedToken, Issuer, Refresh, Tokens};
use flynn_config::{Cluster, ErrorKind, Locations};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::blocking::blocking;
use crate::connect;
use crate::reach::Reach;

/// A login that has expired, and the request that renews it.
struct Expired {
    cluster: Cluster,
    reach: Reach,
    tokens: Tokens,
    refresh: Refresh,
}

/// Chooses a cluster of the `.flynnrc`, as [`connect::cluster`] does. If the token of its login has expired, renews it
/// and stores the new one where `flynn login` does.
///
/// # Errors
/// Fails if the file or the cluster is missing, if the login server refuses or cannot be reached, or if the new token
/// cannot be stored. A cluster that cannot be used for another reason is not an error here: connecting to it fails.
pub async fn cluster(
    name: Option<String>,
    connect_to: Option<SocketAddr>,
) -> Result<(Locations, Cluster)> {
    let find = move || {
        let locations = Locations::from_env().context("cannot find your home")?;
        let cluster = connect::cluster(&locations, name.as_deref())?;
        let expired = Expired::find(&locations, &cluster, connect_to);
        Ok((locations, cluster, expired))
    };
    let (locations, cluster, expired) = blocking(find).await?;
    if let Some(expired) = expired {
        let what = format!("cannot renew the login of cluster {:?}", cluster.name());
        let issued = expired.ask().await.with_context(|| format!("{what}, run `flynn login`"))?;
        blocking(move || expired.tokens.store(&expired.cluster, &issued).context(what)).await?;
    }
    Ok((locations, cluster))
}

impl Expired {
    /// Returns `None` for a cluster with a key, a token that is still valid, or no login that can be renewed.
    fn find(
        locations: &Locations,
        cluster: &Cluster,
        connect_to: Option<SocketAddr>,
    ) -> Option<Self> {
        let tokens = locations.tokens();
        tokens.auth(cluster).err().filter(|error| error.kind() == ErrorKind::TokenExpired)?;
        let refresh = tokens.refresh(cluster).ok()?;
        let reach = Reach::of(cluster, locations, connect_to).ok()?;
        Some(Self { cluster: cluster.clone(), reach, tokens, refresh })
    }

    /// Asks the login server for a new token.
    async fn ask(&self) -> Result<IssuedToken> {
        let endpoint = self.endpoint(self.refresh.issuer()).await?;
        let form = Serializer::new(String::new()).extend_pairs(self.refresh.form()).finish();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let call = self.site(&endpoint)?.request(Method::POST, endpoint.path());
        let answer = call.header(CONTENT_TYPE, kind).body(form).await?;
        Ok(IssuedToken::parse(answer.body(), SystemTime::now())?)
    }

    /// Returns the address for token requests, from the first metadata that can be read.
    async fn endpoint(&self, issuer: &Issuer) -> Result<Url> {
        let mut first = None;
        for url in issuer.metadata_urls() {
            match self.metadata(url).await {
                Ok(endpoint) => return Ok(endpoint),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.context("the cluster has no login server")?)
    }

    async fn metadata(&self, url: &str) -> Result<Url> {
        let what = || format!("cannot use the metadata at {url}");
        let address = Url::parse(url).with_context(what)?;
        let call = self.site(&address)?.request(Method::GET, address.path());
        let metadata: Value = call.decode().await.with_context(what)?;
        let endpoint = metadata.get("token_endpoint").and_then(Value::as_str);
        let endpoint = Url::parse(endpoint.unwrap_or_default()).with_context(what)?;
        if endpoint.scheme() != "https" {
            bail!("{}: its token_endpoint is not an https URL", what());
        }
        Ok(endpoint)
    }

    /// Returns a client without a key for the site of a URL. It trusts what the cluster is trusted by.
    fn site(&self, url: &Url) -> Result<Client> {
        self.reach.site(url, connect::trust(&self.cluster, None)?)
    }
}
