//! Providers: the services that hand out resources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calls::Call;
use crate::engine::Engine;
use crate::life::guard::guarded;
use crate::store::ids::{Ids, is_uuid};
use crate::store::state::{State, Strings, is_text, newest_first};
use crate::wire::{self, Fail, Reply, Time, decode, empty, json};

/// A provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Provider {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) url: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
}

impl State {
    /// The provider with this id or name.
    pub(crate) fn provider(&self, id_or_name: &str) -> Result<&Provider, Fail> {
        is_text(id_or_name)?;
        let by_id = is_uuid(id_or_name);
        self.providers
            .iter()
            .find(|provider| provider.name == id_or_name || (by_id && provider.id == id_or_name))
            .ok_or(Fail::NotFound)
    }
}

impl Engine {
    /// `GET /providers`
    pub(crate) fn list_providers(&mut self, _: &Call<'_>) -> Reply {
        json(&newest_first(self.state.providers.iter(), |provider| provider.created_at))
    }

    /// `GET /providers/:p`
    pub(crate) fn get_provider(&mut self, call: &Call<'_>) -> Reply {
        json(self.state.provider(call.param(0))?)
    }

    /// `POST /providers`
    pub(crate) fn create_provider(&mut self, call: &Call<'_>) -> Reply {
        let provider: Provider = decode(self.options.age, call.request)?;
        if !provider.url.is_empty() {
            wire::uri("url", &provider.url)?;
        }
        if provider.name.is_empty() || provider.url.is_empty() {
            return Err(Fail::unknown());
        }
        json(&self.add_provider(Provider { id: String::new(), ..provider })?)
    }

    /// Adds a provider; its name and its URL must be new.
    pub(crate) fn add_provider(&mut self, mut provider: Provider) -> Result<Provider, Fail> {
        let same = |other: &Provider| other.name == provider.name || other.url == provider.url;
        if self.state.providers.iter().any(same) {
            return Err(Fail::database());
        }
        let at = self.time();
        if provider.id.is_empty() {
            provider.id = self.ids.uuid();
        }
        (provider.created_at, provider.updated_at) = (Some(at), Some(at));
        self.state.providers.push(provider.clone());
        self.event(at, "", "provider", &provider.id, &provider);
        Ok(provider)
    }
}

/// What a provider's own API hands out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Provision {
    /// What the provider calls it, such as `/databases/NAME`.
    pub external_id: String,
    /// The credentials, as variables for an app's environment.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Provision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provision")
            .field("external_id", &self.external_id)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What is asked of a provider's own API.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Errand<'a> {
    /// Hand out a new resource, with the `config` of the request.
    Provision(&'a Value),
    /// Take this one back.
    Deprovision(&'a str),
}

type Answering =
    dyn Fn(&str, &Errand<'_>, &mut dyn FnMut() -> String) -> Option<Provision> + Send + Sync;

/// The providers' own APIs, told apart by their URL.
#[derive(Clone)]
pub struct ProviderApis(Arc<Answering>);

impl ProviderApis {
    /// APIs that are answered by `answer`, from the provider's URL, what is asked, and a source
    /// of 32 random hexadecimal digits; `None` is a refusal, after which the controller answers
    /// 500. What is handed out when something is taken back is ignored.
    pub fn new(
        answer: impl Fn(&str, &Errand<'_>, &mut dyn FnMut() -> String) -> Option<Provision>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    /// Asks the API at `url`; a panic of the user's code is a refusal.
    pub(crate) fn ask(&self, url: &str, errand: &Errand<'_>, ids: &mut Ids) -> Option<Provision> {
        guarded(|| (self.0)(url, errand, &mut || ids.hex(32))).flatten()
    }
}

impl fmt::Debug for ProviderApis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderApis(..)")
    }
}

impl Default for ProviderApis {
    /// The APIs of the four appliances; anything else is unreachable.
    fn default() -> Self {
        Self::new(|url, _, secret| {
            let (service, _) = url.strip_prefix("http://")?.split_once("-api.discoverd/")?;
            appliance(service, secret)
        })
    }
}

/// The made-up credentials of an appliance.
fn appliance(service: &str, secret: &mut dyn FnMut() -> String) -> Option<Provision> {
    let host = format!("leader.{service}.discoverd");
    let (name, password) = (secret(), secret());
    let url = |scheme: &str, port: u16| {
        ("DATABASE_URL", format!("{scheme}://{name}:{password}@{host}:{port}/{name}"))
    };
    let env = match service {
        "postgres" => vec![
            url("postgres", 5432),
            ("FLYNN_POSTGRES", service.to_owned()),
            ("PGDATABASE", name.clone()),
            ("PGHOST", host.clone()),
            ("PGPASSWORD", password.clone()),
            ("PGUSER", name.clone()),
        ],
        "mariadb" => vec![
            url("mysql", 3306),
            ("FLYNN_MYSQL", service.to_owned()),
            ("MYSQL_DATABASE", name.clone()),
            ("MYSQL_HOST", host.clone()),
            ("MYSQL_PWD", password.clone()),
            ("MYSQL_USER", name.clone()),
        ],
        "mongodb" => vec![
            url("mongodb", 27017),
            ("FLYNN_MONGO", service.to_owned()),
            ("MONGO_DATABASE", name.clone()),
            ("MONGO_HOST", host.clone()),
            ("MONGO_PWD", password.clone()),
            ("MONGO_USER", name.clone()),
        ],
        "redis" => {
            let service = format!("redis-{name}");
            let host = format!("leader.{service}.discoverd");
            vec![
                ("FLYNN_REDIS", service),
                ("REDIS_HOST", host.clone()),
                ("REDIS_PASSWORD", password.clone()),
                ("REDIS_PORT", "6379".to_owned()),
                ("REDIS_URL", format!("redis://:{password}@{host}:6379")),
            ]
        }
        _ => return None,
    };
    let kind = if service == "redis" { "clusters" } else { "databases" };
    Some(Provision {
        external_id: format!("/{kind}/{name}"),
        env: env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Strings>(),
    })
}
