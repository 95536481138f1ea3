//! Private keys in DER and PEM: no panic, and nothing of them in what is shown.
#![no_main]

use flynn_tls::PrivateKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(key) = PrivateKey::from_der(input) {
        assert!(format!("{key:?}").len() < 200);
        assert_eq!(key.secret_der().secret_der(), input);
    }
    match PrivateKey::from_pem(input) {
        Ok(key) => assert!(format!("{key:?}").len() < 200),
        Err(e) => assert!(format!("{e} {e:?}").len() < 800),
    }
});
