//! The certificates that the servers present, and the expected result in each mode.

use flynn_tls::generate::{Ca, Issued, Leaf, broken};
use flynn_tls::{Code, KeyKind, Pin, Time};

pub(crate) const HOST: &str = "www.example.com";
const DOMAIN: &str = "example.com";

/// A server's certificates and key, and the expected results of clients.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) issued: Issued,
    /// In the order they are sent.
    pub(crate) chain: Vec<Vec<u8>>,
    /// The only CA that the CA modes know.
    pub(crate) ca: Ca,
    pub(crate) signer: Signer,
    /// The expectation with the right pin.
    pub(crate) pinned: Expect,
    /// The expectation with the private CA, and with the CA and the right pin.
    pub(crate) chained: Expect,
    /// The CA mode that looks at no names, and the one that looks at no ends.
    pub(crate) any_name: Expect,
    pub(crate) any_age: Expect,
}

/// The TLS libraries that can play this server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Both.
    Any,
    /// rustls alone: openssl refuses to present a certificate with a key that is not its own.
    Rustls,
    /// openssl alone: ring cannot sign with such a key.
    Openssl,
}

/// The expected result of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Accept,
    /// Refused, with this in the error's text.
    Refuse(&'static str),
    /// Refused by an `Unverifiable` with this text.
    Unverifiable(&'static str),
    /// Refused by a `PinMismatch`.
    Mismatch,
}

pub(crate) use Expect::{Accept, Mismatch, Refuse, Unverifiable};

impl Scenario {
    pub(crate) fn pin(&self) -> Pin {
        self.issued.pin()
    }

    pub(super) fn sending(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.chain = chain;
        self
    }

    pub(super) fn by(mut self, signer: Signer) -> Self {
        self.signer = signer;
        self
    }

    pub(super) fn forgiven_by_name(mut self) -> Self {
        self.any_name = Accept;
        self
    }

    pub(super) fn forgiven_by_age(mut self) -> Self {
        self.any_age = Accept;
        self
    }
}

pub(super) fn scenario(
    name: &'static str,
    ca: &Ca,
    issued: Issued,
    pinned: Expect,
    chained: Expect,
) -> Scenario {
    let mut chain: Vec<_> = issued.chain().iter().map(|c| c.to_vec()).collect();
    // Without the root, if there is one.
    if chain.len() > 1 {
        chain.pop();
    }
    Scenario {
        name,
        chain,
        ca: ca.clone(),
        issued,
        signer: Signer::Any,
        pinned,
        chained,
        any_name: chained,
        any_age: chained,
    }
}

/// A scenario with one of the faults that `check` knows.
fn faulty(name: &'static str, code: Code, pinned: Expect, chained: Expect) -> Scenario {
    let made = broken(code, DOMAIN).unwrap();
    scenario(name, &made.ca, made.key, pinned, chained)
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let root = Ca::new("Test root").unwrap();
    let ca = root.intermediate("Test intermediate").unwrap();
    let leaf = || ca.leaf(&["example.com", "*.example.com"]);
    let good =
        |name, kind| scenario(name, &root, leaf().key(kind).issue().unwrap(), Accept, Accept);
    let now = Time::now();
    let mut all = vec![
        good("good, P-256", KeyKind::P256),
        good("good, P-384", KeyKind::P384),
        good("good, Ed25519", KeyKind::Ed25519),
        good("good, RSA 2048", KeyKind::Rsa(2048)),
        good("good, RSA 3072", KeyKind::Rsa(3072)),
        good("good, RSA 4096", KeyKind::Rsa(4096)),
        faulty("expired", Code::Expired, Accept, Refuse("expired")).forgiven_by_age(),
        faulty("not yet valid", Code::NotYetValid, Accept, Refuse("not valid yet")),
        faulty("another host", Code::NameNotCovered, Accept, Refuse("not valid for name"))
            .forgiven_by_name(),
        faulty("apex only", Code::WildcardNotCovered, Accept, Refuse("not valid for name"))
            .forgiven_by_name(),
        faulty("common name only", Code::NoNames, Accept, Refuse("not valid for name"))
            .forgiven_by_name(),
        faulty("self-signed", Code::SelfSigned, Accept, Refuse("UnknownIssuer")),
        faulty("marked as a CA", Code::LeafIsCa, Accept, Refuse("CaUsedAsEndEntity")),
        faulty("for clients only", Code::NotForServers, Accept, Refuse("extended key usage")),
        faulty("a bad signature of the CA", Code::BadSignature, Accept, Refuse("BadSignature")),
        faulty("signed with SHA-1", Code::WeakSignature, Accept, Refuse("nsupported")),
        faulty("a CA that must not", Code::ChainRejected, Accept, Refuse("NameConstraint")),
        faulty("another CA", Code::NotFromCa, Accept, Refuse("UnknownIssuer")),
        faulty(
            "a critical extension that nobody knows",
            Code::UnknownCriticalExtension,
            Unverifiable("cannot be read"),
            Refuse("CriticalExtension"),
        ),
        faulty(
            "X.509 v1",
            Code::OldVersion,
            Unverifiable("X.509 v1"),
            Refuse("UnsupportedCertVersion"),
        ),
        faulty("RSA 1024", Code::WeakKey, Unverifiable("RSA 1024"), Refuse("")).by(Signer::Openssl),
        faulty("P-521", Code::UnusualKey, Unverifiable("P-521"), Refuse("")).by(Signer::Openssl),
    ];
    let issued = || leaf().issue().unwrap();

    let missing = issued();
    let alone = vec![missing.certificate_der().to_vec()];
    let missing = scenario("no intermediate", &root, missing, Accept, Refuse("UnknownIssuer"));
    all.push(missing.sending(alone));

    let twice = scenario("the leaf twice", &root, issued(), Accept, Accept);
    let chain = [&twice.chain[..1], &twice.chain].concat();
    all.push(twice.sending(chain));

    let rooted = scenario("the root as well", &root, issued(), Accept, Accept);
    let chain = rooted.issued.chain().iter().map(|c| c.to_vec()).collect();
    all.push(rooted.sending(chain));

    let expired = leaf().valid(now.plus_days(-9), now.plus_days(-2)).common_name("x");
    let expired = expired.issue().unwrap();
    let expired = scenario("expired for long", &root, expired, Accept, Refuse("expired"));
    all.push(expired.forgiven_by_age());

    let address = ca.issue(&["10.0.0.1"]).unwrap();
    let address = scenario("an address only", &root, address, Accept, Refuse("not valid for name"));
    all.push(address.forgiven_by_name());

    let both = leaf_of_yesterday(&ca).common_name("y").issue().unwrap();
    let mut both = scenario("another host, expired", &root, both, Accept, Refuse("expired"));
    both.any_age = Refuse("not valid for name");
    all.push(both);

    let lone = Leaf::self_signed(&[HOST]).marked_as_ca().issue().unwrap();
    all.push(scenario("self-signed CA", &root, lone, Accept, Refuse("CaUsedAsEndEntity")));

    // The right certificate, and a signature of the handshake with another key.
    let (mut forged, other) = (issued(), issued());
    let chain = forged.chain().iter().take(2).map(|c| c.to_vec()).collect();
    forged = forged.with_key_of(&other);
    let forged = scenario(
        "a forged handshake",
        &root,
        forged,
        Refuse("BadSignature"),
        Refuse("BadSignature"),
    );
    all.push(forged.sending(chain).by(Signer::Rustls));
    all.extend(super::odd_names::scenarios(&root, &ca));
    all.extend(super::odd_chains::scenarios(&root, &ca));
    all
}

fn leaf_of_yesterday(ca: &Ca) -> Leaf {
    let now = Time::now();
    ca.leaf(&["elsewhere.test"]).valid(now.plus_days(-9), now.plus_days(-1))
}
