//! The program `pin`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::{fs, thread};

use flynn_tls::generate::{Ca, Issued};
use flynn_tls::rustls::crypto::ring;
use flynn_tls::rustls::{ServerConfig, ServerConnection};

fn pin(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pin")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn certificate(folder: &Path) -> (Issued, String) {
    let issued = Ca::new("test").unwrap().issue(&["example.com", "127.0.0.1", "::1"]).unwrap();
    let path = folder.join("cert.pem");
    fs::write(&path, issued.chain_pem()).unwrap();
    (issued, path.to_str().unwrap().to_owned())
}

/// Accepts the handshake of one client. Returns the port.
fn serve_once(issued: &Issued, address: &str) -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key_der())
        .unwrap();
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        // Until the client closes the connection.
        while tls.complete_io(&mut tcp).is_ok_and(|(read, _)| read > 0) {}
    });
    port
}

#[test]
fn files_and_servers_give_the_same_pin_one_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let (issued, path) = certificate(folder.path());
    let der = folder.path().join("cert.der");
    fs::write(&der, issued.certificate_der()).unwrap();
    let v4 = format!("127.0.0.1:{}", serve_once(&issued, "127.0.0.1"));
    let v6 = format!("[::1]:{}", serve_once(&issued, "::1"));
    let output = pin(&[&path, &v4, der.to_str().unwrap(), &v6]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("{}\n", issued.pin()).repeat(4));
    assert_eq!(stderr(&output), "");
}

#[test]
fn openssl_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = certificate(folder.path());
    let pipe =
        "openssl x509 -in \"$0\" -outform DER | openssl dgst -binary -sha256 | openssl base64";
    let theirs = Command::new("sh").args(["-c", pipe, &path]).output().unwrap();
    assert_eq!(stdout(&pin(&[&path])), stdout(&theirs));
}

#[test]
fn files_without_a_pin_are_reported_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let (issued, path) = certificate(folder.path());
    let key = folder.path().join("key.pem");
    fs::write(&key, issued.key_pem()).unwrap();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    for (argument, says) in [
        ("missing.pem", "missing.pem: no such file, and not a server: write HOST:PORT"),
        ("./missing:443", "no such file"),
        ("example.com", "write HOST:PORT"),
        ("::1:443", "write HOST:PORT"),
        ("example.com:https", "\"https\" is not a port"),
        ("example.com:65536", "is not a port"),
        ("example.com:0", "is not a port"),
        (key.to_str().unwrap(), "private key, not a certificate"),
        (&closed, "cannot connect"),
    ] {
        let output = pin(&[argument, &path]);
        assert_eq!(output.status.code(), Some(1), "{argument}");
        assert_eq!(stdout(&output), format!("{}\n", issued.pin()));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1);
    }
    for wrong in [&[][..], &["--what", &path]] {
        let output = pin(wrong);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
        assert!(stderr(&output).contains("Usage:"));
    }
}

#[test]
fn help_goes_to_standard_output() {
    let output = pin(&["--help"]);
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(stdout(&output).contains("HOST:PORT") && stdout(&output).contains("Exit status"));
}

/// As in `pin ... | head -1`: there is no message, but the exit status shows that output was lost.
#[test]
fn a_reader_that_went_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = certificate(folder.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_pin"))
        .args([&path, &path])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "");
}
