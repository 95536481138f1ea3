//! Environment variables from text: nothing panics, and quoted values are read back unchanged.

#![no_main]

use flynn_client::Env;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Env::from_lines(text);
    let _ = Env::from_json(text);
    let _ = Env::from_dotenv(text);
    if !text.contains('\'') {
        let env = Env::from_dotenv(&format!("NAME='{text}'")).unwrap();
        assert_eq!(env["NAME"], text);
    }
});
