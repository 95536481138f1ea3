use std::fmt;

use super::Code;

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know, nothing will fail.
    Notice,
    /// Some clients fail, or all will soon.
    Warning,
    /// Clients or the router refuse it, or a requirement is not met.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that [`check`](super::check()) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) certificate: Option<usize>,
    pub(super) explanation: String,
    pub(super) remedy: &'static str,
}

impl Finding {
    /// What it is about.
    pub fn code(&self) -> Code {
        self.code
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Which certificate of the bundle it is about, counted from 0 in the order of the file.
    pub fn certificate(&self) -> Option<usize> {
        self.certificate
    }

    /// What is wrong, in one sentence.
    pub fn explanation(&self) -> &str {
        &self.explanation
    }

    /// What to do about it, in one sentence.
    pub fn remedy(&self) -> &str {
        self.remedy
    }
}

impl fmt::Display for Finding {
    /// One line: `error key-mismatch: … (…)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.severity, self.code, self.explanation, self.remedy)
    }
}

/// All that [`check`](super::check()) found, the worst first.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::generate::broken;
/// use flynn_tls::{Bundle, Code, Requirements, Severity, check};
///
/// let made = broken(Code::Expired, "example.com")?;
/// let report = check(&Bundle::from_pem(&made.chain_pem)?, None, &Requirements::new());
/// let worst = &report.findings()[0];
/// assert_eq!((worst.code(), worst.severity()), (Code::Expired, Severity::Error));
/// assert_eq!(worst.remedy(), "renew it and install the new one");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "it says what is wrong"]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        code: Code,
        severity: Severity,
        certificate: impl Into<Option<usize>>,
        explanation: String,
        remedy: &'static str,
    ) {
        let certificate = certificate.into();
        self.findings.push(Finding { code, severity, certificate, explanation, remedy });
    }

    pub(super) fn sort(&mut self) {
        // Stable: within a severity, the order of the checks.
        self.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    }

    /// The findings, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Those that make the certificate unfit.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.severity == Severity::Error)
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Whether nothing at all was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something was found under this code.
    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|f| f.code == code)
    }
}

impl fmt::Display for Report {
    /// One finding a line; `no findings` when there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("no findings");
        }
        for (i, finding) in self.findings.iter().enumerate() {
            write!(f, "{}{finding}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
