//! Compares this crate with openssl on generated certificates: pin, names, dates and all other facts, the matching key,
//! and the verdict on the chain. Every difference is listed here with its reason.

mod cases;
mod files;
mod made_by_openssl;
mod openssl;
mod refused;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use flynn_tls::generate::{Ca, Issued};
use flynn_tls::rustls::crypto::ring;
use flynn_tls::{
    Bundle, Certificate, KeyKind, KeyMatch, Pin, PrivateKey, Requirements, Roots, Time, check,
};

use cases::{Case, HOST, Odd};

/// A certificate in files, under the name of its number.
fn write(folder: &Path, i: usize, issued: &Issued) -> String {
    let file = format!("{i}.pem");
    fs::write(folder.join(&file), issued.certificate_pem()).unwrap();
    file
}

/// Compares all facts of a certificate with the output of openssl.
fn compare_facts(certificate: &Certificate, theirs: &openssl::Facts, name: &str) {
    assert_eq!(certificate.fingerprint(), theirs.fingerprint, "{name}");
    let pin = Pin::from_hex(&theirs.fingerprint).unwrap();
    assert_eq!(certificate.pin(), pin, "{name}");
    assert_eq!(certificate.not_before().to_string(), theirs.not_before, "{name}");
    assert_eq!(certificate.not_after().to_string(), theirs.not_after, "{name}");
    assert_eq!(certificate.serial(), theirs.serial, "{name}");
    assert_eq!(certificate.version(), theirs.version, "{name}");
    assert_eq!(certificate.signature().name(), theirs.signature, "{name}");
    assert_eq!(certificate.is_ca(), theirs.is_ca, "{name}");
    let bits = match certificate.key() {
        KeyKind::Rsa(bits) => *bits,
        KeyKind::P256 => 256,
        KeyKind::P384 => 384,
        KeyKind::P521 => 521,
        // openssl prints none for Ed25519.
        _ => 0,
    };
    assert_eq!(bits, theirs.bits, "{name}");
    let dns: BTreeSet<_> = certificate.names().dns().iter().cloned().collect();
    assert_eq!(dns, theirs.dns, "{name}");
    let addresses: BTreeSet<_> = certificate.names().addresses().iter().copied().collect();
    assert_eq!(addresses, theirs.addresses, "{name}");
}

/// Returns whether openssl accepts a certificate that has an error here, or the reverse, with the reason.
fn explained(case: &Case) -> Option<(bool, bool)> {
    let good_date = case.issued_is_current();
    // (ours, openssl's)
    match case.odd {
        // webpki and every browser refuse X.509 v1; openssl uses the common name.
        // RFC 9525 forbids using the common name; openssl still does so if there is no DNS name.
        Some(Odd::Version1 | Odd::CommonNameOnly) => Some((false, true)),
        // rustls-webpki counts time from 1970 on, and refuses dates before.
        None if case.is_from_before_1970() => Some((false, good_date && case.name_is_covered())),
        // RSA 1024 is 80 bits of security: enough for openssl's level 1, for no browser.
        None if case.kind == KeyKind::Rsa(1024) => {
            Some((false, good_date && case.name_is_covered()))
        }
        Some(Odd::MarkedAsCa) if case.kind == KeyKind::Rsa(1024) => Some((false, true)),
        _ => None,
    }
}

impl Case {
    fn issued_is_current(&self) -> bool {
        let leaf = Certificate::from_der(self.issued.certificate_der().clone()).unwrap();
        leaf.is_valid_at(self.at)
    }

    fn is_from_before_1970(&self) -> bool {
        let leaf = Certificate::from_der(self.issued.certificate_der().clone()).unwrap();
        leaf.not_before() < Time::from_unix(0)
    }

    fn name_is_covered(&self) -> bool {
        let leaf = Certificate::from_der(self.issued.certificate_der().clone()).unwrap();
        leaf.names().covers(self.host)
    }
}

/// A private key with its public part as openssl tells it.
struct Pair {
    key: PrivateKey,
    public: String,
}

impl Pair {
    fn new(folder: &Path, issued: &Issued) -> Self {
        fs::write(folder.join("key.pem"), issued.key_pem()).unwrap();
        let public = openssl::run(folder, &["pkey", "-in", "key.pem", "-pubout"]).1;
        Self { key: PrivateKey::from_pem(issued.key_pem()).unwrap(), public }
    }

    /// Returns whether both agree that it is, or is not, the key of this certificate.
    fn agree(&self, certificate: &Certificate, theirs: &openssl::Facts, name: &str) {
        let belongs = match self.key.matches(certificate, &ring::default_provider()) {
            KeyMatch::Yes => true,
            KeyMatch::No => false,
            other => panic!("{name}, {}: {other:?}", self.key.kind()),
        };
        assert_eq!(belongs, self.public.starts_with(&theirs.public_key), "{name}");
    }
}

fn judge(folder: &Path, i: usize, case: &Case, roots: &Roots, keys: &[Pair]) {
    let name = &case.name;
    let file = write(folder, i, &case.issued);
    let theirs = openssl::facts(folder, &file);
    let certificate = Certificate::from_pem(case.issued.certificate_pem()).unwrap();
    compare_facts(&certificate, &theirs, name);
    assert_eq!(certificate.key(), &case.kind, "{name}");
    assert_eq!(certificate.subject(), theirs.subject, "{name}");
    assert_eq!(certificate.issuer(), theirs.issuer, "{name}");
    for pair in keys {
        pair.agree(&certificate, &theirs, name);
    }

    let chain = Bundle::from_pem(case.issued.chain_pem().as_bytes()).unwrap();
    let wanted = Requirements::new().at(case.at).name(case.host).from_ca(roots.clone());
    let report = check(&chain, None, &wanted);
    let (accepted, why) = openssl::verify(folder, &file, case.host, case.at.unix());
    let ours = !report.has_errors();
    if let Some(differing) = explained(case) {
        assert_eq!((ours, accepted), differing, "{name}: {why}{report}");
    } else {
        assert_eq!(ours, accepted, "{name}: {why}{report}");
    }
}

#[test]
fn the_fingerprint_of_a_key_is_openssls_and_stays_in_a_renewal() {
    let ca = Ca::new("Test root").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (kind, issued) in cases::keys(&ca) {
        fs::write(folder.join("key.pem"), issued.key_pem()).unwrap();
        openssl::run(
            folder,
            &["pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "key.der"],
        );
        let (good, digest) = openssl::run(folder, &["dgst", "-sha256", "-c", "key.der"]);
        assert!(good, "{kind}: {digest}");
        let theirs = digest.trim().rsplit("= ").next().unwrap().to_uppercase();
        let certificate = Certificate::from_pem(issued.certificate_pem()).unwrap();
        assert_eq!(certificate.key_fingerprint(), theirs, "{kind}");

        let renew =
            ["req", "-x509", "-new", "-key", "key.pem", "-subj", "/CN=renewed", "-out", "new.pem"];
        let (good, why) = openssl::run(folder, &renew);
        assert!(good, "{kind}: {why}");
        let renewed = Certificate::from_pem(fs::read(folder.join("new.pem")).unwrap()).unwrap();
        assert_eq!(renewed.key_fingerprint(), theirs, "{kind}");
        assert_ne!(renewed.fingerprint(), certificate.fingerprint(), "{kind}");
    }
}

#[test]
fn openssl_agrees_on_three_hundred_certificates() {
    let root = Ca::new("Test root").unwrap();
    let ca = root.intermediate("Test intermediate").unwrap();
    let keys = cases::keys(&ca);
    let cases = cases::cases(&root, &ca, &keys);
    eprintln!("{} certificates", cases.len());
    assert!(cases.len() >= 300);

    let folder = tempfile::tempdir().unwrap();
    let roots = Roots::from_pem(root.certificate_pem()).unwrap();
    fs::write(folder.path().join("root.pem"), root.certificate_pem()).unwrap();
    // Both intermediates of that name: openssl picks by key identifier.
    let between: String = cases
        .iter()
        .filter(|c| matches!(c.odd, None | Some(Odd::Constrained)))
        .filter_map(|c| Some(Bundle::from_der(c.issued.chain()).ok()?.certificates()[1].to_pem()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    fs::write(folder.path().join("between.pem"), between).unwrap();

    let pairs: Vec<_> = keys.iter().map(|(_, issued)| Pair::new(folder.path(), issued)).collect();

    let numbered: Vec<_> = cases.iter().enumerate().collect();
    thread::scope(|scope| {
        for part in numbered.chunks(numbered.len().div_ceil(2)) {
            let (folder, roots, pairs) = (folder.path(), &roots, &pairs);
            scope.spawn(move || {
                for (i, case) in part {
                    judge(folder, *i, case, roots, pairs);
                }
            });
        }
    });
}

#[test]
fn openssl_agrees_on_whose_key_it_is() {
    let ca = Ca::new("Test root").unwrap();
    let mut keys = cases::keys(&ca);
    // A second key of the kinds that are generated each time.
    keys.extend(
        cases::keys(&ca)
            .into_iter()
            .filter(|(kind, _)| matches!(kind, KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519)),
    );
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<_> = keys.iter().map(|(_, issued)| Pair::new(folder.path(), issued)).collect();
    for (i, (kind, issued)) in keys.iter().enumerate() {
        let file = write(folder.path(), i, issued);
        let theirs = openssl::facts(folder.path(), &file);
        let certificate = Certificate::from_pem(issued.certificate_pem()).unwrap();
        assert_eq!(pairs[i].key.kind(), kind);
        for pair in &pairs {
            pair.agree(&certificate, &theirs, &format!("{i} {kind}"));
        }
    }
}

#[test]
fn the_pipe_of_the_guide_gives_the_same_pin() {
    let issued = Ca::new("Test root").unwrap().issue(&[HOST]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), 0, &issued);
    let pipe = format!(
        "openssl x509 -in {file} -outform DER | openssl dgst -binary -sha256 | openssl base64"
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &pipe]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), issued.pin().to_string());
}
