//! Private keys in DER and PEM: no panic, and nothing of them in what is shown.
#![no_main]

use flynn_tls::PrivateKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(key) = PrivateKey::from_der(input) {
        assert!(format!("{key:?}").len() < 200);
        assert_eq!(key.secret_der().secret_der(), input);
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = PrivateKey::from_pem(text);
    }
});
