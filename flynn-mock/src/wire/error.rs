//! Error answers.

use serde_json::{Value, json};

use crate::store::Absent;

/// Why a request fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fail {
    /// The object is not there: 404 with an empty body.
    NotFound,
    /// An error with a JSON body.
    Error { code: &'static str, message: String, detail: Option<Value>, retry: bool },
    /// The handler panics and the connection breaks.
    Broken,
}

impl Fail {
    /// An error without detail that is not to be repeated.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::Error { code, message: message.into(), detail: None, retry: false }
    }

    /// A validation error of the whole request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("validation_error", message)
    }

    /// A validation error of one field, which is named in front of the message and in the detail.
    pub(crate) fn field(field: &str, message: &str) -> Self {
        if field.is_empty() {
            return Self::invalid(message);
        }
        Self::invalid(format!("{field} {message}")).with_detail(json!({ "field": field }))
    }

    /// An internal error that is not to be repeated.
    pub(crate) fn unknown() -> Self {
        Self::new("unknown_error", "Something went wrong")
    }

    /// An error of the database, which the real server always calls repeatable.
    pub(crate) fn database() -> Self {
        Self::Error {
            code: "unknown_error",
            message: "Something went wrong".to_owned(),
            detail: None,
            retry: true,
        }
    }

    /// Bad JSON, or JSON of the wrong type.
    pub(crate) fn syntax() -> Self {
        Self::new("syntax_error", "The provided JSON input is invalid")
    }

    /// The error with this detail.
    pub(crate) fn with_detail(self, value: Value) -> Self {
        match self {
            Self::Error { code, message, retry, .. } => {
                Self::Error { code, message, detail: Some(value), retry }
            }
            other => other,
        }
    }
}

impl From<Absent> for Fail {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NoRow => Self::NotFound,
            Absent::NotText => Self::database(),
        }
    }
}
