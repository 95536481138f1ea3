//! Adds providers.

use serde_json::json as value;

use crate::life::Engine;
use crate::store::Provider;
use crate::wire::Fail;

impl Engine {
    /// Adds a provider. Its name and URL must be unique.
    pub(crate) fn add_provider(&mut self, mut provider: Provider) -> Result<Provider, Fail> {
        let same = |other: &Provider| other.name == provider.name || other.url == provider.url;
        if self.tables.providers.iter().any(same) {
            return Err(Fail::database());
        }
        if provider.id.is_empty() {
            provider.id = self.new_id("provider", &value!({ "name": provider.name }));
        }
        let at = self.time();
        (provider.created_at, provider.updated_at) = (Some(at), Some(at));
        self.tables.providers.push(provider.clone());
        self.event(at, "", "provider", &provider.id, &provider);
        Ok(provider)
    }
}
