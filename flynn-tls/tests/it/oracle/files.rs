//! Common kinds of files, made by openssl: readable ones are read as openssl reads them, and for the others the error
//! names their kind.

use std::fs;
use std::path::Path;

use flynn_tls::{Bundle, Certificate, Error, ErrorKind, Pin, PrivateKey, Roots};

use super::made_by_openssl::openssl;

/// A certificate, its key, and what else can be made of the two.
fn make(folder: &Path) {
    for line in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
        "req -x509 -key key.pem -subj /CN=x -addext subjectAltName=DNS:x -out cert.pem",
        "x509 -in cert.pem -outform DER -out cert.der",
        "x509 -in cert.pem -text -out text.pem",
        "x509 -in cert.pem -trustout -addtrust serverAuth -out trusted.pem",
        "pkey -in key.pem -outform DER -out key.der",
        "ec -in key.pem -out sec1.pem",
        "ec -in key.pem -outform DER -out sec1.der",
        "ecparam -name prime256v1 -out params.pem",
        "pkcs8 -topk8 -in key.pem -passout pass:secret -out encrypted.pem",
        "pkcs8 -topk8 -in key.pem -passout pass:secret -outform DER -out encrypted.der",
        "ec -in key.pem -aes128 -passout pass:secret -out legacy.pem",
        "pkey -in key.pem -pubout -out public.pem",
        "pkey -in key.pem -pubout -outform DER -out public.der",
        "req -new -key key.pem -subj /CN=x -out request.pem",
        "req -in request.pem -outform DER -out request.der",
        "crl2pkcs7 -nocrl -certfile cert.pem -out chain.p7b",
        "crl2pkcs7 -nocrl -certfile cert.pem -outform DER -out chain.p7c",
        "pkcs12 -export -inkey key.pem -in cert.pem -passout pass:secret -out both.p12",
        "genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsaparam.pem",
        "genpkey -paramfile dsaparam.pem -out dsa8.pem",
        "dsa -in dsa8.pem -out dsa.pem",
    ] {
        openssl(folder, line);
    }
}

/// Every way to write a PEM file that is still good.
fn spellings(pem: &str) -> Vec<Vec<u8>> {
    [
        pem.to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        format!("\u{feff}{pem}"),
        format!("Bag Attributes\n    friendlyName: x\n{pem}\ntrailing words"),
        pem.replace('\n', "  \n\t "),
        pem.trim_end().to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}

#[test]
fn a_certificate_is_the_same_in_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder);
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let pin = Pin::from_der(&fs::read(folder.join("cert.der")).unwrap());
    let both = text("key.pem") + &text("cert.pem");
    let mut files = [text("cert.pem"), text("text.pem"), text("trusted.pem"), both]
        .iter()
        .flat_map(|pem| spellings(pem))
        .collect::<Vec<_>>();
    files.push(fs::read(folder.join("cert.der")).unwrap());
    for file in &files {
        let shown = String::from_utf8_lossy(file);
        assert_eq!(Pin::from_pem(file).unwrap(), pin, "{shown}");
        assert_eq!(Certificate::from_pem(file).unwrap().pin(), pin, "{shown}");
        let bundle = Bundle::from_pem(file).unwrap();
        assert_eq!(bundle.leaf().pin(), pin, "{shown}");
        assert_eq!(bundle.to_pem(), text("cert.pem"), "{shown}");
        assert!(Roots::from_pem(file).is_ok(), "{shown}");
    }

    let key = PrivateKey::from_pem(text("key.pem")).unwrap();
    let both = text("cert.pem") + &text("params.pem") + &text("sec1.pem");
    let mut files = [text("key.pem"), text("sec1.pem"), both]
        .iter()
        .flat_map(|pem| spellings(pem))
        .collect::<Vec<_>>();
    files.extend(["key.der", "sec1.der"].map(|file| fs::read(folder.join(file)).unwrap()));
    for file in &files {
        let read = PrivateKey::from_pem(file).unwrap();
        assert_eq!(read.kind(), key.kind());
        // openssl's own PKCS#8, byte by byte, for every format of the key.
        assert_eq!(read.secret_pem(), text("key.pem"));
    }
}

fn base64(folder: &Path, bytes: &[u8]) -> String {
    fs::write(folder.join("bytes"), bytes).unwrap();
    super::openssl::run(folder, &["base64", "-in", "bytes"]).1
}

/// UTF-16, little-endian unless `big`, with or without its mark.
fn utf16(text: &str, big: bool, mark: &str) -> Vec<u8> {
    let units = format!("{mark}{text}").encode_utf16().collect::<Vec<_>>();
    units.iter().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

#[test]
fn what_a_file_is_instead_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder);
    let bytes = |file: &str| fs::read(folder.join(file)).unwrap();
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let half = |file: &str| bytes(file)[..100].to_vec();
    // The error where a certificate is expected, and where a key is expected.
    for (name, file, certificate, key) in [
        ("key.pem", bytes("key.pem"), "private key, not", ""),
        ("key.der", bytes("key.der"), "private key, not", ""),
        ("sec1.der", bytes("sec1.der"), "private key, not", ""),
        ("encrypted.pem", bytes("encrypted.pem"), "private key, not", "encrypted"),
        ("encrypted.der", bytes("encrypted.der"), "encrypted key, not", "encrypted"),
        ("legacy.pem", bytes("legacy.pem"), "private key, not", "encrypted"),
        ("cert.pem", bytes("cert.pem"), "", "a certificate, not"),
        ("cert.der", bytes("cert.der"), "", "a certificate, not"),
        ("trusted.pem", bytes("trusted.pem"), "", "a certificate, not"),
        ("public.pem", bytes("public.pem"), "public key, not", "public key, not"),
        ("public.der", bytes("public.der"), "public key, not", "public key, not"),
        ("request.pem", bytes("request.pem"), "(CSR), not", "(CSR), not"),
        ("request.der", bytes("request.der"), "(CSR), not", "(CSR), not"),
        ("chain.p7b", bytes("chain.p7b"), "openssl pkcs7", "PKCS#7, not"),
        ("chain.p7c", bytes("chain.p7c"), "openssl pkcs7", "PKCS#7, not"),
        ("both.p12", bytes("both.p12"), "pkcs12 -nokeys", "pkcs12 -nocerts"),
        ("params.pem", bytes("params.pem"), "parameters", "parameters"),
        ("dsa.pem", bytes("dsa.pem"), "private key, not", ""),
        ("half a PEM file", half("cert.pem"), "line 1 cannot be read: its END", "certificate"),
        ("half a PEM key", half("key.pem"), "private key", "line 1 cannot be read: its END"),
        ("half a DER file", half("cert.der"), "cut short", "cut short"),
        ("UTF-16", utf16(&text("cert.pem"), false, "\u{feff}"), "UTF-16", "UTF-16"),
        ("UTF-16, big", utf16(&text("key.pem"), true, "\u{feff}"), "UTF-16", "UTF-16"),
        ("UTF-16, bare", utf16(&text("key.pem"), false, ""), "UTF-16", "UTF-16"),
        ("UTF-16, big, bare", utf16(&text("key.pem"), true, ""), "UTF-16", "UTF-16"),
        ("one line", text("key.pem").replace('\n', "").into(), "line breaks", "line breaks"),
        ("nothing", Vec::new(), "it is empty", "it is empty"),
    ] {
        let secret = text("key.pem").lines().nth(1).unwrap()[..40].to_owned();
        let judge = |e: Error, kind: ErrorKind, says: &str| {
            assert!(e.kind() == kind && e.to_string().contains(says), "{name}: {e}");
            assert!(!format!("{e} {e:?}").contains(&secret), "{name} tells the key: {e:?}");
        };
        if !certificate.is_empty() {
            for e in [
                Bundle::from_pem(&file).err(),
                Certificate::from_pem(&file).err(),
                Pin::from_pem(&file).err(),
                Roots::from_pem(&file).err(),
            ] {
                judge(e.unwrap(), ErrorKind::Certificate, certificate);
            }
        }
        if !key.is_empty() {
            judge(PrivateKey::from_pem(&file).unwrap_err(), ErrorKind::Key, key);
        }
    }
}

/// A file with a truncated key before its certificates has the pin of the certificate that openssl reads first.
#[test]
fn after_half_a_block_the_pin_is_openssls() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder);
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    openssl(folder, "req -x509 -key key.pem -subj /CN=y -out other.pem");
    let half_a_key: String = text("key.pem").split_inclusive('\n').take(2).collect();
    fs::write(folder.join("both.pem"), half_a_key + &text("cert.pem") + &text("other.pem"))
        .unwrap();
    openssl(folder, "x509 -in both.pem -outform DER -out first.der");
    let first = Pin::from_der(&fs::read(folder.join("first.der")).unwrap());
    assert_eq!(Pin::from_pem(text("both.pem")).unwrap(), first);
    assert_eq!(Pin::from_pem(text("cert.pem")).unwrap(), first);
}

/// The content of a block counts, not its label.
#[test]
fn a_wrong_label_is_seen_through() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let text = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY"] {
        let labelled = text("cert.pem").replace("CERTIFICATE", label);
        let e = PrivateKey::from_pem(labelled).unwrap_err().to_string();
        assert_eq!(e, "this is a certificate, not a private key");
    }
    for (file, label, says) in [
        ("key.pem", "PRIVATE KEY", "a private key"),
        ("request.pem", "CERTIFICATE REQUEST", "(CSR)"),
        ("public.pem", "PUBLIC KEY", "a public key"),
        ("chain.p7b", "PKCS7", "PKCS#7"),
    ] {
        let labelled = text(file).replace(label, "CERTIFICATE");
        for e in [Pin::from_pem(&labelled).err(), Bundle::from_pem(&labelled).err()] {
            let e = e.unwrap().to_string();
            assert!(e.contains(says) && e.contains("not a certificate"), "{file}: {e}");
        }
    }
    let damaged = text("encrypted.pem").replace("ENCRYPTED PRIVATE KEY", "PRIVATE KEY");
    let e = PrivateKey::from_pem(damaged).unwrap_err().to_string();
    assert!(e.contains("encrypted"), "{e}");
}

/// A block that has lost lines can be valid base64 but is not a certificate.
#[test]
fn a_certificate_with_lines_lost_has_no_pin() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let pem = fs::read_to_string(folder.path().join("cert.pem")).unwrap();
    let lines: Vec<_> = pem.lines().collect();
    let lost = [&lines[..3], &lines[lines.len() - 1..]].concat().join("\n");
    for e in [Pin::from_pem(&lost).err(), Bundle::from_pem(&lost).err()] {
        let e = e.unwrap().to_string();
        assert!(e.contains("line 1") && e.contains("cut short"), "{e}");
    }

    // The same length, but random content.
    let mut der = fs::read(folder.path().join("cert.der")).unwrap();
    der[40..90].fill(0);
    let damaged = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64(folder.path(), &der)
    );
    for e in [Pin::from_pem(&damaged).err(), Bundle::from_pem(&damaged).err()] {
        let e = e.unwrap().to_string();
        assert!(e.contains("the certificate at line 1 cannot be read"), "{e}");
    }
}
