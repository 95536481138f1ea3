//! Providers: the services that provision resources.

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{Provider, newest_first};
use crate::wire::{self, Fail, decode};

/// `GET /providers`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    json(&newest_first(engine.tables.providers.iter(), |provider| provider.created_at))
}

/// `GET /providers/:p`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    json(engine.tables.provider(call.param(0))?)
}

/// `POST /providers`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let provider: Provider = decode(engine.dialect.bodies, call.request)?;
    if !provider.url.is_empty() {
        wire::uri("url", &provider.url)?;
    }
    if provider.name.is_empty() || provider.url.is_empty() {
        return Err(Fail::unknown());
    }
    json(&engine.add_provider(Provider { id: String::new(), ..provider })?)
}
