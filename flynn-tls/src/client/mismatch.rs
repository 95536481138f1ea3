use std::fmt;

use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, KeyUsage};

use super::Roots;
use super::causes::{Cause, Evidence, PinMistake, Validity};
use crate::{Certificate, Pin, PinSet, Time, pem};

/// The server's leaf certificate has none of the expected pins. No byte of a request was sent.
///
/// [`pin_mismatch`](crate::pin_mismatch) finds it in the error of a request. `Display` writes one
/// line: both pins, the certificate's subject and issuer, the likeliest cause and what to do.
///
/// ```
/// use flynn_tls::PinMismatch;
///
/// /// Returns a row of a table. Do not offer to store the presented pin: it may be an attacker's.
/// /// Only a comparison with the installed file shows whether it is right.
/// fn row(mismatch: &PinMismatch) -> [String; 3] {
///     let server = mismatch.server_name().to_owned();
///     [server, mismatch.explanation(), mismatch.remedy().to_owned()]
/// }
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", self.explanation(), self.remedy())]
pub struct PinMismatch {
    expected: PinSet,
    presented: Pin,
    leaf: Option<Certificate>,
    chain_length: usize,
    server_name: String,
    evidence: Evidence,
}

/// The facts of a handshake that explain a mismatch.
pub(super) struct Handshake<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) server_name: &'a ServerName<'a>,
    pub(super) at: Time,
    pub(super) known: &'a [Certificate],
    pub(super) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
}

impl PinMismatch {
    pub(super) fn new(expected: &PinSet, seen: &Handshake<'_>) -> Self {
        let leaf = Certificate::try_from(seen.leaf).ok();
        let mut evidence = Evidence {
            pin_mistake: seen.pin_mistake(expected, leaf.as_ref()),
            ..Evidence::default()
        };
        if let Some(leaf) = &leaf {
            evidence.name_covered = seen.name_covered(leaf);
            evidence.publicly_trusted = seen.publicly_trusted(leaf);
            evidence.same_issuer = seen.same_issuer(leaf);
            evidence.issued_by_flynn = leaf.is_of_flynns_own_ca();
            evidence.validity = Some(validity(leaf, seen.at));
        }
        Self {
            expected: expected.clone(),
            presented: Pin::of(seen.leaf),
            leaf,
            chain_length: seen.intermediates.len().saturating_add(1),
            server_name: seen.server_name.to_str().into_owned(),
            evidence,
        }
    }

    /// Returns the pins that would have been accepted.
    pub fn expected(&self) -> &PinSet {
        &self.expected
    }

    /// Returns the pin of the presented certificate.
    pub fn presented(&self) -> Pin {
        self.presented
    }

    /// Returns the presented leaf certificate; `None` if it is not X.509.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }

    /// Returns the number of certificates that the server presented.
    pub fn chain_length(&self) -> usize {
        self.chain_length
    }

    /// Returns whether the chain leads to a public root, regardless of its dates; `None` without the
    /// feature `webpki-roots`.
    pub fn publicly_trusted(&self) -> Option<bool> {
        self.evidence.publicly_trusted
    }

    /// Returns the requested host name.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Returns the evidence for the causes.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Returns the possible causes, the likeliest first. There is at least one.
    ///
    /// Each row of this table adds its cause if there is the evidence for it, in this order:
    ///
    /// | evidence | cause |
    /// |---|---|
    /// | an expected pin is the SHA-256 of the presented public key | [`PinOfKey`](Cause::PinOfKey) |
    /// | … of the presented PEM text | [`PinOfPemText`](Cause::PinOfPemText) |
    /// | … of a CA in the presented chain whose signatures lead to the presented certificate | [`PinOfIssuer`](Cause::PinOfIssuer) |
    /// | the certificate does not cover the name | [`OtherServer`](Cause::OtherServer) |
    /// | it covers the name and has expired | [`StaleCertificate`](Cause::StaleCertificate) |
    /// | it covers the name and is not valid yet | [`EarlyCertificate`](Cause::EarlyCertificate) |
    /// | it covers the name, is valid and publicly trusted | [`Replaced`](Cause::Replaced) |
    /// | it covers the name, is valid, is not known to be publicly trusted, and has the known issuer | [`Reissued`](Cause::Reissued) |
    /// | its issuer is `OU=Flynn Ephemeral CA`, not publicly trusted, and not known to be the same CA | [`ClusterRemade`](Cause::ClusterRemade) |
    /// | it covers the name, is valid, is not publicly trusted, and has another issuer than the known one | [`Intercepted`](Cause::Intercepted) |
    /// | it covers the name, is valid, and nothing is known that vouches for it | [`ReplacedUnvouched`](Cause::ReplacedUnvouched) |
    /// | the same, and no earlier certificate is known | [`Intercepted`](Cause::Intercepted) too |
    /// | none of these | [`CannotTell`](Cause::CannotTell) |
    ///
    /// The causes are likely, not proved. An attacker chooses everything in a certificate except the signature of a
    /// public CA, and a public CA signs for whoever controls the DNS. Therefore every remedy that ends with a new pin
    /// starts with a comparison. An expected pin that belongs to another certificate in the chain proves nothing: an
    /// attacker can send the right certificate after their own.
    pub fn causes(&self) -> Vec<Cause> {
        self.evidence.causes()
    }

    /// Returns both pins, the certificate and the likeliest cause in one line.
    pub fn explanation(&self) -> String {
        let (server, presented, expected) = (&self.server_name, self.presented, &self.expected);
        let leaf = self.leaf.as_ref().map_or_else(String::new, |leaf| {
            let (subject, issuer) = (clipped(leaf.subject()), clipped(leaf.issuer()));
            format!(" ({subject}, issued by {issuer}, valid until {})", leaf.not_after())
        });
        let cause = self.likeliest();
        let probably = if cause == Cause::CannotTell { "" } else { "probably " };
        format!(
            "{server} presented a certificate with the pin {presented} instead of {expected}{leaf}: \
             {probably}{cause}"
        )
    }

    /// Returns what to do about the likeliest cause. It never says to store a pin before comparing it.
    pub fn remedy(&self) -> &'static str {
        self.likeliest().remedy()
    }

    /// Returns the first of the [`causes`](Self::causes).
    pub fn likeliest(&self) -> Cause {
        self.causes().first().copied().unwrap_or(Cause::CannotTell)
    }
}

impl Handshake<'_> {
    fn name_covered(&self, leaf: &Certificate) -> Option<bool> {
        match self.server_name {
            ServerName::DnsName(name) => Some(leaf.names().covers(name.as_ref())),
            _ => None,
        }
    }

    fn publicly_trusted(&self, leaf: &Certificate) -> Option<bool> {
        let roots = Roots::public_anchors()?;
        // A public CA never issues a certificate that webpki cannot read.
        let Ok(parsed) = EndEntityCert::try_from(self.leaf) else { return Some(false) };
        let verdict = parsed.verify_for_usage(
            self.algorithms,
            &roots.roots,
            self.intermediates,
            // Dates are separate evidence: verify for a moment at which the leaf was valid.
            self.at.max(leaf.not_before()).min(leaf.not_after()).to_pki(),
            KeyUsage::server_auth(),
            None,
            None,
        );
        Some(verdict.is_ok())
    }

    fn same_issuer(&self, leaf: &Certificate) -> Option<bool> {
        let same = |known: &Certificate| {
            if known.is_ca() {
                leaf.names_as_issuer(known)
                    && leaf.is_signed_by(known, self.algorithms) != Some(false)
            } else {
                leaf.has_issuer_of(known)
            }
        };
        (!self.known.is_empty()).then(|| self.known.iter().any(same))
    }

    /// Returns the CAs of the chain that issued the leaf, by their signatures. A server can send any
    /// other certificate too.
    fn issuers(&self, leaf: &Certificate) -> Vec<Certificate> {
        let rest = self.intermediates.iter().filter_map(|der| Certificate::try_from(der).ok());
        let mut cas: Vec<_> = rest.filter(Certificate::is_ca).collect();
        let mut proved: Vec<Certificate> = Vec::new();
        loop {
            let below = proved.last().unwrap_or(leaf);
            // Only the first one with that name, so that a long chain takes linear time.
            let Some(at) = cas.iter().position(|ca| below.names_as_issuer(ca)) else { break };
            let ca = cas.swap_remove(at);
            if below.is_signed_by(&ca, self.algorithms) != Some(true) {
                break;
            }
            proved.push(ca);
        }
        proved
    }

    fn pin_mistake(&self, expected: &PinSet, leaf: Option<&Certificate>) -> Option<PinMistake> {
        let expects = |bytes: &[u8]| expected.contains(&Pin::from_der(bytes));
        if leaf.is_some_and(|leaf| expects(leaf.public_key())) {
            return Some(PinMistake::PublicKey);
        }
        if leaf.is_some_and(|leaf| self.issuers(leaf).iter().any(|ca| expects(ca.der()))) {
            return Some(PinMistake::Issuer);
        }
        let leaf = pem::encode("CERTIFICATE", self.leaf);
        let rest = self.intermediates.iter().map(|der| pem::encode("CERTIFICATE", der));
        let chain: String = std::iter::once(leaf.clone()).chain(rest).collect();
        let texts = [leaf, chain].into_iter().flat_map(|lf| {
            let crlf = lf.replace('\n', "\r\n");
            [lf.trim_end().to_owned(), crlf.trim_end().to_owned(), lf, crlf]
        });
        texts.into_iter().any(|text| expects(text.as_bytes())).then_some(PinMistake::PemText)
    }
}

fn validity(leaf: &Certificate, at: Time) -> Validity {
    if at < leaf.not_before() {
        Validity::Future
    } else if at > leaf.not_after() {
        Validity::Past
    } else {
        Validity::Current
    }
}

/// Truncates text of a server to fit on a line.
fn clipped(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Writes the same as `Display`, because rustls shows the errors that it carries by `Debug`.
impl fmt::Debug for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinMismatch({self})")
    }
}
