use std::fmt;

/// What a [`Finding`](super::Finding) is about. [`as_str`](Self::as_str) is stable and meant for
/// programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The private key is not the certificate's.
    KeyMismatch,
    /// The private key's parts do not fit together.
    KeyDamaged,
    /// The private key is intact as far as is known, and the crypto provider cannot load it: RSA
    /// with an unusual exponent, or with more than two primes.
    KeyUnusable,
    /// A key that Flynn's router cannot load, or that no common client accepts: explicit curve
    /// parameters, curves other than P-256, P-384 and P-521, RSASSA-PSS, DSA, Ed448, and Ed25519
    /// where a [`ServerAge::V2016`](super::ServerAge::V2016) has to serve it.
    KeyRefused,
    /// Whether the private key fits cannot be told.
    KeyUnchecked,
    /// The certificate's file holds a private key.
    KeyInBundle,
    /// Flynn's CLI and router, which are written in Go, do not find the certificate or the key in
    /// the file as it stands. What [`Bundle::to_pem`](crate::Bundle::to_pem) and
    /// [`PrivateKey::secret_pem`](crate::PrivateKey::secret_pem) write is found.
    NotCanonicalPem,
    /// A required name is not in the certificate.
    NameNotCovered,
    /// A required wildcard is not in the certificate.
    WildcardNotCovered,
    /// A required apex is not in the certificate, although its wildcard is.
    ApexNotCovered,
    /// There are no subject alternative names, and clients look at nothing else. Of the names that
    /// are required nothing more is said then.
    NoNames,
    /// One of its DNS names is empty, which makes GnuTLS refuse the whole certificate.
    EmptyName,
    /// Its validity is over; a warning for one that clients need not look at, such as a root that
    /// another CA signed as well.
    Expired,
    /// Its validity has not begun.
    NotYetValid,
    /// Its validity ends within the days asked for.
    ExpiresSoon,
    /// A certificate between the leaf and a root is missing.
    ChainIncomplete,
    /// The leaf is not first, or an issuer does not follow what it signed.
    WrongOrder,
    /// The same certificate twice.
    Duplicate,
    /// A certificate that has nothing to do with the leaf.
    Unrelated,
    /// The root is part of the bundle.
    RootIncluded,
    /// The leaf is signed by its own key.
    SelfSigned,
    /// A certificate is not signed by the one that it names as its issuer.
    BadSignature,
    /// Clients refuse the chain for a reason without a code of its own: a rule that its certificates
    /// set is broken (path length, name constraints, a key usage without `keyCertSign` …), a
    /// signature is of a kind that they cannot verify, an extension is malformed. What is meant is
    /// in the explanation.
    ChainRejected,
    /// It leads to no public root.
    NotPubliclyTrusted,
    /// It does not lead to the CA asked for.
    NotFromCa,
    /// A key too short to be safe.
    WeakKey,
    /// A key that many clients cannot verify with, or older routers not load: P-521, Ed25519, and
    /// what is rarer.
    UnusualKey,
    /// A signature over a broken hash.
    WeakSignature,
    /// X.509 before version 3.
    OldVersion,
    /// A critical extension that rustls, at least, does not know and must refuse.
    UnknownCriticalExtension,
    /// The leaf is a CA certificate.
    LeafIsCa,
    /// Its extended key usage, or that of a CA above it, leaves out TLS servers.
    NotForServers,
    /// Its key usage leaves out `digitalSignature`, which every handshake of today needs.
    NoDigitalSignature,
    /// It demands stapled OCSP answers, which Flynn's router never sends.
    MustStaple,
    /// It breaks a rule of RFC 5280 that strict clients, such as Python 3.13, insist on.
    NotStrict,
    /// Signatures were not checked, for want of a crypto provider.
    Unchecked,
}

impl Code {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::KeyMismatch,
        Self::KeyDamaged,
        Self::KeyUnusable,
        Self::KeyRefused,
        Self::KeyUnchecked,
        Self::KeyInBundle,
        Self::NotCanonicalPem,
        Self::NameNotCovered,
        Self::WildcardNotCovered,
        Self::ApexNotCovered,
        Self::NoNames,
        Self::EmptyName,
        Self::Expired,
        Self::NotYetValid,
        Self::ExpiresSoon,
        Self::ChainIncomplete,
        Self::WrongOrder,
        Self::Duplicate,
        Self::Unrelated,
        Self::RootIncluded,
        Self::SelfSigned,
        Self::BadSignature,
        Self::ChainRejected,
        Self::NotPubliclyTrusted,
        Self::NotFromCa,
        Self::WeakKey,
        Self::UnusualKey,
        Self::WeakSignature,
        Self::OldVersion,
        Self::UnknownCriticalExtension,
        Self::LeafIsCa,
        Self::NotForServers,
        Self::NoDigitalSignature,
        Self::MustStaple,
        Self::NotStrict,
        Self::Unchecked,
    ];

    /// Its name for programs, such as `key-mismatch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyMismatch => "key-mismatch",
            Self::KeyDamaged => "key-damaged",
            Self::KeyUnusable => "key-unusable",
            Self::KeyRefused => "key-refused",
            Self::KeyUnchecked => "key-unchecked",
            Self::KeyInBundle => "key-in-bundle",
            Self::NotCanonicalPem => "not-canonical-pem",
            Self::NameNotCovered => "name-not-covered",
            Self::WildcardNotCovered => "wildcard-not-covered",
            Self::ApexNotCovered => "apex-not-covered",
            Self::NoNames => "no-names",
            Self::EmptyName => "empty-name",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::ExpiresSoon => "expires-soon",
            Self::ChainIncomplete => "chain-incomplete",
            Self::WrongOrder => "wrong-order",
            Self::Duplicate => "duplicate",
            Self::Unrelated => "unrelated",
            Self::RootIncluded => "root-included",
            Self::SelfSigned => "self-signed",
            Self::BadSignature => "bad-signature",
            Self::ChainRejected => "chain-rejected",
            Self::NotPubliclyTrusted => "not-publicly-trusted",
            Self::NotFromCa => "not-from-ca",
            Self::WeakKey => "weak-key",
            Self::UnusualKey => "unusual-key",
            Self::WeakSignature => "weak-signature",
            Self::OldVersion => "old-version",
            Self::UnknownCriticalExtension => "unknown-critical-extension",
            Self::LeafIsCa => "leaf-is-ca",
            Self::NotForServers => "not-for-servers",
            Self::NoDigitalSignature => "no-digital-signature",
            Self::MustStaple => "must-staple",
            Self::NotStrict => "not-strict",
            Self::Unchecked => "unchecked",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
