//! Findings of several checks, one for each cause.

use std::cmp::Reverse;

use flynn_aws::{Finding, Severity};

/// The number of subjects that a finding names.
const MOST_NAMED: usize = 3;

/// Returns the same finding about each of these subjects.
pub(super) fn about(subjects: &[String], finding: &Finding) -> Vec<Finding> {
    subjects.iter().map(|subject| with_subject(finding, subject.clone())).collect()
}

fn with_subject(finding: &Finding, subject: String) -> Finding {
    let mut finding = finding.clone();
    finding.subject = subject;
    finding
}

/// Returns a finding about a certificate.
pub(super) fn of_certificate(found: &flynn_tls::Finding, remedy: impl Into<String>) -> Finding {
    let severity = if found.is_error() { Severity::Error } else { Severity::Warning };
    let explanation = format!("{}: {}", found.subject, found.explanation);
    Finding::new(severity, found.code.as_str(), "", explanation, remedy)
}

/// Merges the findings that differ only in their subjects, and sorts them, worst first.
pub(super) fn by_cause(findings: Vec<Finding>) -> Vec<Finding> {
    let mut causes: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        let subject = finding.subject.clone();
        let is_same = |(known, _): &&mut (Finding, _)| {
            *known == with_subject(&finding, known.subject.clone())
        };
        match causes.iter_mut().find(is_same) {
            Some((_, subjects)) if subjects.contains(&subject) => {}
            Some((_, subjects)) => subjects.push(subject),
            None => causes.push((finding, vec![subject])),
        }
    }
    causes.sort_by_key(|(finding, _)| Reverse(finding.severity));
    causes.iter().map(|(finding, subjects)| with_subject(finding, named(subjects))).collect()
}

/// Names the first subjects, and how many more there are.
fn named(subjects: &[String]) -> String {
    let named = subjects.get(..MOST_NAMED).unwrap_or(subjects).join(", ");
    match subjects.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_one_cause() {
        let hosts = ["a", "b", "c", "d", "e", "a"];
        let findings = hosts.map(|host| Finding::warning("old", host, "is old", "renew it"));
        let error = Finding::error("gone", "x", "is gone", "find it");
        let all: Vec<_> = findings.into_iter().chain([error]).collect();
        let shown: Vec<String> = by_cause(all).iter().map(ToString::to_string).collect();
        let expected = [
            "error [gone] x: is gone; find it",
            "warning [old] a, b, c and 2 more: is old; renew it",
        ];
        assert_eq!(shown, expected);
    }
}
