//! A finding of the doctor.

use std::fmt;

pub use flynn_tls::Severity;

use crate::text::printable;

/// The number of subjects that a finding names.
const MOST_NAMED: usize = 3;

/// One problem, in the form of the findings of flynn-tls and flynn-aws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name for programs, such as `wrong-certificate`.
    pub code: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The files, hosts and apps that it is about.
    pub subjects: Vec<String>,
    /// The problem and its consequence.
    pub explanation: String,
    /// The remedy.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            subjects: vec![subject.into()],
            explanation: explanation.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn error(
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, subject, explanation, remedy)
    }

    pub(super) fn warning(
        code: &'static str,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, subject, explanation, remedy)
    }

    /// Sets several subjects.
    pub(super) fn about(mut self, subjects: &[String]) -> Self {
        self.subjects = subjects.to_vec();
        self
    }
}

/// One line, escaped: `error [wrong-certificate] a.example.com and 3 more: explanation; remedy`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.subjects.get(..MOST_NAMED).unwrap_or(&self.subjects).join(", ");
        write!(f, "{} [{}] {}", self.severity, self.code, printable(&named))?;
        match self.subjects.len().saturating_sub(MOST_NAMED) {
            0 => {}
            more => write!(f, " and {more} more")?,
        }
        write!(f, ": {}; {}", printable(&self.explanation), printable(&self.remedy))
    }
}

/// Joins the findings that have one cause, and puts the worst first.
pub(super) fn by_cause(findings: Vec<Finding>) -> Vec<Finding> {
    let mut causes: Vec<Finding> = Vec::new();
    for finding in findings {
        let is_same = |other: &&mut Finding| {
            (other.code, other.severity) == (finding.code, finding.severity)
                && other.explanation == finding.explanation
                && other.remedy == finding.remedy
        };
        match causes.iter_mut().find(is_same) {
            Some(known) => {
                for subject in finding.subjects {
                    if !known.subjects.contains(&subject) {
                        known.subjects.push(subject);
                    }
                }
            }
            None => causes.push(finding),
        }
    }
    causes.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_one_cause() {
        let hosts = ["a", "b", "c", "d", "e"];
        let findings =
            hosts.map(|host| Finding::warning("old", host, "is \u{1b}[31mold", "renew it"));
        let error = Finding::error("gone", "x", "is gone", "find it");
        let all: Vec<_> = findings.into_iter().chain([error]).collect();
        let shown: Vec<String> = by_cause(all).iter().map(ToString::to_string).collect();
        let expected = [
            "error [gone] x: is gone; find it",
            "warning [old] a, b, c and 2 more: is \\u{1b}[31mold; renew it",
        ];
        assert_eq!(shown, expected);
    }
}
