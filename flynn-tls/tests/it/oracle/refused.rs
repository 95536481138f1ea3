//! Chains that some clients refuse, created by openssl because rcgen cannot: the verdicts of rustls' own verifier and
//! of `openssl verify`, and the findings of `check`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use flynn_tls::rustls::RootCertStore;
use flynn_tls::rustls::client::WebPkiServerVerifier;
use flynn_tls::rustls::client::danger::ServerCertVerifier as _;
use flynn_tls::rustls::crypto::ring;
use flynn_tls::rustls::pki_types::{ServerName, UnixTime};
use flynn_tls::{Bundle, Code, Report, Requirements, Roots, Severity, Time, check};

use super::made_by_openssl::openssl;
use super::openssl::verify;

/// The extensions of a CA, and more.
macro_rules! ca {
    ($more:literal) => {
        concat!("basicConstraints=critical,CA:TRUE\n", $more)
    };
}

/// The extensions of a server, and more.
macro_rules! server {
    ($more:literal) => {
        concat!("basicConstraints=CA:FALSE\nsubjectAltName=DNS:example.com\n", $more)
    };
}

const HOST: &str = "example.com";
const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";
const P521: &str = "EC -pkeyopt ec_paramgen_curve:P-521";
const RSA: &str = "RSA -pkeyopt rsa_keygen_bits:2048";
const CA: &str = ca!("keyUsage=critical,keyCertSign\n");
const SERVER: &str = server!("");

/// A name; the key and the extensions of the intermediate, the extensions and options of the leaf;
/// whether rustls and openssl accept it; the finding's code and its text.
struct Row(&'static str, [&'static str; 4], [bool; 2], &'static [Code], &'static str);

const ROWS: &[Row] = &[
    Row("a good one", [P256, CA, SERVER, ""], [true, true], &[], ""),
    Row("RSA above", [RSA, CA, SERVER, ""], [true, true], &[], ""),
    Row(
        "all usages",
        [P256, ca!("keyUsage=critical,keyCertSign"), SERVER, ""],
        [true, true],
        &[],
        "",
    ),
    Row(
        "SHA-224",
        [RSA, CA, SERVER, " -sha224"],
        [false, true],
        &[Code::ChainRejected],
        "its signature (sha224WithRSAEncryption) by the key of middle (RSA 2048)",
    ),
    Row(
        "P-521",
        [P521, CA, SERVER, " -sha512"],
        [false, true],
        &[Code::ChainRejected, Code::UnusualKey],
        "its signature (ecdsa-with-SHA512) by the key of middle (P-521)",
    ),
    // Reported as weak, but not also as a bad signature.
    Row(
        "RSA 1024",
        ["RSA -pkeyopt rsa_keygen_bits:1024", CA, SERVER, ""],
        [false, true],
        &[Code::WeakKey],
        "certificate 2 (middle): its key (RSA 1024) is too short",
    ),
    Row(
        "critical policies",
        [P256, CA, server!("certificatePolicies=critical,2.23.140.1.2.1"), ""],
        [false, true],
        &[Code::UnknownCriticalExtension],
        "certificate 1 (leaf): clients that do not know its critical extension 2.5.29.32",
    ),
    Row(
        "critical policies of the CA",
        [
            P256,
            ca!("keyUsage=critical,keyCertSign\npolicyConstraints=critical,inhibitPolicyMapping:0"),
            SERVER,
            "",
        ],
        [false, true],
        &[Code::UnknownCriticalExtension],
        "certificate 2 (middle): clients that do not know its critical extension 2.5.29.36",
    ),
    Row(
        "a CA for clients",
        [P256, ca!("keyUsage=critical,keyCertSign\nextendedKeyUsage=clientAuth"), SERVER, ""],
        [false, false],
        &[Code::NotForServers],
        "certificate 2 (middle): its extended key usage excludes TLS servers",
    ),
    Row(
        "a CA that must not sign",
        [P256, ca!("keyUsage=critical,digitalSignature"), SERVER, ""],
        [true, false],
        &[Code::ChainRejected],
        "certificate 2 (middle): it issued another certificate, but its key usage lacks keyCertSign",
    ),
    Row(
        "no CA",
        [P256, "basicConstraints=CA:FALSE", SERVER, ""],
        [false, false],
        &[Code::ChainRejected],
        "certificate 2 (middle): it issued another certificate, but is not a CA",
    ),
    Row(
        "another's names",
        [
            P256,
            ca!(
                "keyUsage=critical,keyCertSign\nnameConstraints=critical,permitted;DNS:elsewhere.test"
            ),
            SERVER,
            "",
        ],
        [false, false],
        &[Code::ChainRejected],
        "chain: clients refuse it: it has a name that one of its CAs may not issue for",
    ),
    Row(
        "an empty usage",
        [P256, ca!("keyUsage=critical,keyCertSign\n2.5.29.37=DER:30:00"), SERVER, ""],
        [false, false],
        &[Code::NotForServers],
        "certificate 2 (middle): its extended key usage excludes TLS servers",
    ),
    Row(
        "a malformed extension",
        [P256, CA, server!("2.5.29.37=DER:04:00"), ""],
        [false, false],
        &[Code::ChainRejected],
        "chain: clients refuse it: it has a",
    ),
];

/// `name.pem` and `name.key`, signed by `issuer`.
fn issue(folder: &Path, [name, issuer]: [&str; 2], key: &str, extensions: &str, options: &str) {
    fs::write(folder.join("ext"), extensions).unwrap();
    openssl(folder, &format!("genpkey -algorithm {key} -out {name}.key"));
    openssl(folder, &format!("req -new -key {name}.key -subj /CN={name} -out csr"));
    let by = format!("-days 300 -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial");
    openssl(folder, &format!("x509 -req -in csr {by} -extfile ext -out {name}.pem{options}"));
}

/// Signs the request `csr` with an end in the past.
fn issue_long_ago(folder: &Path, [name, issuer]: [&str; 2]) {
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nrand_serial=yes\nnew_certs_dir=.\n\
                  default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n";
    fs::write(folder.join("config"), config).unwrap();
    fs::write(folder.join("index"), "").unwrap();
    fs::write(folder.join("ext"), CA).unwrap();
    let by = format!("-cert {issuer}.pem -keyfile {issuer}.key");
    let when = "-startdate 20200101000000Z -enddate 20240101000000Z";
    let how = "ca -batch -notext -config config -extfile ext -in csr";
    openssl(folder, &format!("{how} {by} {when} -out {name}.pem"));
}

fn root(folder: &Path) {
    openssl(folder, &format!("genpkey -algorithm {P256} -out root.key"));
    let made = "-days 3650 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign -out root.pem";
    openssl(folder, &format!("req -x509 -new -key root.key -subj /CN=root {made}"));
}

fn file(folder: &Path, names: &[&str]) -> Bundle {
    let pem = |name: &&str| fs::read_to_string(folder.join(format!("{name}.pem"))).unwrap();
    Bundle::from_pem(names.iter().map(pem).collect::<String>()).unwrap()
}

fn roots(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("root.pem")).unwrap()
}

/// Returns whether [`flynn_tls::ClientTls::private_ca`], and so every client on rustls, accepts it.
fn rustls_accepts(folder: &Path, bundle: &Bundle) -> bool {
    let mut store = RootCertStore::empty();
    store.add(file(folder, &["root"]).leaf().der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(store.into(), provider).build().unwrap();
    let ders: Vec<_> = bundle.certificates().iter().map(|c| c.der().clone()).collect();
    let host = ServerName::try_from(HOST).unwrap();
    verifier.verify_server_cert(&ders[0], &ders[1..], &host, &[], UnixTime::now()).is_ok()
}

fn openssl_accepts(folder: &Path, names: &[&str]) -> bool {
    fs::write(folder.join("between.pem"), file(folder, names).to_pem()).unwrap();
    verify(folder, &format!("{}.pem", names[0]), HOST, Time::now().unix()).0
}

fn judge(folder: &Path, bundle: &Bundle, known_ca: bool) -> Report {
    let wanted = Requirements::new().name(HOST);
    let wanted =
        if known_ca { wanted.from_ca(Roots::from_pem(roots(folder)).unwrap()) } else { wanted };
    check(bundle, None, &wanted)
}

fn codes(report: &Report) -> Vec<Code> {
    report.findings().iter().map(|f| f.code).collect()
}

#[test]
fn what_a_client_refuses_has_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(folder);
    for Row(name, [ca_key, ca, leaf, options], accepted, found, says) in ROWS {
        issue(folder, ["middle", "root"], ca_key, ca, "");
        issue(folder, ["leaf", "middle"], P256, leaf, options);
        let names = ["leaf", "middle"];
        let bundle = file(folder, &names);
        let who = [rustls_accepts(folder, &bundle), openssl_accepts(folder, &names)];
        assert_eq!(who, *accepted, "{name}");
        let report = judge(folder, &bundle, true);
        assert_eq!(codes(&report), *found, "{name}: {report}");
        assert_eq!(report.has_errors(), accepted.contains(&false), "{name}: {report}");
        assert!(report.to_string().contains(says), "{name}: {report}");

        // Without that CA there is the same finding, and one that the CA is unknown.
        for file in [bundle, self::file(folder, &["leaf", "middle", "root"])] {
            let report = judge(folder, &file, false);
            let told = report.findings().iter().map(|f| f.code).filter(|&code| {
                let of_trust =
                    [Code::NotPubliclyTrusted, Code::ChainIncomplete, Code::RootIncluded];
                !of_trust.contains(&code)
            });
            assert_eq!(told.collect::<Vec<_>>(), *found, "{name}, unknown CA: {report}");
        }
    }
}

/// An old root signed the new one, so that clients with only the old root could find a path. The cross-signed
/// certificate has expired and is not needed.
#[test]
fn a_cross_signed_root_that_is_over_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(folder);
    openssl(folder, &format!("genpkey -algorithm {P256} -out old.key"));
    openssl(folder, "req -x509 -new -key old.key -subj /CN=old -days 3650 -out old.pem");
    openssl(folder, "req -new -key root.key -subj /CN=root -out csr");
    issue_long_ago(folder, ["cross", "old"]);
    let sign = "x509 -req -in csr -CA old.pem -CAkey old.key -CAcreateserial -extfile ext";
    openssl(folder, &format!("{sign} -days 300 -out current.pem"));
    issue(folder, ["middle", "root"], P256, CA, "");
    issue(folder, ["leaf", "middle"], P256, SERVER, "");

    for (names, expected) in [
        (["leaf", "middle", "cross"], &[Code::Expired][..]),
        (["leaf", "cross", "middle"], &[Code::Expired]),
        (["leaf", "middle", "current"], &[]),
        (["leaf", "middle", "root"], &[Code::RootIncluded]),
    ] {
        let bundle = file(folder, &names);
        assert!(rustls_accepts(folder, &bundle) && openssl_accepts(folder, &names));
        let report = judge(folder, &bundle, true);
        assert_eq!(codes(&report), expected, "{names:?}: {report}");
        assert!(!report.has_errors(), "{names:?}: {report}");
        if let [Code::Expired] = expected {
            let finding = &report.findings()[0];
            assert_eq!((finding.severity, &*finding.remedy), (Severity::Warning, "leave it out"));
            let at = names.iter().position(|n| *n == "cross").unwrap();
            assert_eq!(finding.subject, format!("certificate {} (root)", at + 1));
        }
    }
    // A certificate that the path needs is still an error.
    openssl(folder, "req -new -key middle.key -subj /CN=middle -out csr");
    issue_long_ago(folder, ["middle", "root"]);
    let report = judge(folder, &file(folder, &["leaf", "middle", "cross"]), true);
    assert!(report.errors().any(|f| f.subject == "certificate 2 (middle)"), "{report}");
}

/// Two CAs with the same name and without key identifiers. Only the signatures show which one is the issuer.
#[test]
fn of_two_issuers_of_one_name_the_right_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(folder);
    let without = format!("{CA}subjectKeyIdentifier=none\nauthorityKeyIdentifier=none");
    let leaf = format!("{SERVER}authorityKeyIdentifier=none");
    issue(folder, ["same", "root"], P256, &without, "");
    fs::rename(folder.join("same.pem"), folder.join("first.pem")).unwrap();
    issue(folder, ["same", "root"], P256, &without, "");
    issue(folder, ["leaf", "same"], P256, &leaf, "");
    for names in [["leaf", "first", "same"], ["leaf", "same", "first"]] {
        let bundle = file(folder, &names);
        assert!(rustls_accepts(folder, &bundle));
        let report = judge(folder, &bundle, true);
        assert!(!report.has_errors(), "{names:?}: {report}");
        let report = judge(folder, &bundle, false);
        assert!(!report.has(Code::BadSignature), "{names:?}: {report}");
    }
}
