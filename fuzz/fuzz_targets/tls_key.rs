//! Private keys in DER and PEM: nothing panics, and no output or finding contains key material.
#![no_main]

use std::sync::LazyLock;

use flynn_tls::{Bundle, PrivateKey, Requirements, check};
use libfuzzer_sys::fuzz_target;

/// The certificate that every key is compared with.
static LEAF: LazyLock<Bundle> = LazyLock::new(|| {
    let pem = include_bytes!("../../flynn-tls/tests/data/letsencrypt.org.pem");
    let chain = Bundle::from_pem(pem).expect("a good chain");
    Bundle::from_der([chain.leaf().der().clone()]).expect("a good leaf")
});

fuzz_target!(|input: &[u8]| {
    if let Ok(key) = PrivateKey::from_der(input) {
        assert!(format!("{key:?}").len() < 200);
        let again = PrivateKey::from_pem(key.secret_pem()).expect("what we wrote");
        assert_eq!((again.secret_der(), again.kind()), (key.secret_der(), key.kind()));
        let report = check(&LEAF, Some(&key), &Requirements::new());
        assert!(report.findings().iter().all(|f| f.explanation.len() < 400));
    }
    match PrivateKey::from_pem(input) {
        Ok(key) => assert!(format!("{key:?}").len() < 200),
        Err(e) => assert!(format!("{e} {e:?}").len() < 800),
    }
});
