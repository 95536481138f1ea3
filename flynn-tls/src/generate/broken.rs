use std::fmt;

use super::key::{Key, SECP256K1};
use super::{Ca, Issued, Leaf};
use crate::error::{Error, ErrorKind};
use crate::{Code, KeyKind, Time, pem};

/// Files with one fault, created by [`broken`].
#[derive(Clone)]
pub struct Broken {
    /// The fault.
    pub code: Code,
    /// The certificate file.
    pub chain_pem: String,
    /// The certificate and the key to check it with.
    pub key: Issued,
    /// The CA that issued it, or should have.
    pub ca: Ca,
}

impl Broken {
    /// Returns the private key in PEM.
    pub fn key_pem(&self) -> String {
        self.key.key_pem()
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file may contain a key.
        f.debug_struct("Broken").field("code", &self.code).finish_non_exhaustive()
    }
}

/// Creates files for `domain` and its wildcard with the fault that [`check`](crate::check()) reports
/// under `code`, and as few others as possible. Check them with
/// [`Requirements::domain`](crate::Requirements::domain) and
/// [`from_ca`](crate::Requirements::from_ca).
///
/// # Errors
/// Fails with [`ErrorKind::Generate`] for [`Code::Unchecked`], which is not a fault of a file, and if the domain is not
/// ASCII.
pub fn broken(code: Code, domain: &str) -> Result<Broken, Error> {
    let root = Ca::new("Test root")?;
    let ca = root.intermediate("Test intermediate")?;
    let wildcard = format!("*.{domain}");
    let names = [domain, wildcard.as_str()];
    let good = || ca.leaf(&names);
    let now = Time::now();
    // As a public CA delivers it: leaf and intermediate.
    let file = |issued: &Issued| -> String { issued.chain_pem_without_root() };
    let with = |chain_pem: String, key: Issued| Broken { code, chain_pem, key, ca: root.clone() };
    let leaf = |leaf: Leaf| {
        let issued = leaf.issue()?;
        Ok::<_, Error>(with(file(&issued), issued))
    };
    // The files of a good leaf, changed.
    let changed = |change: &dyn Fn(&Issued, &str) -> String| {
        let issued = good().issue()?;
        Ok::<_, Error>(with(change(&issued, &file(&issued)), issued))
    };
    let other_key = |key: Key| {
        let mut issued = good().issue()?;
        issued.key = key.der;
        Ok::<_, Error>(with(file(&issued), issued))
    };
    match code {
        Code::KeyMismatch => other_key(Key::make(&KeyKind::P256)?),
        Code::KeyDamaged | Code::KeyUnchecked => {
            let key = Key::make(&KeyKind::P256)?;
            let issued = good().issue_for(&key)?;
            let key = if code == Code::KeyDamaged {
                let other = Key::make(&KeyKind::P256)?;
                let public_of_leaf = Key { der: Vec::new(), public: key.public.clone() };
                other.with_public_part_of(&public_of_leaf)
            } else {
                key.without_public_part()
            };
            Ok(with(file(&issued), Issued { key: key.der, ..issued }))
        }
        Code::KeyUnusable => {
            let issued = good().issue_for(&Key::with_exponent_3()?)?;
            Ok(with(file(&issued), issued))
        }
        Code::KeyRefused => leaf(good().key(KeyKind::Other(SECP256K1.to_owned()))),
        Code::KeyInBundle => changed(&|issued, file| format!("{file}{}", issued.key_pem())),
        Code::NotCanonicalPem => changed(&|_, file| format!("\u{feff}{file}")),
        Code::NameNotCovered => leaf(ca.leaf(&["elsewhere.test"])),
        Code::WildcardNotCovered => leaf(ca.leaf(&[domain])),
        Code::ApexNotCovered => leaf(ca.leaf(&[&wildcard])),
        Code::NoNames => leaf(ca.leaf(&[]).common_name(domain)),
        Code::EmptyName => leaf(ca.leaf(&[domain, &wildcard, ""])),
        Code::Expired => leaf(good().valid(now.plus_days(-90), now.plus_days(-1))),
        Code::NotYetValid => leaf(good().valid(now.plus_days(1), now.plus_days(90))),
        Code::ExpiresSoon => leaf(good().valid(now.plus_days(-80), now.plus_days(10))),
        Code::ChainIncomplete => changed(&|issued, _| issued.certificate_pem()),
        Code::WrongOrder => changed(&|issued, _| {
            let chain = issued.chain();
            chain.iter().rev().skip(1).map(|der| pem::encode("CERTIFICATE", der)).collect()
        }),
        Code::Duplicate => changed(&|issued, file| format!("{}{file}", issued.certificate_pem())),
        Code::Unrelated => {
            let stranger = Ca::new("Somebody else")?;
            changed(&|_, file| format!("{file}{}", stranger.certificate_pem()))
        }
        Code::RootIncluded => changed(&|issued, _| issued.chain_pem()),
        Code::SelfSigned => leaf(Leaf::self_signed(&names)),
        Code::BadSignature => {
            let mut issued = good().issue()?;
            let mut der = issued.certificate.to_vec();
            // The last byte belongs to the signature.
            if let Some(last) = der.last_mut() {
                *last ^= 1;
            }
            issued.certificate = der.into();
            Ok(with(file(&issued), issued))
        }
        Code::ChainRejected => {
            leaf(root.constrained("Test intermediate", "elsewhere.test")?.leaf(&names))
        }
        // With the root, or the chain would be reported as incomplete instead.
        Code::NotPubliclyTrusted => changed(&|issued, _| issued.chain_pem()),
        Code::NotFromCa => {
            let made = changed(&|issued, _| issued.chain_pem())?;
            Ok(Broken { ca: Ca::new("Another root")?, ..made })
        }
        Code::WeakKey => leaf(good().key(KeyKind::Rsa(1024))),
        Code::UnusualKey => leaf(good().key(KeyKind::P521)),
        Code::WeakSignature => leaf(good().sha1()),
        Code::OldVersion => leaf(good().version_1()),
        Code::UnknownCriticalExtension => leaf(good().critical_extension(&[1, 2, 3, 4])),
        Code::LeafIsCa => leaf(good().marked_as_ca()),
        Code::NotForServers => leaf(good().for_clients()),
        Code::NoDigitalSignature => leaf(good().only_encrypting()),
        Code::MustStaple => leaf(good().must_staple()),
        Code::NotStrict => leaf(good().without_authority_key_id()),
        Code::Unchecked => {
            Err(Error::new(ErrorKind::Generate, "`unchecked` is not a fault of a file"))
        }
    }
}
