//! Parameters of a backend, as they are written into variables and read from them.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::name::BackendName;
use super::variables::Variables;
use crate::{Error, ErrorKind, Finding};

/// One parameter to write: a token of the definition, or a variable of its own.
pub(super) struct Param {
    key: &'static str,
    value: SecretString,
    apart: bool,
}

impl Param {
    /// A token of the definition where the value allows it.
    pub(super) fn new(key: &'static str, value: &str) -> Self {
        let separated = |c: char| c.is_whitespace() || c.is_control();
        Self { key, value: value.into(), apart: value.contains(separated) }
    }

    /// Always a variable of its own.
    pub(super) fn apart(key: &'static str, value: &str) -> Self {
        Self { apart: true, ..Self::new(key, value) }
    }
}

/// Writes a definition and the variables beside it.
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

/// What the blobstore makes of the variables of one backend. Values are secrets until proved otherwise.
#[derive(Default)]
pub(super) struct Params(BTreeMap<String, SecretString>);

impl Params {
    /// Reads a definition: `Err` is the position, from 1, of a token without `=`. The token itself is not
    /// given away: it is often the second half of a secret with a blank in it.
    pub(super) fn parse(definition: &str) -> Result<Self, usize> {
        let mut params = Self::default();
        let tokens = definition.split(' ').filter(|token| !token.is_empty());
        for (position, token) in tokens.enumerate() {
            let (key, value) = token.split_once('=').ok_or(position + 1)?;
            params.insert(key, value);
        }
        Ok(params)
    }

    pub(super) fn insert(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// The value of a parameter; one that is not there is empty, as for the blobstore.
    pub(super) fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", |value| value.expose_secret())
    }

    /// The parameters that a backend does not know, which the blobstore ignores.
    pub(super) fn unknown<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(move |key| *key != "backend" && !known.contains(key))
    }
}

/// A value that must be there, without quotes and blanks around it. The value never shows in the error.
pub(super) fn required<'a>(key: &str, value: &'a str) -> Result<&'a str, Error> {
    let refuse =
        |why: &str| Err(Error::new(ErrorKind::Parameter, format!("the parameter {key} {why}")));
    if value.is_empty() {
        return refuse("is missing");
    }
    if value.contains('\0') {
        return refuse("holds a NUL, which no env variable can");
    }
    if value.trim() != value {
        return refuse("begins or ends with white space, which would become part of it");
    }
    if value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']) {
        return refuse("is quoted: the blobstore would take the quotes for a part of it");
    }
    if value.starts_with('$') {
        return refuse("begins with a $: a shell did not expand it");
    }
    Ok(value)
}

/// Turns the error of a check into a finding about a backend's variable. Values of an env are not quoted:
/// a secret may stand in the place of any of them.
pub(super) fn finding(name: &BackendName, error: &Error) -> Finding {
    let variable = name.variable();
    match error.kind() {
        // Buckets made in us-east-1 before 2018 may break today's rules and work.
        ErrorKind::Bucket => Finding::warning(
            "bucket-name",
            variable,
            "Its bucket breaks the rules for names of S3 buckets.",
            "Unless the bucket is an old one with that name, correct the parameter.",
        ),
        ErrorKind::Region => Finding::error(
            "region",
            variable,
            "Its region is none, so the blobstore cannot reach the bucket and does not start.",
            "Write it like us-east-1; a variable without its $ stays as it is.",
        ),
        _ => Finding::error(
            "parameter",
            variable,
            format!("The blobstore does not start: {error}."),
            "Correct the parameter.",
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
