//! The path from the leaf to a root, as rustls-webpki finds it.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor};
use webpki::{EndEntityCert, Error as E, KeyUsage};

use super::requirements::{Requirements, Trust};
use crate::der::{self, Reader, SEQUENCE};
use crate::{Bundle, Certificate, Roots, Time};

pub(super) type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

/// The results of the searches for a path; `None` if there are no roots to search for.
#[derive(Default)]
pub(super) struct Paths {
    /// To a public root.
    pub(super) public: Option<Outcome>,
    /// To one of the required CAs.
    pub(super) required: Option<Outcome>,
    /// To the end of the chain in the file. It is searched only if there is no other path.
    pub(super) own: Option<Outcome>,
}

/// The outcome of the search for a path to one of several roots.
pub(super) struct Outcome {
    /// The path as positions in the bundle, the leaf first, a root of the file last; or webpki's
    /// error.
    path: Result<Vec<usize>, E>,
    /// True if a certificate of the file names one of the roots as its issuer.
    named: bool,
}

impl Paths {
    pub(super) fn new(
        bundle: &Bundle,
        requirements: &Requirements,
        algorithms: Algorithms<'_>,
        at: Time,
    ) -> Self {
        let search = Search::new(bundle, algorithms, at);
        let required = match &requirements.trust {
            Trust::Ca(roots) => roots.anchors(),
            _ => None,
        };
        // A root of the file is self-signed; its cross-signed form is not needed.
        let to = |roots: Arc<RootCertStore>| search.to(&roots.roots, Certificate::is_self_issued);
        let mut paths =
            Self { public: Roots::public_anchors().map(to), required: required.map(to), own: None };
        if paths.verified().is_none() {
            paths.own = search.to_the_end();
        }
        paths
    }

    /// Returns a path on which every signature and rule holds.
    pub(super) fn verified(&self) -> Option<&[usize]> {
        let all = [&self.required, &self.public, &self.own];
        all.into_iter().flatten().find_map(|outcome| outcome.path.as_deref().ok())
    }
}

impl Outcome {
    /// Returns whether the chain leads to a root, even if it breaks rules. `sound`: no signature
    /// within the file is bad.
    pub(super) fn reaches_root(&self, sound: bool) -> bool {
        match &self.path {
            Ok(_) => true,
            // There is no root of that name, or it has another key. A signature that is bad
            // further down has been reported already.
            Err(
                E::UnknownIssuer
                | E::InvalidSignatureForPublicKey
                | E::MaximumSignatureChecksExceeded
                | E::MaximumPathBuildCallsExceeded,
            ) => !sound && self.named,
            // Other findings report the refusal.
            Err(_) => self.named,
        }
    }

    pub(super) fn error(&self) -> Option<&E> {
        self.path.as_ref().err()
    }
}

struct Search<'a> {
    certificates: &'a [Certificate],
    ders: Vec<CertificateDer<'a>>,
    /// The path by names alone. It always starts with the leaf.
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

    /// Returns the certificates of the path by names.
    fn path(&self) -> impl Iterator<Item = &'a Certificate> + Clone {
        self.named.iter().filter_map(|&i| self.certificates.get(i))
    }

    /// Searches for a path to one of the anchors. `may_end` selects the certificates of the file that can stand for an
    /// anchor.
    fn to(&self, anchors: &[TrustAnchor<'_>], may_end: fn(&Certificate) -> bool) -> Outcome {
        let mut path = self.verify(anchors, self.at, may_end);
        // Dates have their own findings, so trust is checked for a time within them.
        for length in [self.named.len(), 1] {
            if !matches!(path, Err(E::CertExpired { .. } | E::CertNotValidYet { .. })) {
                break;
            }
            let moment = nearest(self.at, self.path().take(length));
            path = self.verify(anchors, moment, may_end);
        }
        let named = self.path().any(|c| {
            // Anchors hold names without their outermost tag.
            let issuer = Reader::new(c.raw_issuer()).value(SEQUENCE).map(|v| v.content);
            anchors.iter().any(|a| Some(a.subject.as_ref()) == issuer)
        });
        Outcome { path, named }
    }

    /// Searches for a path to the certificates that have no issuer in the file.
    fn to_the_end(&self) -> Option<Outcome> {
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
        let mut positions = vec![first];
        for above in path.intermediate_certificates() {
            positions.extend(self.ders.iter().position(|der| *der == above.der()));
        }
        // Anchors hold both without their outermost tag.
        let whole = |part: &[u8]| der::tlv(SEQUENCE, &[part]);
        let anchor = path.anchor();
        let (subject, key) = (whole(&anchor.subject), whole(&anchor.subject_public_key_info));
        let ends = self.certificates.iter().enumerate().filter(|(i, c)| {
            c.raw_subject() == subject
                && c.public_key() == key
                && may_end(c)
                && !positions.contains(i)
        });
        let end = ends.max_by_key(|(_, c)| c.is_self_issued()).map(|(i, _)| i);
        positions.extend(end);
        Ok(positions)
    }
}

/// Returns `at`, or the nearest time at which all of them are valid.
fn nearest<'a>(at: Time, path: impl Iterator<Item = &'a Certificate> + Clone) -> Time {
    let from = path.clone().map(Certificate::not_before).max().unwrap_or(at);
    let to = path.map(Certificate::not_after).min().unwrap_or(at);
    at.max(from).min(to)
}
