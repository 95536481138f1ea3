//! The certificates for both judges.

use flynn_tls::generate::{Ca, Issued, Leaf};
use flynn_tls::{KeyKind, Time};

/// The host that both check, unless the names are addresses.
pub(crate) const HOST: &str = "www.example.com";

/// A certificate and what it is, as far as a difference has to be explained.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) issued: Issued,
    pub(crate) kind: KeyKind,
    pub(crate) host: &'static str,
    pub(crate) at: Time,
    pub(crate) odd: Option<Odd>,
}

/// A property that makes the two judge a certificate differently, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    Version1,
    CommonNameOnly,
    Sha1,
    UnknownCritical,
    MarkedAsCa,
    ForClients,
    SelfSigned,
    Constrained,
    Stranger,
}

pub(crate) const KINDS: [KeyKind; 8] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::P521,
    KeyKind::Ed25519,
    KeyKind::Rsa(1024),
    KeyKind::Rsa(2048),
    KeyKind::Rsa(3072),
    KeyKind::Rsa(4096),
];

/// Names, and the host to ask for.
const NAMES: [(&[&str], &str); 12] = [
    (&["www.example.com"], HOST),
    (&["example.com", "*.example.com"], HOST),
    (&["*.example.com"], "example.com"),
    (&["*.com", "a.www.example.com"], HOST),
    (&["WWW.Example.COM"], HOST),
    (&["xn--bcher-kva.example", "www.xn--bcher-kva.example"], "www.xn--bcher-kva.example"),
    (&["*.xn--bcher-kva.example"], "a.b.xn--bcher-kva.example"),
    (&["10.0.0.1", "example.com"], "10.0.0.1"),
    (&["10.0.0.2"], "10.0.0.1"),
    (&["::1", "2001:db8::8a2e:370:7334"], "2001:db8::8a2e:370:7334"),
    (&["fe80::1"], "::1"),
    (
        &[
            "_underscore.example.com",
            "a-very-long-label-that-has-the-sixty-three-octets-it-may-have-at-most.example.com",
            HOST,
        ],
        HOST,
    ),
];

/// Returns the pool of keys. Certificates share them, because RSA keys are slow to generate.
pub(crate) fn keys(ca: &Ca) -> Vec<(KeyKind, Issued)> {
    KINDS
        .iter()
        .map(|kind| (kind.clone(), ca.leaf(&["x"]).key(kind.clone()).issue().unwrap()))
        .collect()
}

pub(crate) fn cases(root: &Ca, ca: &Ca, keys: &[(KeyKind, Issued)]) -> Vec<Case> {
    let now = Time::now();
    let at = |text: &str| text.parse::<Time>().unwrap();
    // Dates around every border of their encoding, and the moment to judge for.
    let dates = [
        (now.plus_days(-1), now.plus_days(90), now),
        (now.plus_days(-90), now.plus_days(-1), now),
        (now.plus_days(1), now.plus_days(90), now),
        (at("1950-01-01T00:00:00Z"), at("2049-12-31T23:59:59Z"), now),
        (now, at("2050-01-01T00:00:00Z"), now.plus_days(1)),
        (now, Time::from_unix(253_402_300_799), now),
    ];
    let mut cases = Vec::new();
    for (i, (kind, key)) in keys.iter().enumerate() {
        for (j, (names, host)) in NAMES.iter().enumerate() {
            // Half of all combinations: every pair of kind and names, and every pair of kind and dates.
            for (k, (from, to, at)) in
                dates.iter().enumerate().filter(|(k, _)| (i + j + k) % 2 == 0)
            {
                let leaf = ca.leaf(names).key_of(key).valid(*from, *to);
                cases.push(Case {
                    name: format!("{kind}, names {j}, dates {k}"),
                    issued: leaf.organization("Bücher & Söhne").issue().unwrap(),
                    kind: kind.clone(),
                    host,
                    at: *at,
                    odd: None,
                });
            }
        }
        let stranger = Ca::new("A stranger").unwrap();
        let constrained = root.constrained("Test intermediate", "elsewhere.test").unwrap();
        let good = || ca.leaf(&[HOST]).key_of(key);
        let odd = [
            (Odd::Version1, good().version_1()),
            (Odd::CommonNameOnly, ca.leaf(&[]).common_name(HOST).key_of(key)),
            (Odd::Sha1, good().sha1()),
            (Odd::UnknownCritical, good().critical_extension(&[1, 2, 3])),
            (Odd::MarkedAsCa, good().marked_as_ca()),
            (Odd::ForClients, good().for_clients()),
            (Odd::Constrained, constrained.leaf(&[HOST]).key_of(key)),
            (Odd::Stranger, stranger.leaf(&[HOST]).key_of(key)),
            (Odd::SelfSigned, Leaf::self_signed(&[HOST]).key_of(key)),
        ];
        for (odd, leaf) in odd {
            // ring cannot sign with its own oldest and newest.
            let unsignable = matches!(kind, KeyKind::Rsa(1024) | KeyKind::P521);
            if odd == Odd::SelfSigned && unsignable {
                continue;
            }
            cases.push(Case {
                name: format!("{kind}, {odd:?}"),
                issued: leaf.issue().unwrap(),
                kind: kind.clone(),
                host: HOST,
                at: now,
                odd: Some(odd),
            });
        }
    }
    cases
}
