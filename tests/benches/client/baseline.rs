//! What a careful user would write without `flynn-client`.

use std::sync::Arc;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::Result;

pub(crate) struct Baseline {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Baseline {
    pub(crate) fn new(url: &str, key: &str) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).build()?;
        Ok(Self { http, url: url.to_owned(), key: key.to_owned() })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .basic_auth("", Some(&self.key))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .timeout(std::time::Duration::from_secs(30));
        let body = request.send().await?.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice(&body)?)
    }
}
