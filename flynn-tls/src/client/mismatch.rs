use std::fmt;

use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, KeyUsage};

use super::Roots;
use super::causes::{Cause, Evidence, PinMistake, Validity};
use crate::{Certificate, Pin, PinSet, Time, pem};

/// The server's leaf certificate has none of the expected pins; no byte of a request was sent.
///
/// Found in a request's error with [`pin_mismatch`](crate::pin_mismatch). Its `Display` is one
/// line: both pins, whose certificate it is, the likeliest cause and what to do.
///
/// ```
/// use flynn_tls::PinMismatch;
///
/// /// For a table with a column each. Never offer the presented pin as the one to store: it may be
/// /// an impostor's, and only a comparison with the installed file shows whose it is.
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

/// What a mismatch is judged by besides the pins.
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

    /// The pins that would have been accepted.
    pub fn expected(&self) -> &PinSet {
        &self.expected
    }

    /// The pin of what the server presented.
    pub fn presented(&self) -> Pin {
        self.presented
    }

    /// The leaf certificate presented, with its subject, issuer, names and dates; `None` when it
    /// is not readable as X.509.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }

    /// How many certificates the server presented.
    pub fn chain_length(&self) -> usize {
        self.chain_length
    }

    /// Whether the chain leads to a public root, whatever its dates say; `None` when that cannot
    /// be told (without the feature `webpki-roots`).
    pub fn publicly_trusted(&self) -> Option<bool> {
        self.evidence.publicly_trusted
    }

    /// The host name that was asked for.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// What the causes are concluded from.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Why the pin may not fit, the likeliest cause first; never empty.
    ///
    /// Every row whose evidence is there counts, from the top:
    ///
    /// | evidence | cause |
    /// |---|---|
    /// | an expected pin is the SHA-256 of the presented public key | [`PinOfKey`](Cause::PinOfKey) |
    /// | … of the presented PEM text | [`PinOfPemText`](Cause::PinOfPemText) |
    /// | … of a CA in the presented chain whose signatures lead to the presented certificate | [`PinOfIssuer`](Cause::PinOfIssuer) |
    /// | the name is not covered | [`OtherServer`](Cause::OtherServer) |
    /// | name covered, expired | [`StaleCertificate`](Cause::StaleCertificate) |
    /// | name covered, not yet valid | [`EarlyCertificate`](Cause::EarlyCertificate) |
    /// | name covered, in date, publicly trusted | [`Replaced`](Cause::Replaced) |
    /// | name covered, in date, not known to be publicly trusted, same issuer as known | [`Reissued`](Cause::Reissued) |
    /// | issuer `OU=Flynn Ephemeral CA`, not publicly trusted, not known to be the same CA | [`ClusterRemade`](Cause::ClusterRemade) |
    /// | name covered, in date, not publicly trusted, another issuer than known | [`Intercepted`](Cause::Intercepted) |
    /// | name covered, in date, neither publicly trusted nor of a known issuer nor of such a Flynn CA, as far as can be told | [`ReplacedUnvouched`](Cause::ReplacedUnvouched) |
    /// | the same, and no certificate known from before | [`Intercepted`](Cause::Intercepted), after it |
    /// | none of these | [`CannotTell`](Cause::CannotTell) |
    ///
    /// The causes are likely ones, no proof: whoever answers chose everything in the certificate
    /// but the signature of a public CA, which signs for whoever controls the DNS. So every
    /// remedy that ends in a new pin begins with a comparison. An expected pin of any other certificate
    /// that is sent along is no evidence: an impostor can send the right one behind his own.
    pub fn causes(&self) -> Vec<Cause> {
        self.evidence.causes()
    }

    /// What was presented instead of what, and the likeliest cause, in one line.
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

    /// What to do about the likeliest cause. It never says to store a pin before comparing it.
    pub fn remedy(&self) -> &'static str {
        self.likeliest().remedy()
    }

    /// The likeliest of the [`causes`](Self::causes).
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
        // What webpki cannot read, nobody's public CA issued.
        let Ok(parsed) = EndEntityCert::try_from(self.leaf) else { return Some(false) };
        let verdict = parsed.verify_for_usage(
            self.algorithms,
            &roots.roots,
            self.intermediates,
            // Dates are evidence of their own: judge for a moment at which the leaf was good.
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

    /// The CAs of the chain that did issue the leaf, one above the other. Whoever answers may send
    /// any certificate along, the right one too: only signatures show which belong to his.
    fn issuers(&self, leaf: &Certificate) -> Vec<Certificate> {
        let rest = self.intermediates.iter().filter_map(|der| Certificate::try_from(der).ok());
        let mut cas: Vec<_> = rest.filter(Certificate::is_ca).collect();
        let mut proved: Vec<Certificate> = Vec::new();
        loop {
            let below = proved.last().unwrap_or(leaf);
            // The first of that name alone, so that a long chain costs no more than its length.
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

/// As much of a stranger's text as fits on a line.
fn clipped(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The sentence of `Display`, because rustls shows an error that it carries in no other way.
impl fmt::Debug for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinMismatch({self})")
    }
}
