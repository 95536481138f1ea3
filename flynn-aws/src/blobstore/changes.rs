//! From the env that is to the env that shall be.

use std::collections::BTreeMap;

use super::{Backend, Blobstore, Variables};

/// What to change in a release's env so that a backend holds and is the default.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changes {
    /// Variables to set, those that hold already left out.
    pub set: Variables,
    /// Variables to unset: old parameters of the same backend, which would win over the new definition.
    pub unset: Vec<String>,
}

impl Changes {
    /// Compares an env with a backend that shall be the default. All of it belongs into one release.
    /// Other backends are never touched: files may still refer to them.
    pub fn to_default<K: AsRef<str>, V: AsRef<str>>(
        backend: &Backend,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let env: BTreeMap<String, V> =
            env.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect();
        let wanted = backend.as_default();
        let mut set = Variables::default();
        for (name, value) in wanted.iter() {
            if env.get(name).map(AsRef::as_ref) != Some(value) {
                set.push(name.to_owned(), value);
            }
        }
        let unset = Blobstore::read(env.iter().map(|(k, v)| (k.as_str(), v.as_ref())))
            .backends()
            .iter()
            .filter(|found| found.name == *backend.name())
            .flat_map(|found| found.variables.iter())
            .filter(|variable| wanted.get(variable).is_none())
            .cloned()
            .collect();
        Self { set, unset }
    }

    /// Whether the env holds already.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}
