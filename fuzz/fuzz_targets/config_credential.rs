//! git's credential messages: a message that was read can be written and read again unchanged.
#![no_main]

use flynn_config::FlynnRc;
use flynn_config::credential::{Credential, Operation, answer};
use flynn_config::login::Tokens;
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;

const RC: &str = "[[cluster]]\nName = \"a\"\nKey = \"k\"\nGitURL = \"https://git.a.test:8443\"\n";

fuzz_target!(|message: &[u8]| {
    let Ok(credential) = Credential::parse(message) else { return };
    let mut written = Vec::new();
    if credential.write(&mut written).is_ok() {
        let again = Credential::parse(&written).expect("what we write is read");
        let facts = |c: &Credential| {
            let password = c.password().map(|p| p.expose_secret().to_owned());
            let four = [c.protocol(), c.host(), c.path(), c.username()];
            (four.map(|text| text.map(str::to_owned)), password)
        };
        // A carriage return at the end of a value is read as part of the line end.
        if !written.contains(&b'\r') {
            assert_eq!(facts(&again), facts(&credential));
        }
    }
    let rc = FlynnRc::parse(RC).expect("a good file");
    let tokens = Tokens::new("nowhere");
    if let Ok(Some(answer)) = answer(Operation::Get, &credential, &rc, &tokens) {
        assert_eq!(credential.protocol(), Some("https"));
        assert_eq!(answer.password().map(|p| p.expose_secret()), Some("k"));
    }
});
