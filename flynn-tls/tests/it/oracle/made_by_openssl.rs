//! Certificates, keys and requests created by openssl, in common formats.

use std::fs;
use std::path::Path;

use flynn_tls::rustls::crypto::ring;
use flynn_tls::{Bundle, Certificate, Code, KeyKind, KeyMatch, PrivateKey, Requirements, check};

use super::{compare_facts, openssl};

pub(crate) fn openssl(folder: &Path, line: &str) {
    let arguments: Vec<_> = line.split(' ').collect();
    let (good, out) = openssl::run(folder, &arguments);
    assert!(good, "openssl {line}: {out}");
}

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

#[test]
fn keys_in_every_format_are_read_and_belong_to_their_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kinds = [
        (KeyKind::Rsa(2048), "RSA -pkeyopt rsa_keygen_bits:2048", "rsa"),
        (KeyKind::Rsa(1024), "RSA -pkeyopt rsa_keygen_bits:1024", "rsa"),
        (KeyKind::P256, "EC -pkeyopt ec_paramgen_curve:P-256", "ec"),
        (KeyKind::P384, "EC -pkeyopt ec_paramgen_curve:P-384", "ec"),
        (KeyKind::P521, "EC -pkeyopt ec_paramgen_curve:P-521", "ec"),
        (KeyKind::Ed25519, "ED25519", ""),
    ];
    let mut certificates = Vec::new();
    for (i, (kind, algorithm, traditional)) in kinds.iter().enumerate() {
        openssl(folder, &format!("genpkey -algorithm {algorithm} -out {i}.key"));
        openssl(folder, &format!("req -x509 -new -key {i}.key -subj /CN=host{i} -out {i}.pem"));
        let certificate = Certificate::from_pem(text(folder, &format!("{i}.pem"))).unwrap();
        assert_eq!(certificate.key(), kind);
        compare_facts(&certificate, &openssl::facts(folder, &format!("{i}.pem")), algorithm);

        let mut forms = vec![format!("{i}.key")];
        if !traditional.is_empty() {
            // PKCS#1 and SEC1.
            openssl(
                folder,
                &format!("{traditional} -in {i}.key -traditional -out {i}.old")
                    .replace("ec -in", "ec -in")
                    .replace(
                        " -traditional",
                        if *traditional == "rsa" { " -traditional" } else { "" },
                    ),
            );
            assert!(
                text(folder, &format!("{i}.old"))
                    .contains(&format!("{} PRIVATE KEY", traditional.to_uppercase()))
            );
            forms.push(format!("{i}.old"));
        }
        certificates.push((certificate, forms));
    }
    let provider = ring::default_provider();
    for (i, (certificate, _)) in certificates.iter().enumerate() {
        for (j, (_, forms)) in certificates.iter().enumerate() {
            for form in forms {
                let pem = text(folder, form);
                // Curve parameters, a certificate and CRLF around the key are accepted.
                let around = format!(
                    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}{pem}",
                    certificate.to_pem()
                );
                for pem in [pem.clone(), around, pem.replace('\n', "\r\n")] {
                    let key = PrivateKey::from_pem(&pem).unwrap();
                    assert_eq!(key.kind(), &kinds[j].0);
                    let belongs = if i == j { KeyMatch::Yes } else { KeyMatch::No };
                    assert_eq!(key.matches(certificate, &provider), belongs, "{form} {i}");
                }
            }
        }
    }
}

/// A key is damaged exactly if openssl says so.
#[test]
fn a_key_is_damaged_when_openssl_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, odd, options) in [
        ("plain", false, "2048"),
        ("e3", true, "-3 2048"),
        ("three primes", true, "-primes 3 2048"),
        ("PKCS#1", false, "-traditional 2048"),
        ("PKCS#1, e3", true, "-traditional -3 2048"),
    ] {
        openssl(folder, &format!("genrsa -out key.pem {options}"));
        openssl(folder, "req -x509 -new -key key.pem -subj /CN=x -out cert.pem");
        openssl(folder, "rsa -in key.pem -traditional -outform DER -out whole.der");
        let certificate = Certificate::from_pem(text(folder, "cert.pem")).unwrap();
        let mut der = fs::read(folder.join("whole.der")).unwrap();
        let whole = PrivateKey::from_pem(text(folder, "key.pem")).unwrap();
        // Well within the first prime.
        der[600] ^= 0x10;
        fs::write(folder.join("broken.der"), &der).unwrap();
        let broken = PrivateKey::from_der(&der).unwrap();
        for (key, der, sound) in [(whole, "whole.der", true), (broken, "broken.der", false)] {
            let (_, verdict) = openssl::run(folder, &["rsa", "-in", der, "-check", "-noout"]);
            assert_eq!(verdict.contains("RSA key ok"), sound, "{name}: {verdict}");
            let provider = ring::default_provider();
            let usual = key.is_usable_by(&provider);
            let belongs = key.matches(&certificate, &provider);
            assert_eq!(usual, sound && !odd, "{name} {der}");
            let expected = if sound { KeyMatch::Yes } else { KeyMatch::Damaged };
            assert_eq!(belongs, expected, "{name} {der}");

            let bundle = Bundle::from_der([certificate.der().clone()]).unwrap();
            let report = check(&bundle, Some(&key), &Requirements::new());
            assert_eq!(report.has(Code::KeyUnusable), sound && odd, "{name} {der}: {report}");
            assert_eq!(report.has(Code::KeyDamaged), !sound, "{name} {der}: {report}");
        }
    }
}

/// A prime without its first bit does not make a valid key.
#[test]
fn a_prime_cut_short_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, "genrsa -out key.pem 2048");
    openssl(folder, "req -x509 -new -key key.pem -subj /CN=x -out cert.pem");
    openssl(folder, "rsa -in key.pem -traditional -outform DER -out whole.der");
    let mut der = fs::read(folder.join("whole.der")).unwrap();
    let prime = der.windows(4).position(|head| head == [0x02, 0x81, 0x81, 0x00]).unwrap() + 4;
    der[prime] ^= 0x80;
    fs::write(folder.join("broken.der"), &der).unwrap();
    let (_, verdict) = openssl::run(folder, &["rsa", "-in", "broken.der", "-check", "-noout"]);
    assert!(!verdict.contains("RSA key ok"), "{verdict}");
    let certificate = Certificate::from_pem(text(folder, "cert.pem")).unwrap();
    let belongs =
        PrivateKey::from_der(&der).unwrap().matches(&certificate, &ring::default_provider());
    assert_eq!(belongs, KeyMatch::Damaged);
}

/// Names and values that rcgen does not write.
#[test]
fn odd_contents_are_read_as_openssl_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
    openssl(folder, "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
    let extensions = [
        ("plain", "subjectAltName=DNS:a.example,IP:10.1.2.3,IP:2001:db8::1"),
        ("mail", "subjectAltName=email:me@example.com,DNS:b.example,URI:https://x.example/"),
        ("other", "subjectAltName=otherName:1.2.3.4;UTF8:some,RID:1.2.3,DNS:c.example"),
        ("directory", "subjectAltName=DNS:d.example,dirName:dir\n[dir]\nCN=inside"),
        ("critical", "subjectAltName=critical,DNS:e.example\nkeyUsage=critical,digitalSignature"),
        ("policies", "certificatePolicies=1.2.3.4\nsubjectAltName=DNS:f.example"),
        (
            "authority",
            "authorityInfoAccess=OCSP;URI:http://ocsp.example/\nsubjectAltName=DNS:g.example",
        ),
        ("ca", "basicConstraints=critical,CA:TRUE,pathlen:3\nsubjectAltName=DNS:h.example"),
        ("empty", "basicConstraints=CA:FALSE"),
    ];
    let options = [
        "-key key.pem -sha256",
        "-key key.pem -sha384 -set_serial 1",
        "-key key.pem -sha512 -set_serial 0x00ff",
        "-key rsa.pem -sha256 -set_serial 0xffffffffffffffffffffffffffffffffffffffff",
        "-key rsa.pem -sha1",
        "-key key.pem -set_serial -255",
        "-key rsa.pem -sha384 -days 10000",
        "-key rsa.pem -sigopt rsa_padding_mode:pss -sha256",
    ];
    let mut count = 0;
    for (name, extension) in extensions {
        let config = format!(
            "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\nstring_mask=utf8only\n\
             [dn]\nC=DE\nO=Some organisation\nOU=One\n2.OU=Two\nCN={name}.example\n[ext]\n{extension}\n"
        );
        fs::write(folder.join("config"), config).unwrap();
        for option in options {
            openssl(folder, &format!("req -x509 -config config {option} -out cert.pem"));
            let certificate = Certificate::from_pem(text(folder, "cert.pem")).unwrap();
            let theirs = openssl::facts(folder, "cert.pem");
            compare_facts(&certificate, &theirs, &format!("{name} {option}"));
            assert_eq!(certificate.subject(), theirs.subject);
            count += 1;
        }
    }
    assert_eq!(count, 72);
}
