//! The code that a careful user would write without `flynn-client`.

use std::sync::Arc;

use flynn_client::events::{Event, EventType};
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

    /// Splits a stream into lines, and returns the number of its events.
    pub(crate) async fn events(&self, path: &str) -> Result<usize> {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .basic_auth("", Some(&self.key))
            .header(ACCEPT, "text/event-stream");
        let mut response = request.send().await?.error_for_status()?;
        let (mut seen, mut buffer) = (0, Vec::new());
        while let Some(bytes) = response.chunk().await? {
            buffer.extend_from_slice(&bytes);
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &buffer) {
                let line = buffer.get(start..end).unwrap_or_default();
                if let Some(data) = line.strip_prefix(b"data: ") {
                    let event: Event = serde_json::from_slice(data)?;
                    seen += usize::from(event.object_type == EventType::Job);
                }
                start = end + 1;
            }
            buffer.drain(..start);
        }
        Ok(seen)
    }
}
