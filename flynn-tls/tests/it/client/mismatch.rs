use std::sync::Arc;
use std::time::Duration;

use flynn_tls::generate::{Ca, Issued, Leaf, bootstrap};
use flynn_tls::rustls::ALL_VERSIONS;
use flynn_tls::rustls::pki_types::{CertificateDer, UnixTime};
use flynn_tls::rustls::time_provider::TimeProvider;
use flynn_tls::{
    Bundle, Cause, Certificate, ClientTls, Pin, PinMismatch, PinSet, Reason, Time, Validity,
    pin_mismatch, unverifiable,
};

use crate::support::{say_hello, serve, server_config, unchecked_config};

const HOST: &str = "controller.example.com";

async fn mismatch(issued: &Issued, tls: ClientTls, host: &str) -> PinMismatch {
    let server = serve(server_config(issued)).await;
    let config = Arc::new(tls.config().unwrap());
    let e = say_hello(config, server.address, host).await.unwrap_err();
    pin_mismatch(&e).unwrap().clone()
}

fn names() -> [&'static str; 2] {
    ["example.com", "*.example.com"]
}

#[tokio::test]
async fn it_tells_all_about_both_sides() {
    let ca = Ca::new("Some CA").unwrap();
    let issued = ca.leaf(&names()).organization("Flynn").issue().unwrap();
    let pins: PinSet = [Pin::from_der(b"old"), Pin::from_der(b"new")].into();
    let m = mismatch(&issued, ClientTls::pinned(&pins), HOST).await;
    assert_eq!((m.expected(), m.presented()), (&pins, issued.pin()));
    assert_eq!((m.chain_length(), m.server_name()), (2, HOST));
    assert_eq!(m.publicly_trusted(), Some(false));
    let leaf = m.certificate().unwrap();
    assert_eq!(leaf, &Certificate::from_der(issued.certificate_der().clone()).unwrap());
    assert_eq!(leaf.issuer(), "CN=Some CA");
    assert_eq!(leaf.names().dns(), names());
    assert_eq!(m.evidence().name_covered, Some(true));
    assert_eq!(m.evidence().validity, Some(Validity::Current));
    assert_eq!(m.evidence().same_issuer, None);

    let line = m.to_string();
    assert_eq!(line.lines().count(), 1);
    // rustls prints a wrapped error by its Debug.
    assert_eq!(format!("{m:?}"), format!("PinMismatch({line})"));
    for part in [
        &issued.pin().to_string(),
        &pins.to_string(),
        "CN=example.com, O=Flynn",
        "CN=Some CA",
        &leaf.not_after().to_string(),
        "probably the certificate was replaced (renewed or migrated)",
        Cause::ReplacedUnvouched.remedy(),
    ] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn pins_made_of_the_wrong_thing_are_recognised() {
    let ca = Ca::new("Some CA").unwrap();
    let issued = ca.issue(&names()).unwrap();
    let leaf = Certificate::from_der(issued.certificate_der().clone()).unwrap();
    let pem = issued.certificate_pem();
    for (bytes, cause) in [
        (leaf.public_key(), Cause::PinOfKey),
        (pem.as_bytes(), Cause::PinOfPemText),
        (pem.trim_end().as_bytes(), Cause::PinOfPemText),
        (pem.replace('\n', "\r\n").as_bytes(), Cause::PinOfPemText),
        (issued.chain_pem().as_bytes(), Cause::PinOfPemText),
        (ca.certificate_der(), Cause::PinOfIssuer),
    ] {
        let pins = [Pin::from_der(b"x"), Pin::from_der(bytes)];
        let m = mismatch(&issued, ClientTls::pinned(pins), HOST).await;
        assert_eq!(m.likeliest(), cause);
        assert!(m.to_string().contains("probably"), "{m}");
    }
}

/// An impostor may send the right certificate, or its CA, after its own leaf.
#[tokio::test]
async fn the_pin_of_what_did_not_issue_the_leaf_is_no_mistake() {
    let ca = Ca::new("Some CA").unwrap();
    let between = ca.intermediate("Between").unwrap();
    let right = between.issue(&names()).unwrap();
    let impostor = Ca::new("Some CA").unwrap().intermediate("Between").unwrap();
    let forged = impostor.leaf(&names()).version_1().issue().unwrap();
    let own = Leaf::self_signed(&names()).issue().unwrap();
    let behind = |first: &Issued, rest: &[&CertificateDer<'static>]| {
        let rest = rest.iter().map(|der| (*der).clone());
        std::iter::once(first.certificate_der().clone()).chain(rest).collect::<Vec<_>>()
    };
    let [leaf_der, between_der, ca_der] =
        [right.certificate_der(), between.certificate_der(), ca.certificate_der()];
    let unvouched = &[Cause::ReplacedUnvouched, Cause::Intercepted][..];
    for (first, rest, pinned, causes) in [
        // The right leaf, its issuer, and all of it behind a stranger's.
        (&own, &[leaf_der][..], leaf_der, unvouched),
        (&own, &[between_der, ca_der], between_der, unvouched),
        (&own, &[leaf_der, between_der, ca_der], ca_der, unvouched),
        // It matches the names of the CAs, but not their keys.
        (&forged, &[between_der, ca_der], between_der, &[Cause::OtherServer]),
        (&forged, &[between_der, ca_der], ca_der, &[Cause::OtherServer]),
        // The chain ends below the pinned certificate.
        (&right, &[ca_der], ca_der, unvouched),
        // The real issuers, in any order.
        (&right, &[between_der, ca_der], between_der, &[Cause::PinOfIssuer]),
        (&right, &[ca_der, own.certificate_der(), between_der], ca_der, &[Cause::PinOfIssuer]),
    ] {
        let config = unchecked_config(behind(first, rest), first.key_der(), ALL_VERSIONS);
        let server = serve(config).await;
        let config = Arc::new(ClientTls::pinned(Pin::of(pinned)).config().unwrap());
        let e = say_hello(config, server.address, HOST).await.unwrap_err();
        let m = pin_mismatch(&e).unwrap();
        assert_eq!(m.causes()[..causes.len()], *causes, "{m}");
        assert_eq!(m.likeliest() == Cause::PinOfIssuer, m.evidence().pin_mistake.is_some());
    }
}

#[tokio::test]
async fn the_certificate_itself_tells_the_cause() {
    let ca = Ca::new("Some CA").unwrap();
    let now = Time::now();
    let leaf = || ca.leaf(&names());
    let pinned = || ClientTls::pinned(Pin::from_der(b"x"));
    let old = leaf().valid(now.plus_days(-9), now.plus_days(-1)).issue().unwrap();
    let early = leaf().valid(now.plus_days(1), now.plus_days(9)).issue().unwrap();
    let flynn = bootstrap("example.com").unwrap().leaf;
    let elsewhere = bootstrap("elsewhere.test").unwrap().leaf;
    for (issued, causes) in [
        (&old, &[Cause::StaleCertificate][..]),
        (&early, &[Cause::EarlyCertificate]),
        (&flynn, &[Cause::ClusterRemade]),
        (&elsewhere, &[Cause::OtherServer, Cause::ClusterRemade]),
        (&leaf().issue().unwrap(), &[Cause::ReplacedUnvouched, Cause::Intercepted]),
        (
            &Leaf::self_signed(&names()).issue().unwrap(),
            &[Cause::ReplacedUnvouched, Cause::Intercepted],
        ),
    ] {
        assert_eq!(mismatch(issued, pinned(), HOST).await.causes(), causes);
    }
    // A cluster's certificates do not name addresses: no evidence for another server.
    let by_address = mismatch(&leaf().issue().unwrap(), pinned(), "127.0.0.1").await;
    assert_eq!(by_address.evidence().name_covered, None);
    assert_eq!(by_address.causes(), [Cause::CannotTell]);
    let line = by_address.to_string();
    assert!(line.contains(": the cause is unknown; compare"), "{line}");
}

#[tokio::test]
async fn what_was_known_before_tells_more() {
    let (ca, other) = (Ca::new("Some CA").unwrap(), Ca::new("Some CA").unwrap());
    let known = |pem: &str| Bundle::from_pem(pem.as_bytes()).unwrap();
    let before = ca.issue(&names()).unwrap();
    let pinned = |known: &Bundle| ClientTls::pinned(before.pin()).known(known);
    let (renewed, strange) = (ca.issue(&names()).unwrap(), other.issue(&names()).unwrap());
    for before in [before.certificate_pem(), ca.certificate_pem(), before.chain_pem()] {
        let known = known(&before);
        let m = mismatch(&renewed, pinned(&known), HOST).await;
        assert_eq!(m.causes(), [Cause::Reissued]);
        let m = mismatch(&strange, pinned(&known), HOST).await;
        assert_eq!(m.causes(), [Cause::Intercepted, Cause::ReplacedUnvouched]);
        assert!(m.remedy().starts_with("keep the pin"), "{m}");
    }
}

/// An impostor chooses everything except the signature of a public CA, and can get that too if it controls the DNS. No
/// remedy leads to the impostor's pin.
#[tokio::test]
async fn an_impostors_pin_is_never_the_one_to_store() {
    let ca = Ca::new("Some CA").unwrap();
    let before = ca.issue(&names()).unwrap();
    let public = Bundle::from_pem(include_bytes!("../../data/letsencrypt.org.pem")).unwrap();
    let public: Vec<_> = public.certificates().iter().map(|c| c.der().clone()).collect();
    let key = Leaf::self_signed(&names()).issue().unwrap().key_der();
    let now = Time::now();
    let expired = || Leaf::self_signed(&names()).valid(now.plus_days(-9), now.plus_days(-1));
    let flynn = bootstrap("example.com").unwrap().leaf;
    let own = |leaf: Leaf| leaf.issue().unwrap().chain();
    for (impostor, chain, host) in [
        ("self-signed", own(Leaf::self_signed(&names())), HOST),
        ("self-signed, expired", own(expired()), HOST),
        ("self-signed, by address", own(Leaf::self_signed(&names())), "127.0.0.1"),
        (
            "a CA of the known name",
            Ca::new("Some CA").unwrap().issue(&names()).unwrap().chain(),
            HOST,
        ),
        (
            "a CA of its own",
            Ca::new("Corporate proxy").unwrap().issue(&names()).unwrap().chain(),
            HOST,
        ),
        ("as Flynn makes them", flynn.chain(), HOST),
        ("public, for another name", public.clone(), HOST),
        ("public, for this name", public.clone(), "www.letsencrypt.org"),
    ] {
        for known in [None, Some(before.certificate_pem()), Some(ca.certificate_pem())] {
            let server =
                serve(unchecked_config(chain.clone(), key.clone_key(), ALL_VERSIONS)).await;
            let mut tls = ClientTls::pinned(before.pin());
            if let Some(known) = &known {
                tls = tls.known(&Bundle::from_pem(known).unwrap());
            }
            let at = "2026-08-01T00:00:00Z".parse::<Time>().unwrap();
            let mut config = tls.config().unwrap();
            if chain == public {
                config.time_provider = Arc::new(At(at));
            }
            let e = say_hello(Arc::new(config), server.address, host).await.unwrap_err();
            let m = pin_mismatch(&e).unwrap();
            for remedy in m.causes().iter().map(|cause| cause.remedy()).chain([m.remedy()]) {
                let compares = remedy.find("compare").or_else(|| remedy.find("compute the pin of"));
                let stores = remedy.find("stor");
                assert!(
                    stores.is_none_or(|at| compares.is_some_and(|compares| compares < at)),
                    "{impostor}: {remedy}"
                );
            }
            assert!(!m.remedy().contains(&m.presented().to_string()));
            assert_eq!(m.to_string(), format!("{}; {}", m.explanation(), m.remedy()));
        }
    }
}

/// A certificate that names a CA, but has no key identifier of its issuer, is not attributed to that CA.
#[tokio::test]
async fn a_known_ca_must_have_signed_it() {
    let (ca, impostor) = (Ca::new("Some CA").unwrap(), Ca::new("Some CA").unwrap());
    let known = Bundle::from_pem(ca.certificate_pem()).unwrap();
    for (issuer, same) in [(&ca, true), (&impostor, false)] {
        // X.509 v1 has no key identifiers.
        let issued = issuer.leaf(&names()).version_1().issue().unwrap();
        let server = serve(unchecked_config(issued.chain(), issued.key_der(), ALL_VERSIONS)).await;
        let tls = ClientTls::pinned(Pin::from_der(b"x")).known(&known);
        let config = Arc::new(tls.config().unwrap());
        let e = say_hello(config, server.address, HOST).await.unwrap_err();
        assert_eq!(pin_mismatch(&e).unwrap().evidence().same_issuer, Some(same));
    }
}

/// A clock that never moves.
#[derive(Debug)]
struct At(Time);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.unix()).unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

#[tokio::test]
async fn a_public_certificate_is_a_replacement_until_it_expires() {
    let chain = Bundle::from_pem(include_bytes!("../../data/letsencrypt.org.pem")).unwrap();
    // Its key is not needed, because a wrong pin is refused before the signature is checked.
    let key = Ca::new("x").unwrap().issue(&["x"]).unwrap().key_der();
    let chain = chain.certificates().iter().map(|c| c.der().clone()).collect();
    let server = serve(unchecked_config(chain, key, ALL_VERSIONS)).await;
    for (time, host, cause) in [
        ("2026-08-01T00:00:00Z", "letsencrypt.org", Cause::Replaced),
        ("2026-08-01T00:00:00Z", HOST, Cause::OtherServer),
        ("2026-11-01T00:00:00Z", "letsencrypt.org", Cause::StaleCertificate),
        ("2026-07-01T00:00:00Z", "letsencrypt.org", Cause::EarlyCertificate),
    ] {
        let mut config = ClientTls::pinned(Pin::from_der(b"x")).config().unwrap();
        config.time_provider = Arc::new(At(time.parse().unwrap()));
        let e = say_hello(Arc::new(config), server.address, host).await.unwrap_err();
        let m = pin_mismatch(&e).unwrap();
        assert_eq!((m.publicly_trusted(), m.chain_length()), (Some(true), 4));
        assert_eq!(m.causes(), [cause]);
    }
}

#[tokio::test]
async fn a_strangers_subject_cannot_write_on_the_terminal() {
    let leaf = Leaf::self_signed(&["example.com"]).common_name("a\n\u{1b}[2J\u{202e}, O=Bank");
    let issued = leaf.issue().unwrap();
    let m = mismatch(&issued, ClientTls::pinned(Pin::from_der(b"x")), HOST).await;
    let line = m.to_string();
    assert!(line.contains("\\u{1b}[2J\\u{202e}\\, O\\=Bank"), "{line}");
    assert!(!line.chars().any(char::is_control), "{line}");
}

/// A server can send any bytes as a certificate.
#[tokio::test]
async fn what_is_no_certificate_is_a_mismatch_too() {
    let ca = Ca::new("Some CA").unwrap();
    let issued = ca.issue(&names()).unwrap();
    let cut = issued.certificate_der()[..99].to_vec();
    let with_more = [issued.certificate_der(), &[0][..]].concat();
    for garbage in [b"garbage".to_vec(), cut, with_more] {
        let config = unchecked_config(vec![garbage.clone().into()], issued.key_der(), ALL_VERSIONS);
        let server = serve(config).await;
        for (pin, right) in [(Pin::from_der(b"x"), false), (Pin::from_der(&garbage), true)] {
            let config = Arc::new(ClientTls::pinned(pin).config().unwrap());
            let e = say_hello(config, server.address, HOST).await.unwrap_err();
            if right {
                let reason = unverifiable(&e).unwrap().reason();
                assert!(matches!(reason, Reason::Unreadable(_)), "{reason:?}");
                continue;
            }
            let m = pin_mismatch(&e).unwrap();
            assert_eq!((m.presented(), m.certificate()), (Pin::from_der(&garbage), None));
            assert_eq!(m.causes(), [Cause::CannotTell]);
            assert_eq!(m.to_string().lines().count(), 1);
        }
    }
}
