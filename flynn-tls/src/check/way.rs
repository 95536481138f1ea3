//! Whether webpki, which rustls clients ask, finds a way from the leaf to a root.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor};
use webpki::{EndEntityCert, Error as E, KeyUsage};

use super::requirements::{Requirements, Trust};
use crate::der::{self, Reader, SEQUENCE};
use crate::{Bundle, Certificate, Roots, Time};

pub(super) type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

/// The ways that were looked for. `None`: there is nothing to lead to.
#[derive(Default)]
pub(super) struct Ways {
    /// To a public root.
    pub(super) public: Option<Way>,
    /// To one of the CAs given.
    pub(super) given: Option<Way>,
    /// To whatever the file itself ends at, which is nobody's root; not looked for where another
    /// one is found.
    pub(super) own: Option<Way>,
}

/// A way from the leaf to one of several roots.
pub(super) struct Way {
    /// The certificates on it as positions in the bundle, the leaf first, a root of the file last;
    /// or what webpki has against all ways.
    found: Result<Vec<usize>, E>,
    /// Whether a certificate of the file names one of the roots as its issuer.
    named: bool,
}

impl Ways {
    pub(super) fn new(
        bundle: &Bundle,
        requirements: &Requirements,
        algorithms: Algorithms<'_>,
        at: Time,
    ) -> Self {
        let search = Search::new(bundle, algorithms, at);
        let given = match &requirements.trust {
            Trust::Ca(roots) => roots.anchors(),
            _ => None,
        };
        // A root of the file is signed by itself; what another CA signed for it is not needed.
        let to = |roots: Arc<RootCertStore>| search.to(&roots.roots, Certificate::is_self_issued);
        let mut ways =
            Self { public: Roots::public_anchors().map(to), given: given.map(to), own: None };
        if ways.verified().is_none() {
            ways.own = search.to_the_end();
        }
        ways
    }

    /// The certificates of a way on which every signature and rule holds.
    pub(super) fn verified(&self) -> Option<&[usize]> {
        let all = [&self.given, &self.public, &self.own];
        all.into_iter().flatten().find_map(|way| way.found.as_deref().ok())
    }
}

impl Way {
    /// Whether it leads to a root, although rules may be broken on it. `sound`: no signature
    /// within the file is bad.
    pub(super) fn arrives(&self, sound: bool) -> bool {
        match &self.found {
            Ok(_) => true,
            // No root by that name, or one with another key; a signature that is bad further
            // down has been told already.
            Err(
                E::UnknownIssuer
                | E::InvalidSignatureForPublicKey
                | E::MaximumSignatureChecksExceeded
                | E::MaximumPathBuildCallsExceeded,
            ) => !sound && self.named,
            // What webpki has against it is told by findings of their own.
            Err(_) => self.named,
        }
    }

    pub(super) fn error(&self) -> Option<&E> {
        self.found.as_ref().err()
    }
}

struct Search<'a> {
    certificates: &'a [Certificate],
    ders: Vec<CertificateDer<'a>>,
    /// The path by names alone, which always holds the leaf.
    named: Vec<usize>,
    algorithms: Algorithms<'a>,
    at: Time,
}

impl<'a> Search<'a> {
    fn new(bundle: &'a Bundle, algorithms: Algorithms<'a>, at: Time) -> Self {
        let certificates = bundle.certificates();
        let ders = certificates.iter().map(|c| CertificateDer::from(&**c.der())).collect();
        Self { certificates, ders, named: bundle.path(), algorithms, at }
    }

    /// The certificates of the path by names.
    fn path(&self) -> impl Iterator<Item = &'a Certificate> + Clone {
        self.named.iter().filter_map(|&i| self.certificates.get(i))
    }

    /// `may_end`: which certificates of the file may stand for an anchor.
    fn to(&self, anchors: &[TrustAnchor<'_>], may_end: fn(&Certificate) -> bool) -> Way {
        let mut found = self.verify(anchors, self.at, may_end);
        // Dates are told apart from trust, so it is judged for another moment if need be.
        for length in [self.named.len(), 1] {
            if !matches!(found, Err(E::CertExpired { .. } | E::CertNotValidYet { .. })) {
                break;
            }
            let moment = nearest(self.at, self.path().take(length));
            found = self.verify(anchors, moment, may_end);
        }
        let named = self.path().any(|c| {
            // Anchors hold names without their outermost tag.
            let issuer = Reader::new(c.raw_issuer()).value(SEQUENCE).map(|v| v.content);
            anchors.iter().any(|a| Some(a.subject.as_ref()) == issuer)
        });
        Way { found, named }
    }

    /// Takes what nobody in the file has issued for a root.
    fn to_the_end(&self) -> Option<Way> {
        let leaf = self.path().next()?;
        let issued = |c: &Certificate| {
            self.certificates.iter().any(|above| above != c && c.names_as_issuer(above))
        };
        let ends = self.certificates.iter().filter(|&c| c != leaf);
        let anchors: Vec<_> = ends
            .filter(|c| c.is_self_issued() || !issued(c))
            .filter_map(|c| webpki::anchor_from_trusted_cert(c.der()).ok())
            .collect();
        (!anchors.is_empty()).then(|| self.to(&anchors, |_| true))
    }

    fn verify(
        &self,
        anchors: &[TrustAnchor<'_>],
        at: Time,
        may_end: fn(&Certificate) -> bool,
    ) -> Result<Vec<usize>, E> {
        let first = self.named.first().copied().unwrap_or_default();
        let leaf = EndEntityCert::try_from(self.ders.get(first).ok_or(E::BadDer)?)?;
        let (usage, at) = (KeyUsage::server_auth(), at.to_pki());
        let path =
            leaf.verify_for_usage(self.algorithms, anchors, &self.ders, at, usage, None, None)?;
        let mut found = vec![first];
        for above in path.intermediate_certificates() {
            found.extend(self.ders.iter().position(|der| *der == above.der()));
        }
        // Anchors hold both without their outermost tag.
        let whole = |part: &[u8]| der::tlv(SEQUENCE, &[part]);
        let anchor = path.anchor();
        let (subject, key) = (whole(&anchor.subject), whole(&anchor.subject_public_key_info));
        let ends = self.certificates.iter().enumerate().filter(|(i, c)| {
            c.raw_subject() == subject && c.public_key() == key && may_end(c) && !found.contains(i)
        });
        let end = ends.max_by_key(|(_, c)| c.is_self_issued()).map(|(i, _)| i);
        found.extend(end);
        Ok(found)
    }
}

/// `at`, or the nearest moment at which all of them are valid.
fn nearest<'a>(at: Time, path: impl Iterator<Item = &'a Certificate> + Clone) -> Time {
    let from = path.clone().map(Certificate::not_before).max().unwrap_or(at);
    let to = path.map(Certificate::not_after).min().unwrap_or(at);
    at.max(from).min(to)
}
