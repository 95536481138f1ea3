//! The providers' own APIs, which provision resources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::life::guard::guarded;
use crate::store::{Ids, Strings};

/// A resource that a provider's own API has provisioned.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Provision {
    /// The provider's name of it, such as `/databases/NAME`.
    pub external_id: String,
    /// The credentials, as variables for an app's env.
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

/// A call to a provider's own API.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProviderCall<'a> {
    /// Provisions a new resource, with the `config` of the request.
    Provision(&'a Value),
    /// Deprovisions the resource with this external id.
    Deprovision(&'a str),
}

type Answering =
    dyn Fn(&str, &ProviderCall<'_>, &mut dyn FnMut() -> String) -> Option<Provision> + Send + Sync;

/// The providers' own APIs, distinguished by their URL.
#[derive(Clone)]
pub(crate) struct ProviderApis(Arc<Answering>);

impl ProviderApis {
    /// Creates APIs that call `answer` with the provider's URL, the call, and a source
    /// of 32 random hexadecimal digits. If it returns `None`, the provider refuses the call and the controller answers
    /// 500. The provision that it returns for a deprovisioning is ignored.
    pub(crate) fn new(
        answer: impl Fn(&str, &ProviderCall<'_>, &mut dyn FnMut() -> String) -> Option<Provision>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    /// Calls the API at `url`. A panic of the user's code counts as a refusal.
    pub(crate) fn ask(
        &self,
        url: &str,
        call: &ProviderCall<'_>,
        ids: &mut Ids,
    ) -> Option<Provision> {
        guarded(|| (self.0)(url, call, &mut || ids.hex(32))).flatten()
    }
}

impl fmt::Debug for ProviderApis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderApis(..)")
    }
}

impl Default for ProviderApis {
    /// Creates the APIs of the four appliances. All others are unreachable.
    fn default() -> Self {
        Self::new(|url, _, secret| {
            let (service, _) = url.strip_prefix("http://")?.split_once("-api.discoverd/")?;
            appliance(service, secret)
        })
    }
}

/// Returns the made-up credentials of an appliance.
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
