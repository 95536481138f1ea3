use std::fmt;

/// Defines the codes once: variant, name for programs, documentation.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The code of a [`Finding`]. Its [name](Self::as_str) is stable and meant for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the name for programs, such as `key-mismatch`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    /// The private key does not belong to the certificate.
    KeyMismatch = "key-mismatch",
    /// The parts of the private key contradict each other.
    KeyDamaged = "key-damaged",
    /// Many TLS servers cannot load the private key although it is intact: RSA with an unusual
    /// exponent, with more than two primes, or without its CRT values.
    KeyUnusable = "key-unusable",
    /// A kind of key that Flynn's router cannot load or that no common client accepts: explicit
    /// curve parameters, curves other than P-256, P-384 and P-521, RSASSA-PSS, DSA, Ed448; Ed25519
    /// where a [`ServerAge::V2016`](super::ServerAge::V2016) has to serve it.
    KeyRefused = "key-refused",
    /// The private key could not be compared with the certificate.
    KeyUnchecked = "key-unchecked",
    /// The certificate file contains a private key.
    KeyInBundle = "key-in-bundle",
    /// Flynn's CLI and router, which are written in Go, do not find the certificate or the key in
    /// the file. They find what [`Bundle::to_pem`](crate::Bundle::to_pem) and
    /// [`PrivateKey::secret_pem`](crate::PrivateKey::secret_pem) write.
    NotCanonicalPem = "not-canonical-pem",
    /// The certificate does not cover a required name.
    NameNotCovered = "name-not-covered",
    /// The certificate does not cover a required wildcard.
    WildcardNotCovered = "wildcard-not-covered",
    /// The certificate covers the wildcard of a required domain, but not the domain itself.
    ApexNotCovered = "apex-not-covered",
    /// There are no subject alternative names, which are the only names that clients use. Required names are not
    /// reported one by one then.
    NoNames = "no-names",
    /// One of the DNS names is empty.
    EmptyName = "empty-name",
    /// The certificate has expired. This is a warning for certificates that clients do not need,
    /// such as a cross-signed root.
    Expired = "expired",
    /// The certificate is not valid yet.
    NotYetValid = "not-yet-valid",
    /// The certificate expires within the required number of days.
    ExpiresSoon = "expires-soon",
    /// A certificate between the leaf and a root is missing.
    ChainIncomplete = "chain-incomplete",
    /// The leaf is not first, or the issuers are not in order.
    WrongOrder = "wrong-order",
    /// A certificate occurs more than once.
    Duplicate = "duplicate",
    /// A certificate is not part of the leaf's chain.
    Unrelated = "unrelated",
    /// The bundle contains the root.
    RootIncluded = "root-included",
    /// The leaf is signed with its own key.
    SelfSigned = "self-signed",
    /// A certificate is not signed by the certificate of its issuer.
    BadSignature = "bad-signature",
    /// Clients refuse the chain for a reason without a separate code, such as a path length, name
    /// constraints or an extension that is malformed. The explanation says which.
    ChainRejected = "chain-rejected",
    /// The chain does not lead to a public root.
    NotPubliclyTrusted = "not-publicly-trusted",
    /// The chain does not lead to the required CA.
    NotFromCa = "not-from-ca",
    /// The key is too short to be safe.
    WeakKey = "weak-key",
    /// Some clients cannot verify with this kind of key: P-521, Ed25519, RSA above 8192 bits.
    UnusualKey = "unusual-key",
    /// The signature uses a broken hash.
    WeakSignature = "weak-signature",
    /// The certificate is not X.509 version 3.
    OldVersion = "old-version",
    /// A certificate has a critical extension that not all clients know.
    UnknownCriticalExtension = "unknown-critical-extension",
    /// The leaf is a CA certificate.
    LeafIsCa = "leaf-is-ca",
    /// The extended key usage excludes TLS servers.
    NotForServers = "not-for-servers",
    /// The key usage lacks `digitalSignature`, which handshakes need.
    NoDigitalSignature = "no-digital-signature",
    /// The certificate requires stapled OCSP responses, which Flynn's router never sends.
    MustStaple = "must-staple",
    /// The certificate breaks a rule of RFC 5280 that strict clients, such as Python 3.13, enforce.
    NotStrict = "not-strict",
    /// Signatures were not checked because there is no crypto provider.
    Unchecked = "unchecked",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The severity of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Severity {
    /// Good to know; nothing fails.
    Notice,
    /// Some clients fail, or all will soon.
    Warning,
    /// The router or common clients refuse it, or a requirement is not met.
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

/// A problem that [`check`](super::check()) found. It never contains key material, and text from
/// certificates is escaped and shortened.
///
/// `Display` writes one line: `error [key-mismatch] private key: … ; …`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// The stable name for programs.
    pub code: Code,
    /// The severity.
    pub severity: Severity,
    /// The subject, such as `private key` or `certificate 2 (Test CA)`.
    pub subject: String,
    /// The problem and its consequence.
    pub explanation: String,
    /// The remedy.
    pub remedy: String,
}

impl Finding {
    /// Returns whether the finding makes the certificate unusable.
    pub fn is_error(&self) -> bool {
        self.severity >= Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, severity, subject, explanation, remedy } = self;
        write!(f, "{severity} [{code}] {subject}: {explanation}; {remedy}")
    }
}

/// The findings of [`check`](super::check()), the worst first.
///
/// `Display` writes one finding per line, or `no findings`.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::generate::broken;
/// use flynn_tls::{Bundle, Code, Requirements, Severity, check};
///
/// let made = broken(Code::Expired, "example.com")?;
/// let report = check(&Bundle::from_pem(&made.chain_pem)?, None, &Requirements::new());
/// let worst = &report.findings()[0];
/// assert_eq!((worst.code, worst.severity), (Code::Expired, Severity::Error));
/// assert_eq!(worst.subject, "certificate 1 (example.com)");
/// assert_eq!(worst.remedy, "renew it and install the new one");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
#[must_use = "it says what is wrong"]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        code: Code,
        severity: Severity,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: &str,
    ) {
        self.findings.push(Finding {
            code,
            severity,
            subject: subject.into(),
            explanation: explanation.into(),
            remedy: remedy.to_owned(),
        });
    }

    pub(super) fn error(
        &mut self,
        code: Code,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: &str,
    ) {
        self.add(code, Severity::Error, subject, explanation, remedy);
    }

    pub(super) fn warning(
        &mut self,
        code: Code,
        subject: impl Into<String>,
        explanation: impl Into<String>,
        remedy: &str,
    ) {
        self.add(code, Severity::Warning, subject, explanation, remedy);
    }

    /// Sorts by severity. The order within a severity is kept.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    }

    /// Returns the findings, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the findings that make the certificate unusable.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_error())
    }

    /// Returns whether one of the findings is an error.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Returns whether there are no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns whether there is a finding with this code.
    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|f| f.code == code)
    }
}

impl fmt::Display for Report {
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
