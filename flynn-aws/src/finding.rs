//! The result of a check: a code for programs, a sentence and a remedy for people.

use std::fmt;

use serde::Serialize;

/// The severity of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is wrong, but you should know about it.
    Notice,
    /// It works, but probably not as intended.
    Warning,
    /// It does not work: a process stops, a host is refused, a deploy fails.
    Error,
    /// The cluster is open to attackers.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}

/// A problem that a check found. It never contains a secret.
///
/// Explanation and remedy start in lower case and end without a full stop, like error messages. Your own checks can
/// report in the same shape:
///
/// ```
/// use flynn_aws::Finding;
///
/// let finding = Finding::warning("old-image", "node1", "the image is two years old", "renew it");
/// assert_eq!(finding.to_string(), "warning [old-image] node1: the image is two years old; renew it");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// A stable name for programs, such as `token-without-equals`.
    pub code: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The variable, host, rule or record that it is about.
    pub subject: String,
    /// The problem and its consequence.
    pub explanation: String,
    /// The remedy, in the imperative.
    pub remedy: String,
}

impl Finding {
    /// Creates a finding.
    pub fn new(
        severity: Severity,
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            subject: subject.into(),
            explanation: explanation.into(),
            remedy: remedy.into(),
        }
    }

    /// Creates an error: it does not work.
    pub fn error(
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, subject, explanation, remedy)
    }

    /// Creates a warning: it works, but probably not as intended.
    pub fn warning(
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, subject, explanation, remedy)
    }

    /// Creates a notice: nothing is wrong.
    pub fn notice(
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Notice, code, subject, explanation, remedy)
    }

    /// Returns whether the severity is [`Severity::Error`] or [`Severity::Critical`].
    pub fn is_error(&self) -> bool {
        self.severity >= Severity::Error
    }
}

/// Writes one line: `severity [code] subject: explanation; remedy`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} [{}] {}: {}; {}",
            self.severity, self.code, self.subject, self.explanation, self.remedy
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_it_as_json() {
        let finding = Finding::warning("one-zone", "hosts", "all are in one", "spread them");
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["code"], "one-zone");
        assert_eq!(json["severity"], "warning");
        assert_eq!(json["remedy"], "spread them");
        assert_eq!(finding.to_string(), "warning [one-zone] hosts: all are in one; spread them");
    }
}
