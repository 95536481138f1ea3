//! Checks of certificates and keys before they are installed.

mod certificate;
mod chain;
mod files;
mod finding;
mod key;
mod names;
mod path;
mod requirements;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use finding::{Code, Finding, Report, Severity};
pub use requirements::{Requirements, ServerAge};

use crate::{Bundle, Certificate, PrivateKey, Time, provider};
use path::Paths;

/// Checks a bundle, and a key if there is one, against `requirements`. Reports everything at once.
///
/// | about | codes |
/// |---|---|
/// | the key | `key-mismatch` `key-damaged` `key-unusable` `key-refused` `key-unchecked` |
/// | the files | `key-in-bundle` `not-canonical-pem` `wrong-order` `duplicate` `unrelated` `root-included` |
/// | names | `name-not-covered` `wildcard-not-covered` `apex-not-covered` `no-names` `empty-name` |
/// | dates | `expired` `not-yet-valid` `expires-soon` |
/// | the chain | `chain-incomplete` `self-signed` `bad-signature` `chain-rejected` `not-publicly-trusted` `not-from-ca` |
/// | strength and form | `weak-key` `unusual-key` `weak-signature` `old-version` `unknown-critical-extension` `leaf-is-ca` `not-for-servers` `no-digital-signature` `must-staple` `not-strict` |
///
/// The checks cover the programs that use certificates in a cluster: Flynn's router and CLI (Go), git with GnuTLS and
/// with OpenSSL, browsers, and clients on rustls. If there are no findings, all of them accept the certificate.
///
/// Names are compared with the subject alternative names, as clients do, not with the common name. Trust is checked as
/// rustls does, for a time within the leaf's validity, so an expired certificate is reported as expired and not also as
/// untrusted. If there is a path to a root, only the certificates on it have to be valid and strong.
///
/// If you require a CA or public trust and there is no error, a rustls client with the same crypto provider accepts the
/// chain. The exceptions are the warnings `leaf-is-ca` and `unusual-key`, because Go's clients accept both.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::{Bundle, Code, PrivateKey, Requirements, check};
/// # let issued = flynn_tls::generate::Ca::new("x")?.issue(&["*.example.com"])?;
/// # let (chain, key) = (issued.chain_pem(), issued.key_pem());
///
/// let bundle = Bundle::from_pem(chain.as_bytes())?;
/// let key = PrivateKey::from_pem(&key)?;
/// let report = check(&bundle, Some(&key), &Requirements::new().domain("example.com"));
/// assert!(report.has(Code::ApexNotCovered) && !report.has(Code::KeyMismatch));
/// for finding in report.findings() {
///     println!("{finding}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn check(bundle: &Bundle, key: Option<&PrivateKey>, requirements: &Requirements) -> Report {
    let mut report = Report::default();
    let provider = requirements.provider.clone().or_else(|| provider::default().ok());
    let context = Context::new(bundle, key, requirements, provider);
    certificate::check(&context, &mut report);
    key::check(&context, &mut report);
    names::check(&context, &mut report);
    files::check(&context, &mut report);
    // Last, because it reports only refusals that no other check explains.
    chain::check(&context, &mut report);
    report.sort();
    report
}

/// The input of the checks.
struct Context<'a> {
    bundle: &'a Bundle,
    key: Option<&'a PrivateKey>,
    requirements: &'a Requirements,
    provider: Option<Arc<CryptoProvider>>,
    at: Time,
    leaf: &'a Certificate,
    paths: Paths,
    /// The leaf, its issuer, and so on, as positions in the bundle: the path that clients take, or
    /// the path by names alone if they find none.
    path: Vec<usize>,
    /// Certificates on the path by names that clients do not need.
    spare: Vec<usize>,
}

impl<'a> Context<'a> {
    fn new(
        bundle: &'a Bundle,
        key: Option<&'a PrivateKey>,
        requirements: &'a Requirements,
        provider: Option<Arc<CryptoProvider>>,
    ) -> Self {
        let at = requirements.at.unwrap_or_else(Time::now);
        let leaf = bundle.leaf();
        let paths = provider.as_ref().map(|p| {
            let algorithms = p.signature_verification_algorithms.all;
            Paths::new(bundle, requirements, algorithms, at)
        });
        let paths = paths.unwrap_or_default();
        let named = bundle.path();
        let path = paths.verified().map_or_else(|| named.clone(), <[usize]>::to_vec);
        let spare = named.into_iter().filter(|i| !path.contains(i)).collect();
        Self { bundle, key, requirements, provider, at, leaf, paths, path, spare }
    }

    fn leaf_at(&self) -> usize {
        self.path.first().copied().unwrap_or_default()
    }

    /// Returns the certificates of the path with their positions, the leaf first.
    fn path(&self) -> impl Iterator<Item = (usize, &'a Certificate)> + '_ {
        self.at_positions(&self.path)
    }

    /// Returns the certificates that clients do not need, with their positions.
    fn spare(&self) -> impl Iterator<Item = (usize, &'a Certificate)> + '_ {
        self.at_positions(&self.spare)
    }

    fn at_positions<'s>(
        &'s self,
        positions: &'s [usize],
    ) -> impl Iterator<Item = (usize, &'a Certificate)> + 's {
        positions.iter().filter_map(|&i| Some((i, self.bundle.certificates().get(i)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Ca;

    /// Like a build without the features `ring` and `aws-lc-rs`.
    #[test]
    fn without_a_provider_the_report_says_what_was_not_checked() {
        let issued = Ca::new("x").unwrap().issue(&["example.com"]).unwrap();
        let bundle = Bundle::from_der(issued.chain()).unwrap();
        let key = PrivateKey::from_pem(issued.key_pem()).unwrap();
        let requirements = Requirements::new();
        let context = Context::new(&bundle, Some(&key), &requirements, None);
        let mut report = Report::default();
        key::check(&context, &mut report);
        chain::check(&context, &mut report);
        let codes: Vec<_> = report.findings().iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::KeyUnchecked, Code::Unchecked]);
        assert!(!report.has_errors());
    }
}
