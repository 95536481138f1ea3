//! Log sinks, to which the cluster sends its logs (from v20161215.2 on).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::sinks::{NewSink, SyslogConfig};
//!
//! let config = SyslogConfig::new("syslog+tls://logs.example.com:6514").structured_data(true);
//! let sink = flynn.sinks().create(NewSink::syslog(&config)).await?;
//! assert_eq!(flynn.sinks().list().await?[0].id, sink.id);
//! flynn.sinks().delete(&sink.id).await?;
//! assert!(flynn.sinks().list().await?.is_empty());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::ids::{AppId, SinkId};
use crate::json::{Json, is_false, null_is_default};
use crate::object_stream::{Object, WatchAll};
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

string_enum! {
    /// The kind of a sink.
    SinkKind {
        /// A syslog server: the only kind that can be created, except on the fork.
        Syslog = "syslog",
        /// An OpenTelemetry collector (the fork).
        Otel = "otel",
        /// The cluster's own log aggregator, which the hosts manage.
        LogAggregator = "logaggregator",
    }
}

string_enum! {
    /// Which apps' logs a sink receives (the fork).
    SinkScope {
        /// The logs of all apps, which is also the default.
        All = "all",
        /// The logs of the cluster's own apps.
        System = "system",
        /// The logs of all other apps.
        Apps = "apps",
    }
}

string_enum! {
    /// The framing of syslog messages on a stream.
    SyslogFormat {
        /// Octet counting, RFC 6587 (the server's default).
        Rfc6587 = "rfc6587",
        /// One message per line.
        Newline = "newline",
        /// One message per line, with the prefix before the syslog header.
        PrefixedNewline = "prefixed_newline",
    }
}

/// A log sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Sink {
    /// The id; empty in the marker that ends the backlog of a stream.
    pub id: SinkId,
    /// The kind.
    pub kind: SinkKind,
    /// The app whose logs it gets, instead of all apps' (the fork).
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// True if the hosts manage it.
    #[serde(skip_serializing_if = "is_false")]
    pub host_managed: bool,
    /// The configuration; see [`SyslogConfig`] and [`OtelConfig`]. Absent in a stream if the sink was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Json>,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// The configuration of a syslog sink. `Debug` shows neither the URL nor the prefix, which can contain tokens of log
/// services.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SyslogConfig {
    /// The URL of the server, `syslog://host:514` (TCP) or `syslog+tls://host:6514`. The controller does not check it,
    /// and the hosts silently ignore a wrong URL.
    pub url: String,
    /// A Go template for the prefix of each message.
    #[serde(rename = "template", skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Sends the ids of apps instead of their names.
    #[serde(skip_serializing_if = "is_false")]
    pub use_ids: bool,
    /// Does not check the syslog server's certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Adds RFC 5424 structured data.
    #[serde(skip_serializing_if = "is_false")]
    pub structured_data: bool,
    /// The framing of messages.
    #[serde(skip_serializing_if = "SyslogFormat::is_empty")]
    pub format: SyslogFormat,
    /// The apps whose logs are sent (the fork).
    #[serde(skip_serializing_if = "SinkScope::is_empty")]
    pub scope: SinkScope,
}

/// The configuration of a sink that sends to an OpenTelemetry collector (the fork). `Debug` shows neither the URL nor
/// the values of the headers, which can contain tokens of log services.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OtelConfig {
    /// The collector's URL.
    pub endpoint: String,
    /// Headers of every request, such as the token of a log service.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// Does not check the collector's certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Sends logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<bool>,
    /// Sends metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<bool>,
    /// The apps whose logs are sent.
    #[serde(skip_serializing_if = "SinkScope::is_empty")]
    pub scope: SinkScope,
}

impl fmt::Debug for OtelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelConfig")
            .field("headers", &self.headers)
            .field("insecure", &self.insecure)
            .field("logs", &self.logs)
            .field("metrics", &self.metrics)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl OtelConfig {
    /// Creates a configuration that sends to this collector.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), ..Self::default() }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sets whose logs are sent.
    pub fn scope(mut self, scope: SinkScope) -> Self {
        self.scope = scope;
        self
    }
}

impl fmt::Debug for SyslogConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyslogConfig")
            .field("use_ids", &self.use_ids)
            .field("insecure", &self.insecure)
            .field("structured_data", &self.structured_data)
            .field("format", &self.format)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl SyslogConfig {
    /// Sends to this server: `syslog://host:514` (TCP) or `syslog+tls://host:6514`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Sets a Go template for the prefix of each message.
    pub fn prefix(mut self, template: impl Into<String>) -> Self {
        self.prefix = template.into();
        self
    }

    /// Sets whether to send ids of apps instead of their names.
    pub fn use_ids(mut self, yes: bool) -> Self {
        self.use_ids = yes;
        self
    }

    /// Does not check the syslog server's certificate.
    pub fn insecure(mut self, yes: bool) -> Self {
        self.insecure = yes;
        self
    }

    /// Adds RFC 5424 structured data.
    pub fn structured_data(mut self, yes: bool) -> Self {
        self.structured_data = yes;
        self
    }

    /// Sets whose logs are sent (the fork).
    pub fn scope(mut self, scope: SinkScope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the framing of messages.
    pub fn format(mut self, format: SyslogFormat) -> Self {
        self.format = format;
        self
    }
}

/// A new sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use]
pub struct NewSink {
    /// Kind.
    pub kind: SinkKind,
    /// The app whose logs it gets, instead of all apps' (the fork).
    #[serde(default, skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// Configuration; see [`SyslogConfig`] and [`OtelConfig`].
    #[serde(default)]
    pub config: Json,
}

impl NewSink {
    /// Creates a sink that sends to a syslog server.
    pub fn syslog(config: &SyslogConfig) -> Self {
        // Strings and flags can always be serialized.
        Self::new(SinkKind::Syslog, Json::encode(config).unwrap_or_default())
    }

    /// Creates a sink that sends to an OpenTelemetry collector (the fork).
    pub fn otel(config: &OtelConfig) -> Self {
        Self::new(SinkKind::Otel, Json::encode(config).unwrap_or_default())
    }

    /// Creates a sink of any kind. Servers accept only `syslog`, and the fork of September 2026 also `otel`.
    pub fn new(kind: SinkKind, config: impl Into<Json>) -> Self {
        Self { kind, app_id: AppId::default(), config: config.into() }
    }

    /// Sends only the logs of this app (the fork).
    pub fn of_app(mut self, id: impl Into<AppId>) -> Self {
        self.app_id = id.into();
        self
    }
}

impl Object for Sink {
    fn key(&self) -> String {
        self.id.to_string()
    }

    fn changed_at(&self) -> Option<&Timestamp> {
        self.updated_at.as_ref()
    }
}

/// The log sinks; returned by [`Client::sinks`].
#[derive(Clone, Debug)]
pub struct Sinks {
    client: Client,
}

impl Client {
    /// Accesses the log sinks of the cluster.
    pub fn sinks(&self) -> Sinks {
        Sinks { client: self.clone() }
    }
}

impl Sinks {
    /// Lists all sinks, last changed first: `GET /sinks`.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) before v20161215.2.
    pub fn list(&self) -> Request<Vec<Sink>> {
        Request::list(&self.client, Spec::get("/sinks", []))
    }

    /// Streams the existing sinks, then every change: `GET /sinks` as a stream. A deleted sink is sent once more,
    /// without configuration.
    pub fn stream(&self) -> WatchAll<Sink> {
        WatchAll::new(&self.client, "/sinks")
    }

    /// Creates a sink: `POST /sinks`. The server does not check the configuration.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for any kind but `syslog`, and `otel` on the fork of
    /// September 2026. Fails with [`Unsupported`](crate::ErrorKind::Unsupported) before v20161215.2.
    pub fn create(&self, sink: NewSink) -> Request<Sink> {
        Request::json(&self.client, Spec::post("/sinks", [], Repeat::Never).body(sink))
    }

    /// Reads a sink, including deleted ones: `GET /sinks/:s`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the sink never existed. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before v20161215.2.
    pub fn get(&self, id: impl Into<SinkId>) -> Request<Sink> {
        Request::json(&self.client, Spec::get("/sinks/{sink}", [id.into().as_str()]))
    }

    /// Reads a sink, including deleted ones, or `None` if it never existed.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) before v20161215.2.
    pub fn get_opt(&self, id: impl Into<SinkId>) -> Request<Option<Sink>> {
        Request::optional(&self.client, Spec::get("/sinks/{sink}", [id.into().as_str()]))
    }

    /// Deletes a sink and returns it: `DELETE /sinks/:s`. Deleting it again changes nothing.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the sink never existed. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before v20161215.2.
    pub fn delete(&self, id: impl Into<SinkId>) -> Request<Sink> {
        // The server still returns a deleted sink, so a later attempt returns it too.
        Request::json(
            &self.client,
            Spec::delete("/sinks/{sink}", [id.into().as_str()], Repeat::Safe),
        )
    }
}
