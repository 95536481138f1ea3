//! Parameters of a backend, written to and read from env variables.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::backend::{BackendName, Variables};
use crate::{Error, ErrorKind, Finding, Severity};

/// A parameter to write, either as a token of the definition or as a separate variable.
pub(super) struct Param {
    key: &'static str,
    value: SecretString,
    apart: bool,
}

impl Param {
    /// Writes the parameter as a token of the definition if the value allows it.
    pub(super) fn new(key: &'static str, value: &str) -> Self {
        let separated = |c: char| c.is_whitespace() || c.is_control();
        Self { key, value: value.into(), apart: value.contains(separated) }
    }

    /// Always writes the parameter as a separate variable.
    pub(super) fn apart(key: &'static str, value: &str) -> Self {
        Self { apart: true, ..Self::new(key, value) }
    }
}

/// Writes a definition and the separate variables.
pub(super) fn write(name: &BackendName, kind: &str, params: Vec<Param>) -> Variables {
    let mut definition = format!("backend={kind}");
    let mut beside = Vec::new();
    for param in params {
        if param.apart {
            beside.push((name.parameter_variable(param.key), param.value));
        } else {
            definition.push(' ');
            definition.push_str(param.key);
            definition.push('=');
            definition.push_str(param.value.expose_secret());
        }
    }
    let mut variables = Variables::default();
    variables.push(name.variable(), definition);
    for (variable, value) in beside {
        variables.push(variable, value);
    }
    variables
}

/// The parameters of one backend as the blobstore reads them. Each value may turn out to be a secret.
#[derive(Default)]
pub(super) struct Params(BTreeMap<String, SecretString>);

impl Params {
    /// Reads a definition. `Err` is the position, from 1, of a token without `=`. The token itself is not shown:
    /// it is often the second half of a secret with a space in it.
    pub(super) fn parse(definition: &str) -> Result<Self, usize> {
        let mut params = Self::default();
        let tokens = definition.split(' ').filter(|token| !token.is_empty());
        for (position, token) in tokens.enumerate() {
            let (key, value) = token.split_once('=').ok_or(position + 1)?;
            params.insert(key, value);
        }
        Ok(params)
    }

    /// Parameters from the arguments of a constructor.
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let mut params = Self::default();
        for (key, value) in pairs {
            params.insert(key, value);
        }
        params
    }

    pub(super) fn insert(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Returns the value of a parameter. A missing one is empty, as in the blobstore.
    pub(super) fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", |value| value.expose_secret())
    }

    /// Returns the value of a required parameter, which must not be quoted or surrounded by spaces.
    pub(super) fn required(&self, key: &str) -> Result<&str, Error> {
        required(key, self.get(key))
    }

    /// Returns the parameters that a backend does not know. The blobstore ignores them.
    pub(super) fn unknown<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(move |key| *key != "backend" && !known.contains(key))
    }
}

/// Checks a required value, which must not be quoted or surrounded by spaces. The error never contains the value.
pub(super) fn required<'a>(key: &str, value: &'a str) -> Result<&'a str, Error> {
    let refuse =
        |why: &str| Err(Error::new(ErrorKind::Parameter, format!("the parameter {key} {why}")));
    if value.is_empty() {
        return refuse("is missing");
    }
    if value.contains('\0') {
        return refuse("contains a NUL, which no env variable can");
    }
    if value.trim() != value {
        return refuse("begins or ends with white space, which would become part of it");
    }
    if value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']) {
        return refuse("is quoted: the blobstore would take the quotes as part of it");
    }
    if value.starts_with('$') {
        return refuse("begins with a $: a shell did not expand it");
    }
    Ok(value)
}

/// The problems of one backend, collected so that all of them are reported at once.
#[derive(Default)]
pub(super) struct Issues(Vec<Issue>);

enum Issue {
    Refused(Error),
    Warning { code: &'static str, explanation: String, remedy: String },
}

impl Issues {
    /// Keeps the value, or the error.
    pub(super) fn take<T>(&mut self, checked: Result<T, Error>) -> Option<T> {
        checked.map_err(|error| self.0.push(Issue::Refused(error))).ok()
    }

    pub(super) fn refuse(&mut self, error: Error) {
        self.0.push(Issue::Refused(error));
    }

    pub(super) fn warn(
        &mut self,
        code: &'static str,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (explanation, remedy) = (explanation.into(), remedy.into());
        self.0.push(Issue::Warning { code, explanation, remedy });
    }

    /// Returns the backend, or the first error.
    pub(super) fn or_error<T>(self, backend: Option<T>) -> Result<T, Error> {
        let mut errors = self.0.into_iter().filter_map(|issue| match issue {
            Issue::Refused(error) => Some(error),
            Issue::Warning { .. } => None,
        });
        match (errors.next(), backend) {
            (None, Some(backend)) => Ok(backend),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::new(ErrorKind::Parameter, "a parameter is missing")),
        }
    }

    /// Converts the issues into findings about a backend's variable.
    pub(super) fn into_findings(self, name: &BackendName) -> impl Iterator<Item = Finding> {
        let variable = name.variable();
        self.0.into_iter().map(move |issue| match issue {
            Issue::Refused(error) => refused(&variable, &error),
            Issue::Warning { code, explanation, remedy } => {
                Finding::new(Severity::Warning, code, &variable, explanation, remedy)
            }
        })
    }
}

/// Turns an error into a finding. The finding does not quote values of the env, since each of them may be a misplaced
/// secret.
fn refused(variable: &str, error: &Error) -> Finding {
    match error.kind() {
        ErrorKind::Bucket => Finding::error(
            "bucket-name",
            variable,
            "the bucket's name is not one that S3 ever allowed, so the blobstore does not start",
            "correct the parameter bucket",
        ),
        ErrorKind::Region => Finding::error(
            "region",
            variable,
            "the region is not one that Flynn can use, so the blobstore cannot reach the bucket and does not start",
            "write it like us-east-1; a variable without its $ is not expanded",
        ),
        _ => Finding::error(
            "parameter",
            variable,
            format!("the blobstore does not start: {error}"),
            "correct the parameter",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaces_separate_and_the_last_wins() {
        let params = Params::parse("backend=s3  bucket=a bucket=b\tc=d key=x=y\n").unwrap();
        assert_eq!(params.get("bucket"), "b\tc=d");
        assert_eq!(params.get("key"), "x=y\n");
        assert_eq!(params.get("nothing"), "");
        assert_eq!(Params::parse("backend=s3 bucket=a rest").err(), Some(3));
        assert!(Params::parse("").is_ok());
    }

    #[test]
    fn values_that_a_shell_broke_are_refused() {
        for bad in ["", " a", "a\n", "\"a\"", "a'", "$AWS_REGION", "a\0b"] {
            let error = required("secret_access_key", bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Parameter);
            assert!(error.to_string().contains("secret_access_key"));
        }
        assert_eq!(required("key", "a=b+/$").unwrap(), "a=b+/$");
    }
}
