//! The mock as a program.

use std::net::TcpListener;

use crate::program::run;

#[test]
fn what_it_cannot_serve_is_one_line() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, says) in [
        (["--listen", &taken], taken.as_str()),
        // An address for documentation is not this machine's.
        (["--listen", "192.0.2.1:0"], "192.0.2.1:0"),
        (["--listen", "here"], "here"),
        (["--domain", ""], "domain"),
        (["--domain", "https://x y"], "https://x y"),
        (["--key", ""], "key is empty"),
        (["--server", "2018"], "2016"),
    ] {
        let output =
            run(env!("CARGO_BIN_EXE_mock-controller"), home.path(), &arguments.map(str::to_owned));
        let line = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(line.contains(says) && line.lines().count() == 1, "{arguments:?}: {line}");
    }
}
