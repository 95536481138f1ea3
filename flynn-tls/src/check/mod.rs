mod chain;
mod code;
mod dates;
mod key;
mod names;
mod order;
mod report;
mod requirements;
mod rules;
mod strength;
mod way;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use code::Code;
pub use report::{Finding, Report, Severity};
pub use requirements::{Requirements, ServerAge};
use way::Ways;

use crate::{Bundle, Certificate, PrivateKey, Time, provider};

/// Judges a bundle, and a key if there is one, by `requirements`; tells everything it finds at
/// once.
///
/// | found | codes |
/// |---|---|
/// | the key | `key-mismatch` `key-damaged` `key-unusable` `key-refused` `key-unchecked` `key-in-bundle` |
/// | names | `name-not-covered` `wildcard-not-covered` `apex-not-covered` `no-names` `empty-name` |
/// | dates | `expired` `not-yet-valid` `expires-soon` |
/// | the file | `not-canonical-pem` `wrong-order` `duplicate` `unrelated` `root-included` |
/// | the chain | `chain-incomplete` `self-signed` `bad-signature` `chain-rejected` `not-publicly-trusted` `not-from-ca` |
/// | strength and form | `weak-key` `unusual-key` `weak-signature` `old-version` `unknown-critical-extension` `leaf-is-ca` `not-for-servers` `no-digital-signature` `must-staple` `not-strict` |
///
/// Names are looked for where clients look: in the subject alternative names, never in the common
/// name. Trust is judged as rustls clients do, for a moment within the leaf's own validity, so that
/// an expired certificate is said to be expired and not untrusted as well. Where they find a way to
/// a root, dates and strength are asked of the certificates on it; the others are not needed.
///
/// Where a CA or public trust is asked for, no error means that a client on rustls with the same
/// crypto provider accepts the chain; the exceptions are `leaf-is-ca` and `unusual-key`, warnings
/// because Go's clients, Flynn's own, take both. openssl and Go accept more (such as critical
/// certificate policies), and refuse a CA whose key usage lacks `keyCertSign`: an error as well.
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
    let case = Case::new(bundle, key, requirements, provider);
    strength::check(&case, &mut report);
    key::check(&case, &mut report);
    names::check(&case, &mut report);
    dates::check(&case, &mut report);
    order::check(&case, &mut report);
    // Last, because it tells what the others do not explain.
    chain::check(&case, &mut report);
    report.sort();
    report
}

/// What the single checks look at.
struct Case<'a> {
    bundle: &'a Bundle,
    key: Option<&'a PrivateKey>,
    requirements: &'a Requirements,
    provider: Option<Arc<CryptoProvider>>,
    at: Time,
    leaf: &'a Certificate,
    ways: Ways,
    /// The leaf, its issuer, and so on, as positions in the bundle: the way that clients go where
    /// one is found, else by names alone.
    path: Vec<usize>,
    /// What the names lead to as well, and no client needs.
    spare: Vec<usize>,
}

impl<'a> Case<'a> {
    fn new(
        bundle: &'a Bundle,
        key: Option<&'a PrivateKey>,
        requirements: &'a Requirements,
        provider: Option<Arc<CryptoProvider>>,
    ) -> Self {
        let at = requirements.at.unwrap_or_else(Time::now);
        let leaf = bundle.leaf();
        let ways = provider.as_ref().map(|p| {
            let algorithms = p.signature_verification_algorithms.all;
            Ways::new(bundle, requirements, algorithms, at)
        });
        let ways = ways.unwrap_or_default();
        let named = bundle.path();
        let path = ways.verified().map_or_else(|| named.clone(), <[usize]>::to_vec);
        let spare = named.into_iter().filter(|i| !path.contains(i)).collect();
        Self { bundle, key, requirements, provider, at, leaf, ways, path, spare }
    }

    fn leaf_at(&self) -> usize {
        self.path.first().copied().unwrap_or_default()
    }

    /// The certificates of the path with their positions, the leaf first.
    fn path(&self) -> impl Iterator<Item = (usize, &'a Certificate)> + '_ {
        self.of(&self.path)
    }

    /// Those that the names lead to beside it.
    fn spare(&self) -> impl Iterator<Item = (usize, &'a Certificate)> + '_ {
        self.of(&self.spare)
    }

    fn of<'s>(
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

    /// As without the features `ring` and `aws-lc-rs`.
    #[test]
    fn without_a_provider_it_says_what_it_left_out() {
        let issued = Ca::new("x").unwrap().issue(&["example.com"]).unwrap();
        let bundle = Bundle::from_der(issued.chain()).unwrap();
        let key = PrivateKey::from_pem(issued.key_pem()).unwrap();
        let requirements = Requirements::new();
        let case = Case::new(&bundle, Some(&key), &requirements, None);
        let mut report = Report::default();
        key::check(&case, &mut report);
        chain::check(&case, &mut report);
        let codes: Vec<_> = report.findings().iter().map(Finding::code).collect();
        assert_eq!(codes, [Code::KeyUnchecked, Code::Unchecked]);
        assert!(!report.has_errors());
    }
}
