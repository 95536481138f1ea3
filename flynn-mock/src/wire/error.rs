//! The error answers.

use serde::Serialize;
use serde_json::json;

use super::json::to_json;
use crate::store::Absent;

/// The failure of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fail {
    /// The object does not exist: 404 with an empty body.
    NotFound,
    /// An error with a JSON body. The detail is JSON.
    Error { code: &'static str, message: String, detail: Option<String>, retry: bool },
    /// The handler panics, and the connection is closed.
    Broken,
}

impl Fail {
    /// Creates an error without detail that is not retryable.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::Error { code, message: message.into(), detail: None, retry: false }
    }

    /// Creates a validation error of the whole request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("validation_error", message)
    }

    /// Creates a validation error of one field, which is named before the message and in the detail.
    pub(crate) fn field(field: &str, message: &str) -> Self {
        if field.is_empty() {
            return Self::invalid(message);
        }
        Self::invalid(format!("{field} {message}")).with_detail(&json!({ "field": field }))
    }

    /// Creates an internal error that is not retryable.
    pub(crate) fn unknown() -> Self {
        Self::new("unknown_error", "Something went wrong")
    }

    /// Creates an error of the database, which the real server always marks as retryable.
    pub(crate) fn database() -> Self {
        Self::Error {
            code: "unknown_error",
            message: "Something went wrong".to_owned(),
            detail: None,
            retry: true,
        }
    }

    /// Creates an error for invalid JSON or JSON of the wrong type.
    pub(crate) fn syntax() -> Self {
        Self::new("syntax_error", "The provided JSON input is invalid")
    }

    /// Adds a detail to the error.
    pub(crate) fn with_detail(self, value: &impl Serialize) -> Self {
        match self {
            Self::Error { code, message, retry, .. } => {
                Self::Error { code, message, detail: Some(to_json(value)), retry }
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
