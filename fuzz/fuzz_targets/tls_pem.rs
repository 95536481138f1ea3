//! Any file: a bundle is the same after it has been written and read again, and an error describes the file in one
//! sentence without quoting it.
#![no_main]

use flynn_tls::{Bundle, Certificate, Error, Pin, Roots};
use libfuzzer_sys::fuzz_target;

fn short(e: Error) {
    let text = format!("{e} {e:?}");
    assert!(text.len() < 800 && !text.contains('\n'), "{text}");
}

fuzz_target!(|file: &[u8]| {
    if let Ok(text) = std::str::from_utf8(file) {
        let _ = text.parse::<Pin>();
        let _ = Pin::from_hex(text);
    }
    let pin = Pin::from_pem(file);
    match Certificate::from_pem(file) {
        Ok(certificate) => assert_eq!(pin.expect("it has been read"), certificate.pin()),
        Err(e) => short(e),
    }
    let _ = Roots::from_pem(file).map_err(short);
    match Bundle::from_pem(file) {
        Ok(bundle) => {
            let again = Bundle::from_pem(bundle.to_pem()).expect("what we wrote");
            assert_eq!(again.certificates(), bundle.certificates());
            let ordered = bundle.ordered();
            assert_eq!(ordered.leaf(), bundle.leaf());
            assert_eq!(ordered.ordered(), ordered);
        }
        Err(e) => short(e),
    }
});
