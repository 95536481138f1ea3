//! Properties of all input.

use flynn_tls::generate::{Ca, Leaf};
use flynn_tls::rustls::client::verify_server_name;
use flynn_tls::rustls::pki_types::ServerName;
use flynn_tls::rustls::server::ParsedCertificate;
use flynn_tls::{Bundle, Certificate, Pin, PrivateKey, Time};
use proptest::prelude::*;

/// Few labels, so that names and hosts often meet.
fn label() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "A", "www", "xn--bcher-kva", "com", "x-y", "1"])
}

fn host() -> impl Strategy<Value = String> {
    let dot = prop::sample::select(vec!["", "", "", "."]);
    (prop::collection::vec(label(), 1..4), dot).prop_map(|(labels, dot)| labels.join(".") + dot)
}

fn name() -> impl Strategy<Value = String> {
    let wild = prop::sample::select(vec!["", "*."]);
    let dot = prop::sample::select(vec!["", "", "", "."]);
    (wild, prop::collection::vec(label(), 1..4), dot)
        .prop_map(|(wild, labels, dot)| wild.to_owned() + &labels.join(".") + dot)
}

proptest! {
    /// `Names` covers a host exactly if webpki accepts it.
    #[test]
    fn names_are_covered_exactly_as_webpki_covers_them(
        names in prop::collection::vec(name(), 1..4),
        host in host(),
    ) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let issued = Leaf::self_signed(&names).issue().unwrap();
        let certificate = Certificate::from_der(issued.certificate_der().clone()).unwrap();
        let parsed = ParsedCertificate::try_from(issued.certificate_der()).unwrap();
        if let Ok(asked) = ServerName::try_from(host.as_str()) {
            let theirs = verify_server_name(&parsed, &asked).is_ok();
            prop_assert_eq!(certificate.names().covers(&host), theirs, "{:?} {}", names, host);
        }
    }

    #[test]
    fn a_pin_survives_both_of_its_spellings(bytes in any::<Vec<u8>>()) {
        let pin = Pin::from_der(&bytes);
        prop_assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
        prop_assert_eq!(Pin::from_hex(&pin.to_hex()).unwrap(), pin);
        prop_assert!(pin.to_hex().parse::<Pin>().is_err());
    }

    #[test]
    fn a_moment_survives_its_spelling(seconds in -631_152_000_i64..253_402_207_200) {
        let time = Time::from_unix(seconds);
        prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "(-----(BEGIN|END) [A-Z ]{0,12}-----|[A-Za-z0-9+/=:\r\n ]{0,40}|\\PC){0,12}") {
        let _ = Bundle::from_pem(text.as_bytes());
        let _ = PrivateKey::from_pem(&text);
        let _ = text.parse::<Pin>();
        let _ = Pin::from_hex(&text);
        let _ = text.parse::<Time>();
    }

    /// A certificate with any byte changed is read or refused, and never passes for the old one.
    #[test]
    fn a_changed_byte_is_another_certificate(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        static ISSUED: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            Ca::new("x").unwrap().issue(&["example.com", "10.0.0.1"]).unwrap().certificate_der().to_vec()
        });
        let mut der = ISSUED.clone();
        let at = at.index(der.len());
        der[at] ^= 1 << bit;
        prop_assert_ne!(Pin::from_der(&der), Pin::from_der(&ISSUED));
        if let Ok(certificate) = Certificate::from_der(der) {
            prop_assert!(!certificate.public_key().is_empty());
            let _ = format!("{certificate:?} {}", certificate.names());
        }
    }
}
