//! Reads a release's env as the blobstore does, and says what it will not say.

use super::name::{BackendName, POSTGRES};
use super::params::{self, Params};
use super::{Backend, BackendKind};
use crate::Finding;

/// What a blobstore makes of its env: its backends, the default one, and what is wrong.
#[derive(Debug, Clone)]
pub struct Blobstore {
    backends: Vec<ReadBackend>,
    default_backend: String,
    findings: Vec<Finding>,
}

/// One backend as it was found in the env.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadBackend {
    /// The name in lower case.
    pub name: BackendName,
    /// The variables that it is made of, the definition first.
    pub variables: Vec<String>,
    /// The backend, if it is one that the blobstore can start with; the findings tell why not.
    pub backend: Option<Backend>,
}

impl Blobstore {
    /// Reads the env of the blobstore's release. It needs no other variable than those of the backends and
    /// `AWS_REGION`; others are passed over. What is wrong is in [`findings`](Self::findings).
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

    /// The backends beside Postgres, by name.
    pub fn backends(&self) -> &[ReadBackend] {
        &self.backends
    }

    /// One backend that the blobstore can start with.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends
            .iter()
            .find(|found| found.name.as_str() == name)
            .and_then(|found| found.backend.as_ref())
    }

    /// Where new blobs go, and where the migration moves the others: a backend's name, or `postgres`.
    pub fn default_backend(&self) -> &str {
        &self.default_backend
    }

    /// Everything that is wrong or will surprise. Any error among them stops the blobstore from starting.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether a blobstore starts with this env, as far as that can be told without asking the storage service.
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
            "A backend of this name hides the built-in one, so files in Postgres cannot be read.",
            "Choose another name.",
        ));
    }
    match Params::parse(definition) {
        Err(position) => {
            findings.push(Finding::error(
                "token-without-equals",
                &definition_variable,
                format!("Token {position} has no \"=\", so the blobstore does not start."),
                format!("Values cannot be quoted: put one with blanks into {prefix}<PARAMETER>."),
            ));
            variables.extend(raw.map(|(variable, ..)| variable.to_owned()));
        }
        Ok(mut params) => {
            for (variable, parameter, value) in raw {
                variables.push(variable.to_owned());
                params.insert(&parameter.to_lowercase(), value);
            }
            backend = check(&name, &params, env, findings);
        }
    }
    ReadBackend {
        backend: backend.map(|kind| Backend::from_parts(name.clone(), kind)),
        name,
        variables,
    }
}

fn check(
    name: &BackendName,
    params: &Params,
    env: &[(&str, &str)],
    findings: &mut Vec<Finding>,
) -> Option<BackendKind> {
    let token = params.get("backend");
    let region = env.iter().find(|(k, _)| *k == "AWS_REGION").map(|(_, v)| *v);
    let Some(read) = BackendKind::read(params, region) else {
        findings.push(Finding::error(
            "unknown-backend",
            name.variable(),
            "Its backend= is none that the blobstore knows, so it does not start.",
            "Use one of s3, minio (from v20170401.0), gcs, azure.",
        ));
        return None;
    };
    for parameter in params.unknown(BackendKind::known_params(token)) {
        // A key may be half of a broken secret: only plain names are shown.
        let plain = parameter.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let shown = if plain && parameter.len() <= 32 { parameter } else { "(not shown)" };
        findings.push(Finding::warning(
            "unknown-parameter",
            name.variable(),
            format!(
                "The parameter {shown} means nothing to a backend of kind {token} and is ignored."
            ),
            "Remove it, or correct its name.",
        ));
    }
    match read {
        Ok(kind) => Some(kind),
        Err(error) => {
            findings.push(params::finding(name, &error));
            None
        }
    }
}

/// Variables that look like a backend's and are none.
fn ignored_variables(env: &[(&str, &str)], backends: &[ReadBackend], findings: &mut Vec<Finding>) {
    for (variable, _) in env {
        let belongs = |found: &ReadBackend| found.variables.iter().any(|v| v == variable);
        if !variable.to_ascii_uppercase().starts_with("BACKEND_") || backends.iter().any(belongs) {
            continue;
        }
        findings.push(Finding::warning(
            "ignored-variable",
            *variable,
            "The blobstore ignores it silently: it is neither BACKEND_ with capital letters and digits, \
             nor a parameter of such a backend.",
            "Rename it, for instance to BACKEND_S3MAIN.",
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
                "It is not set, so blobs stay in Postgres, and the migration job would move all others back there.",
                "Set it to the lower-case name of the backend.",
            ));
        }
        return POSTGRES.to_owned();
    };
    if name != POSTGRES && !backends.iter().any(|found| found.name.as_str() == name) {
        findings.push(Finding::error(
            "unknown-default-backend",
            "DEFAULT_BACKEND",
            format!("There is no backend {name:?}, so the blobstore does not start."),
            "Use the name of a BACKEND_ variable in lower case, or postgres.",
        ));
    }
    name.to_owned()
}
