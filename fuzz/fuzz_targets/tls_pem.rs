//! Any file: what is read as a bundle is the same after being written and read again.
#![no_main]

use flynn_tls::{Bundle, Pin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(text) = std::str::from_utf8(file) {
        let _ = Pin::from_pem(text);
        let _ = text.parse::<Pin>();
        let _ = Pin::from_hex(text);
    }
    if let Ok(bundle) = Bundle::from_pem(file) {
        let again = Bundle::from_pem(bundle.to_pem().as_bytes()).expect("what we wrote");
        assert_eq!(again.certificates(), bundle.certificates());
        let ordered = bundle.ordered();
        assert_eq!(ordered.leaf(), bundle.leaf());
        assert_eq!(ordered.ordered(), ordered);
    }
});
