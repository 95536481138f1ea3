use std::fmt;

/// The kind of a public key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, with the number of bits of the modulus.
    Rsa(u32),
    /// ECDSA on P-256.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Another kind, by the object identifier of the curve or the algorithm.
    Other(String),
}

impl KeyKind {
    /// Returns which programs cannot use a key of this kind; `None` for kinds that Go's servers load and some
    /// common clients accept.
    pub(crate) fn refused_by(&self) -> Option<&'static str> {
        let Self::Other(oid) = self else { return None };
        Some(match oid.as_str() {
            // Go loads it, but has no signature scheme for it.
            "1.3.132.0.33" => {
                "no handshake succeeds: Flynn's router has no signature scheme for it, and \
                 browsers, OpenSSL, GnuTLS and Go clients do not offer the curve"
            }
            "1.2.840.10045.2.1" => {
                "Flynn's controller and router (Go) cannot load such a key, and Go, OpenSSL and \
                 GnuTLS refuse such a certificate"
            }
            "1.3.101.113" | "1.2.840.113549.1.1.10" => {
                "Flynn's controller and router (Go) cannot load it, and browsers refuse it"
            }
            _ => {
                "Flynn's controller and router (Go) cannot load it, and neither browsers nor git \
                 accept it"
            }
        })
    }

    /// Returns whether it is too short to be safe: RSA below 2048 bits.
    pub fn is_weak(&self) -> bool {
        matches!(self, Self::Rsa(bits) if *bits < 2048)
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(oid) => f.write_str(match oid.as_str() {
                "1.2.840.10040.4.1" => "DSA",
                "1.2.840.10045.2.1" => "an elliptic curve by explicit parameters",
                "1.2.840.10045.3.1.1" => "P-192",
                "1.2.840.113549.1.1.10" => "RSASSA-PSS",
                "1.2.156.10197.1.301" => "SM2",
                "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
                "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
                "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
                "1.3.101.110" => "X25519",
                "1.3.101.111" => "X448",
                "1.3.101.113" => "Ed448",
                "1.3.132.0.10" => "secp256k1",
                "1.3.132.0.33" => "P-224",
                other => return write!(f, "key of kind {other}"),
            }),
        }
    }
}

/// A signature algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    oid: String,
}

impl Signature {
    pub(crate) fn new(oid: String) -> Self {
        Self { oid }
    }

    /// Returns the object identifier in dotted form.
    pub fn oid(&self) -> &str {
        &self.oid
    }

    /// Returns OpenSSL's name for it, or the object identifier.
    pub fn name(&self) -> &str {
        match self.oid.as_str() {
            "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
            "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
            "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
            "1.2.840.113549.1.1.10" => "rsassaPss",
            "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
            "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
            "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
            "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
            "1.2.840.10040.4.3" => "dsaWithSHA1",
            "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
            "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
            "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
            "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
            "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
            "1.3.101.112" => "ED25519",
            "1.3.101.113" => "ED448",
            other => other,
        }
    }

    /// Returns whether it uses a broken hash (MD2, MD5, SHA-1), which every client refuses.
    pub fn is_weak(&self) -> bool {
        let name = self.name();
        name.starts_with("md") || name.starts_with("sha1") || name.ends_with("SHA1")
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
