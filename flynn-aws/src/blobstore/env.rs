//! Reads the env of the blobstore's release as the blobstore does, and computes changes of it.

use std::collections::BTreeMap;

use super::backend::{BackendName, POSTGRES, Variables};
use super::params::{Issues, Params};
use super::{Backend, BackendKind, Migration};
use crate::{Error, ErrorKind, Finding, FlynnVersion};

/// The first version whose S3 client builds `s3.<region>.amazonaws.com` for every region.
const NEW_S3_CLIENT: FlynnVersion = FlynnVersion::of_day(20_170_818);
/// The first version that knows the `minio` backend.
const MINIO: FlynnVersion = FlynnVersion::of_day(20_170_401);

/// The blobstore's configuration as its env defines it: the backends, the default one, and the findings.
#[derive(Debug, Clone)]
pub struct Blobstore {
    backends: Vec<ReadBackend>,
    default_backend: String,
    findings: Vec<Finding>,
}

/// One backend as the env defines it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadBackend {
    /// The name in lower case.
    pub name: BackendName,
    /// The variables that define it, starting with `BACKEND_<NAME>`.
    pub variables: Vec<String>,
    /// The backend, if the blobstore can start with it; the findings say why not.
    pub backend: Option<Backend>,
}

impl Blobstore {
    /// Reads the env of the blobstore's release: the variables of backends and `AWS_REGION`. Ignores all other
    /// variables. [`findings`](Self::findings) returns the problems.
    pub fn read<K: AsRef<str>, V: AsRef<str>>(env: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut env: Vec<(K, V)> = env.into_iter().collect();
        env.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect();

        let mut findings = Vec::new();
        let backends: Vec<ReadBackend> = env
            .iter()
            .filter_map(|(variable, definition)| {
                let name = BackendName::of_variable(variable)?;
                Some(read_backend(name, definition, &env, &mut findings))
            })
            .collect();
        ignored_variables(&env, &backends, &mut findings);
        let default_backend = default_backend(&env, &backends, &mut findings);
        Self { backends, default_backend, findings }
    }

    /// Returns the backends besides Postgres, sorted by name.
    pub fn backends(&self) -> &[ReadBackend] {
        &self.backends
    }

    /// Returns the backend with this name, if the blobstore can start with it.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends
            .iter()
            .find(|found| found.name.as_str() == name)
            .and_then(|found| found.backend.as_ref())
    }

    /// Returns the name of the default backend, or `postgres`. New blobs go there, and the migration moves the others
    /// there.
    pub fn default_backend(&self) -> &str {
        &self.default_backend
    }

    /// Returns everything that is wrong or surprising. Any error among the findings keeps the blobstore from
    /// starting.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns further problems on a server of this version.
    pub fn findings_on(&self, version: FlynnVersion) -> Vec<Finding> {
        let backends = self.backends.iter().filter_map(|found| found.backend.as_ref());
        backends.filter_map(|backend| version_finding(backend, version)).collect()
    }

    /// Returns whether a blobstore starts with this env. Does not ask the storage service, which may still refuse it.
    pub fn starts(&self) -> bool {
        !self.findings.iter().any(Finding::is_error)
    }
}

fn read_backend(
    name: BackendName,
    definition: &str,
    env: &[(&str, &str)],
    findings: &mut Vec<Finding>,
) -> ReadBackend {
    let definition_variable = name.variable();
    let prefix = format!("{definition_variable}_");
    let mut variables = vec![definition_variable.clone()];
    let raw = env
        .iter()
        .filter_map(|(variable, value)| Some((*variable, variable.strip_prefix(&prefix)?, *value)));

    let mut backend = None;
    if name.as_str() == POSTGRES {
        findings.push(Finding::error(
            "hides-postgres",
            &definition_variable,
            "a backend of this name hides the built-in one, so files in Postgres cannot be read",
            "choose another name",
        ));
    }
    match Params::parse(definition) {
        Err(position) => {
            findings.push(Finding::error(
                "token-without-equals",
                &definition_variable,
                format!("token {position} has no \"=\", so the blobstore does not start"),
                format!("values cannot be quoted: put one with spaces into {prefix}<PARAMETER>"),
            ));
            variables.extend(raw.map(|(variable, ..)| variable.to_owned()));
        }
        Ok(mut params) => {
            for (variable, parameter, value) in raw {
                variables.push(variable.to_owned());
                params.insert(&parameter.to_lowercase(), value);
            }
            backend = check(&name, params, env, findings);
        }
    }
    ReadBackend {
        backend: backend.map(|kind| Backend::from_parts(name.clone(), kind)),
        name,
        variables,
    }
}

/// Reads the parameters of one backend; every problem becomes a finding.
fn check(
    name: &BackendName,
    mut params: Params,
    env: &[(&str, &str)],
    findings: &mut Vec<Finding>,
) -> Option<BackendKind> {
    let token = params.get("backend").to_owned();
    let Some(known) = BackendKind::known_params(&token) else {
        findings.push(Finding::error(
            "unknown-backend",
            name.variable(),
            "the blobstore does not know the value of backend=, so it does not start",
            "use one of s3, minio (from v20170401.0), gcs, azure",
        ));
        return None;
    };
    for parameter in params.unknown(known) {
        // A key may be half of a broken secret: only plain names are shown.
        let plain = parameter.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let shown = if plain && parameter.len() <= 32 { parameter } else { "(not shown)" };
        findings.push(Finding::warning(
            "unknown-parameter",
            name.variable(),
            format!("a backend of kind {token} has no parameter {shown}: it is ignored"),
            "remove it, or correct its name",
        ));
    }
    // The AWS library inside the blobstore falls back to this variable.
    let region = env.iter().find(|(variable, _)| *variable == "AWS_REGION");
    if let Some((_, region)) = region.filter(|_| token == "s3" && params.get("region").is_empty()) {
        params.insert("region", region);
    }
    let mut issues = Issues::default();
    let read = BackendKind::read(&params, &mut issues);
    let before = findings.len();
    findings.extend(issues.into_findings(name));
    let refused = findings.iter().skip(before).any(Finding::is_error);
    read.filter(|_| !refused)
}

/// Finds a backend that a server of a version is too old for.
fn version_finding(backend: &Backend, version: FlynnVersion) -> Option<Finding> {
    let variable = backend.name().variable();
    match backend.kind() {
        BackendKind::S3(s3) if version < NEW_S3_CLIENT && !s3.region().opened_before_2019() => {
            Some(Finding::warning(
                "region-newer-than-flynn",
                variable,
                format!(
                    "servers before {NEW_S3_CLIENT} ask for s3-{0}.amazonaws.com, which regions that opened since \
                     2019 do not have",
                    s3.region()
                ),
                "update the cluster, or use a bucket in an older region",
            ))
        }
        BackendKind::Minio(_) if version < MINIO => Some(Finding::error(
            "unknown-backend",
            variable,
            format!(
                "servers before {MINIO} do not know the minio backend, so the blobstore does not start"
            ),
            "update the cluster, or use another backend",
        )),
        _ => None,
    }
}

/// Reports variables that look like a backend's but are ignored.
fn ignored_variables(env: &[(&str, &str)], backends: &[ReadBackend], findings: &mut Vec<Finding>) {
    for (variable, _) in env {
        let belongs = |found: &ReadBackend| found.variables.iter().any(|v| v == variable);
        if !variable.to_ascii_uppercase().starts_with("BACKEND_") || backends.iter().any(belongs) {
            continue;
        }
        findings.push(Finding::warning(
            "ignored-variable",
            *variable,
            "the blobstore silently ignores it: it is neither BACKEND_ with capital letters and digits nor a parameter \
             of such a backend",
            "rename it, for instance to BACKEND_S3MAIN",
        ));
    }
}

fn default_backend(
    env: &[(&str, &str)],
    backends: &[ReadBackend],
    findings: &mut Vec<Finding>,
) -> String {
    let named = env
        .iter()
        .find(|(variable, value)| *variable == "DEFAULT_BACKEND" && !value.is_empty())
        .map(|(_, value)| *value);
    let Some(name) = named else {
        if !backends.is_empty() {
            findings.push(Finding::warning(
                "no-default-backend",
                "DEFAULT_BACKEND",
                "it is not set, so blobs stay in Postgres, and the migration job would move all others back there",
                "set it to the lower-case name of the backend",
            ));
        }
        return POSTGRES.to_owned();
    };
    if name != POSTGRES && !backends.iter().any(|found| found.name.as_str() == name) {
        findings.push(Finding::error(
            "unknown-default-backend",
            "DEFAULT_BACKEND",
            format!("there is no backend {name:?}, so the blobstore does not start"),
            "use the name of a BACKEND_ variable in lower case, or postgres",
        ));
    }
    name.to_owned()
}

/// Changes of a release's env. Apply all of them in one release.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changes {
    /// Variables to set, without those that already have the value.
    pub set: Variables,
    /// Variables to unset.
    pub unset: Vec<String>,
}

impl Changes {
    /// Makes a backend the default. Unsets old parameters of the same backend, which would override the new
    /// definition. Never touches other backends: files may still refer to them.
    pub fn to_default<K: AsRef<str>, V: AsRef<str>>(
        backend: &Backend,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let env = by_name(env);
        let wanted = backend.as_default();
        let mut set = Variables::default();
        for (name, value) in wanted.iter() {
            if env.get(name).map(AsRef::as_ref) != Some(value) {
                set.push(name.to_owned(), value);
            }
        }
        let mut unset = variables_of(backend.name(), &env);
        unset.retain(|variable| wanted.get(variable).is_none());
        Self { set, unset }
    }

    /// Removes a backend. Files that refer to a backend which is no longer set cannot be read, and every later
    /// migration panics, so pass the result of the migration to [`Removal::after`].
    pub fn remove<K: AsRef<str>, V: AsRef<str>>(
        name: &BackendName,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Removal {
        let env = by_name(env);
        let default = env.get("DEFAULT_BACKEND").map_or("", AsRef::as_ref);
        let default = if default.is_empty() { POSTGRES } else { default }.to_owned();
        Removal { variables: variables_of(name, &env), name: name.clone(), default }
    }

    /// Returns whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}

/// A backend that is about to be removed. See [`Changes::remove`].
#[derive(Debug, Clone)]
#[must_use = "nothing is removed until `after` or `force` gives the changes"]
pub struct Removal {
    name: BackendName,
    variables: Vec<String>,
    default: String,
}

impl Removal {
    /// Removes the backend after a migration that moved every file into another one.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::BackendInUse`] if the backend is still the default, or if the migration moved files into
    /// a backend that is not the default now.
    pub fn after(self, migration: &Migration) -> Result<Changes, Error> {
        let refuse = |why: String| {
            Err(Error::new(
                ErrorKind::BackendInUse,
                format!("the backend {} cannot be removed: {why}", self.name),
            ))
        };
        if self.default == self.name.as_str() {
            return refuse(
                "it is the default; set DEFAULT_BACKEND to another backend and migrate first"
                    .to_owned(),
            );
        }
        if migration.target != self.default {
            return refuse(format!(
                "the files were moved to {}, but the default is {}; migrate again",
                migration.target, self.default
            ));
        }
        Ok(Changes { set: Variables::default(), unset: self.variables })
    }

    /// Removes the backend although files may refer to it. Such files cannot be read afterwards. If it is the default,
    /// Postgres becomes the default.
    pub fn force(self) -> Changes {
        let mut set = Variables::default();
        if self.default == self.name.as_str() {
            set.push("DEFAULT_BACKEND".to_owned(), POSTGRES);
        }
        Changes { set, unset: self.variables }
    }
}

fn by_name<K: AsRef<str>, V: AsRef<str>>(
    env: impl IntoIterator<Item = (K, V)>,
) -> BTreeMap<String, V> {
    env.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect()
}

/// The variables of an env that define a backend.
fn variables_of<V: AsRef<str>>(name: &BackendName, env: &BTreeMap<String, V>) -> Vec<String> {
    let read = Blobstore::read(env.iter().map(|(k, v)| (k.as_str(), v.as_ref())));
    let found = read.backends.into_iter().filter(|found| found.name == *name);
    found.flat_map(|found| found.variables).collect()
}
