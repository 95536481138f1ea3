use flynn_tls::generate::{Ca, Leaf, bootstrap, broken};
use flynn_tls::{
    Bundle, Code, KeyKind, PrivateKey, Report, Requirements, Roots, Severity, Time, check,
};

const DOMAIN: &str = "example.com";

fn judge(code: Code) -> Report {
    let made = broken(code, DOMAIN).unwrap();
    let bundle = Bundle::from_pem(made.chain_pem.as_bytes()).unwrap();
    let key = PrivateKey::from_pem(made.key_pem()).unwrap();
    let roots = Roots::from_pem(made.ca.certificate_pem()).unwrap();
    let mut requirements = Requirements::new().domain(DOMAIN);
    if code != Code::NotPubliclyTrusted {
        requirements = requirements.from_ca(roots);
    }
    check(&bundle, Some(&key), &requirements)
}

fn codes(report: &Report) -> Vec<Code> {
    let mut codes: Vec<_> = report.findings().iter().map(|f| f.code).collect();
    codes.sort();
    codes
}

/// The findings that follow from a fault.
fn company(code: Code) -> &'static [Code] {
    match code {
        Code::NameNotCovered => &[Code::WildcardNotCovered],
        Code::OldVersion => &[Code::NoNames],
        Code::ChainIncomplete | Code::SelfSigned => &[Code::NotFromCa],
        Code::NotPubliclyTrusted | Code::NotFromCa => &[Code::RootIncluded],
        _ => &[],
    }
}

#[test]
fn every_fault_is_found_and_nothing_that_is_not_there() {
    for &code in Code::ALL.iter().filter(|&&c| c != Code::Unchecked) {
        let report = judge(code);
        let mut expected = [&[code], company(code)].concat();
        expected.sort();
        assert_eq!(codes(&report), expected, "{code}:\n{report}");
        let finding = report.findings().iter().find(|f| f.code == code).unwrap();
        assert!(!finding.explanation.is_empty() && !finding.remedy.is_empty());
        assert!(!report.to_string().contains("PRIVATE KEY"));
    }
}

#[test]
fn codes_have_names_of_their_own() {
    let mut names: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn a_good_certificate_has_no_findings_whatever_its_key() {
    let root = Ca::new("root").unwrap();
    let ca = root.intermediate("below").unwrap();
    let roots = Roots::from_pem(root.certificate_pem()).unwrap();
    for kind in
        [KeyKind::P256, KeyKind::P384, KeyKind::Rsa(2048), KeyKind::Rsa(3072), KeyKind::Rsa(4096)]
    {
        let issued = ca.leaf(&[DOMAIN, "*.example.com", "10.0.0.1"]).key(kind).issue().unwrap();
        let bundle = Bundle::from_pem(issued.chain_pem_without_root().as_bytes()).unwrap();
        let key = PrivateKey::from_pem(issued.key_pem()).unwrap();
        let wanted = Requirements::new().domain(DOMAIN).name("10.0.0.1").name("a.example.com");
        let report = check(&bundle, Some(&key), &wanted.from_ca(roots.clone()));
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.to_string(), "no findings");
    }
}

#[test]
fn the_clock_can_be_passed_in() {
    let issued = Ca::new("root").unwrap().issue(&[DOMAIN]).unwrap();
    let bundle = Bundle::from_pem(issued.chain_pem().as_bytes()).unwrap();
    let leaf = bundle.leaf();
    let at = |time: Time, days| {
        let wanted = Requirements::new().at(time).expiring_within_days(days);
        let report = check(&bundle, None, &wanted);
        [Code::NotYetValid, Code::ExpiresSoon, Code::Expired].map(|code| report.has(code))
    };
    let second = |time: Time, n: i64| Time::from_unix(time.unix() + n);
    assert_eq!(at(leaf.not_before(), 0), [false; 3]);
    assert_eq!(at(second(leaf.not_before(), -1), 0), [true, false, false]);
    assert_eq!(at(leaf.not_after(), 0), [false; 3]);
    assert_eq!(at(second(leaf.not_after(), 1), 0), [false, false, true]);
    assert_eq!(at(leaf.not_after().plus_days(-30), 30), [false; 3]);
    assert_eq!(at(second(leaf.not_after().plus_days(-30), 1), 30), [false, true, false]);
}

#[test]
fn all_faults_are_told_at_once_and_the_worst_first() {
    let issued = Leaf::self_signed(&["other.test"])
        .marked_as_ca()
        .valid(Time::from_unix(0), Time::from_unix(86_400))
        .issue()
        .unwrap();
    let twice = format!("{0}{0}", issued.certificate_pem());
    let bundle = Bundle::from_pem(twice.as_bytes()).unwrap();
    let report = check(&bundle, None, &Requirements::new().domain(DOMAIN).publicly_trusted());
    assert_eq!(
        codes(&report),
        [
            Code::NameNotCovered,
            Code::WildcardNotCovered,
            Code::Expired,
            Code::Duplicate,
            Code::SelfSigned,
            Code::NotPubliclyTrusted,
            Code::LeafIsCa,
        ]
    );
    assert!(report.findings().is_sorted_by_key(|f| std::cmp::Reverse(f.severity)));
    assert_eq!(report.errors().count(), 4);
    assert!(report.errors().all(|f| f.severity == Severity::Error));
}

#[test]
fn a_public_chain_is_clean_in_its_time() {
    let bundle = Bundle::from_pem(include_bytes!("../data/letsencrypt.org.pem")).unwrap();
    let wanted = || Requirements::new().name("www.letsencrypt.org").publicly_trusted();
    let at = |time: &str| check(&bundle, None, &wanted().at(time.parse().unwrap()));
    let report = at("2026-08-01T00:00:00Z");
    assert!(report.is_clean(), "{report}");
    assert_eq!(codes(&at("2026-11-01T00:00:00Z")), [Code::Expired]);
    // Without the intermediates, or from a private CA.
    let leaf = Bundle::from_der([bundle.leaf().der().clone()]).unwrap();
    let wanted = wanted().at("2026-08-01T00:00:00Z".parse().unwrap());
    let found = codes(&check(&leaf, None, &wanted));
    assert_eq!(found, [Code::ChainIncomplete, Code::NotPubliclyTrusted]);
    let mine = Roots::from_pem(Ca::new("mine").unwrap().certificate_pem()).unwrap();
    assert_eq!(codes(&check(&bundle, None, &wanted.from_ca(mine))), [Code::NotFromCa]);
}

#[test]
fn a_file_in_any_order_is_put_right() {
    let root = Ca::new("root").unwrap();
    let issued =
        root.intermediate("a").unwrap().intermediate("b").unwrap().issue(&[DOMAIN]).unwrap();
    let right = Bundle::from_der(issued.chain()).unwrap();
    let chain = issued.chain();
    for order in [[3, 2, 1, 0], [0, 3, 2, 1], [2, 0, 3, 1], [1, 0, 2, 3]] {
        let mixed = Bundle::from_der(order.map(|i| chain[i].clone())).unwrap();
        assert_eq!(mixed.ordered().certificates(), right.certificates(), "{order:?}");
        assert_eq!(mixed.leaf(), right.leaf());
        let report = check(&mixed, None, &Requirements::new());
        let leaf_first = order[0] == 0;
        let severity = if leaf_first { Severity::Warning } else { Severity::Error };
        let found = report.findings().iter().find(|f| f.code == Code::WrongOrder).unwrap();
        assert_eq!(found.severity, severity, "{report}");
    }
    assert_eq!(right.ordered().to_pem(), issued.chain_pem());
}

/// A name that is not covered gets the right reason.
#[test]
fn a_missing_name_is_explained() {
    let issued =
        Ca::new("root").unwrap().issue(&["*.example.com", "xn--bcher-kva.example"]).unwrap();
    let bundle = Bundle::from_der(issued.chain()).unwrap();
    for (wanted, code, says) in [
        ("example.com", Code::ApexNotCovered, "stands for one label below it, not for itself"),
        ("a.b.Example.com", Code::NameNotCovered, "*.example.com stands for one label"),
        ("*.b.example.com", Code::WildcardNotCovered, "the names are: *.example.com"),
        ("*.example.org", Code::WildcardNotCovered, "the names are"),
        ("example.org", Code::NameNotCovered, "the names are"),
        ("10.0.0.1", Code::NameNotCovered, "the names are"),
        ("[::1]", Code::NameNotCovered, "the names are"),
        ("bücher.example", Code::NameNotCovered, "as xn--"),
        ("https://www.example.com/", Code::NameNotCovered, "it is a URL, not a host name"),
        ("a b.com", Code::NameNotCovered, "it is not a host name"),
        ("www.example.com:443", Code::NameNotCovered, "is not a host name"),
        ("www example com", Code::NameNotCovered, "is not a host name"),
        ("www\n.example.com", Code::NameNotCovered, "is not a host name"),
        ("", Code::NameNotCovered, "it is not a host name"),
    ] {
        let report = check(&bundle, None, &Requirements::new().name(wanted));
        let finding = report.findings().iter().find(|f| f.explanation.contains(says));
        assert_eq!(finding.map(|f| f.code), Some(code), "{wanted}: {report}");
        assert_eq!(report.to_string().lines().count(), report.findings().len(), "{report}");
    }
    for wanted in ["www.example.com", "WWW.EXAMPLE.COM.", "*.example.com", "XN--BCHER-KVA.example"]
    {
        let report = check(&bundle, None, &Requirements::new().name(wanted));
        assert!(!report.has(Code::NameNotCovered) && !report.has(Code::WildcardNotCovered));
    }
}

#[test]
fn of_a_domain_only_a_port_is_left_out() {
    let issued = Ca::new("root").unwrap().issue(&[DOMAIN, "*.example.com"]).unwrap();
    let bundle = Bundle::from_der(issued.chain()).unwrap();
    let judge = |domain| check(&bundle, None, &Requirements::new().domain(domain));
    for good in [DOMAIN, "example.com:443", "Example.com."] {
        assert!(!judge(good).has_errors(), "{good}: {}", judge(good));
    }
    for (bad, says) in [
        ("https://example.com", "https://example.com: it is a URL, not a host name"),
        ("https://example.com:443", "https://example.com: it is a URL, not a host name"),
        ("example.com:https", "example.com:https: it is not a host name"),
        ("example.com/", "example.com/: it is not a host name"),
    ] {
        assert!(judge(bad).to_string().contains(says), "{bad}: {}", judge(bad));
    }
}

/// Good for Go and openssl, but for no browser, and the routers of 2016 cannot load the key.
#[test]
fn an_ed25519_key_is_unusual() {
    let ca = Ca::new("root").unwrap();
    let issued = ca.leaf(&[DOMAIN]).key(KeyKind::Ed25519).issue().unwrap();
    let bundle = Bundle::from_der([issued.certificate_der().clone()]).unwrap();
    let roots = Roots::from_pem(ca.certificate_pem()).unwrap();
    let report = check(&bundle, None, &Requirements::new().name(DOMAIN).from_ca(roots));
    assert_eq!(codes(&report), [Code::UnusualKey]);
    assert!(!report.has_errors());
}

/// The CA is a root, which servers do not send, so nothing is missing from the file.
#[test]
fn what_a_bootstrap_leaves_is_complete_and_private() {
    let made = bootstrap(DOMAIN).unwrap();
    let bundle = Bundle::from_pem(made.leaf.chain_pem()).unwrap();
    let report = check(&bundle, None, &Requirements::new().domain(DOMAIN));
    assert_eq!(codes(&report), [Code::NotPubliclyTrusted]);
    let finding = &report.findings()[0];
    assert!(
        finding.severity == Severity::Warning
            && finding.remedy.contains("only if you installed it yourself")
    );

    let roots = Roots::from_pem(made.ca.certificate_pem()).unwrap();
    assert!(check(&bundle, None, &Requirements::new().from_ca(roots)).is_clean());
    let other = Roots::from_pem(bootstrap(DOMAIN).unwrap().ca.certificate_pem()).unwrap();
    let report = check(&bundle, None, &Requirements::new().from_ca(other));
    assert_eq!(codes(&report), [Code::NotFromCa]);
}

/// The certificate contains a name that looks right, so the finding explains why it does not cover the domain.
#[test]
fn a_nearly_covered_name_is_explained() {
    let ca = Ca::new("root").unwrap();
    let issued = ca
        .leaf(&[
            "*.com",
            "example.org.",
            "https://example.net/",
            "a.test:443",
            "w*.b.test",
            "*.*.c.test",
        ])
        .common_name("cn.test")
        .issue()
        .unwrap();
    let bundle = Bundle::from_der(issued.chain()).unwrap();
    for (wanted, says) in [
        ("example.com", "clients ignore *.com, a wildcard for a whole top-level domain"),
        ("example.org", "listed as \"example.org.\", which no client takes for a host name"),
        ("Example.net", "listed as \"https://example.net/\""),
        ("a.test", "listed as \"a.test:443\""),
        ("www.b.test", "clients ignore w*.b.test: a wildcard must be the whole first label"),
        ("x.y.c.test", "clients ignore *.*.c.test: only the first label may be a wildcard"),
        ("cn.test", "it is the common name, which clients ignore"),
    ] {
        let report = check(&bundle, None, &Requirements::new().name(wanted));
        let finding = report.findings().iter().find(|f| f.subject == wanted).unwrap();
        assert!(finding.explanation.contains(says), "{wanted}: {finding}");
        assert_eq!(finding.code, Code::NameNotCovered);
    }
    // An address among the DNS names, as openssl encodes `DNS:203.0.113.5`.
    let pem = include_str!("../data/address-as-name.pem");
    let report =
        check(&Bundle::from_pem(pem).unwrap(), None, &Requirements::new().name("203.0.113.5"));
    assert!(report.to_string().contains("clients look for it as an IP address"), "{report}");
}

/// Findings are short for certificates and files of any size.
#[test]
fn findings_are_short() {
    let ca = Ca::new("root").unwrap();
    let names: Vec<String> = (0..20_000).map(|i| format!("name-{i}.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let long = "x".repeat(60_000);
    let many = ca.leaf(&names).common_name(&long).organization(&long).issue().unwrap();
    let strangers: String = (0..200)
        .map(|_| ca.leaf(&[DOMAIN]).common_name(&long).issue().unwrap().certificate_pem())
        .collect();
    let file = many.certificate_pem() + &strangers + &strangers;
    let report = check(&Bundle::from_pem(file).unwrap(), None, &Requirements::new().domain(DOMAIN));
    assert!(report.has(Code::Duplicate) && report.has(Code::Unrelated));
    for finding in report.findings() {
        assert!(finding.to_string().len() < 900, "{finding}");
    }
    assert!(report.findings().len() < 12, "{report}");
    assert!(many_names(&many).len() < 2_000);
}

fn many_names(issued: &flynn_tls::generate::Issued) -> String {
    Bundle::from_der(issued.chain()).unwrap().leaf().names().to_string()
}

#[test]
fn programs_read_findings_as_json() {
    let report = judge(Code::KeyMismatch);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json[0]["code"], "key-mismatch");
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["subject"], "private key");
    assert_eq!(json[0].as_object().unwrap().len(), 5);
    let finding = &report.findings()[0];
    let line =
        format!("error [key-mismatch] private key: {}; {}", finding.explanation, finding.remedy);
    assert_eq!(finding.to_string(), line);
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn programs_read_certificates_as_json() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com", "10.0.0.1"]).unwrap();
    let bundle = Bundle::from_der(issued.chain()).unwrap();
    let json = serde_json::to_value(bundle.leaf()).unwrap();
    assert_eq!(json["names"], serde_json::json!(["example.com", "10.0.0.1"]));
    assert_eq!(json["not_after"], bundle.leaf().not_after().to_string());
    assert_eq!(json["pin"], issued.pin().to_string());
    assert_eq!(json.as_object().unwrap().len(), 11);
}

/// The server trims spaces and line feeds at both ends, and Go requires a line feed or nothing after the last dash.
#[test]
fn carriage_returns_are_what_the_original_cli_trips_over() {
    let issued = Ca::new("root").unwrap().issue(&[DOMAIN]).unwrap();
    let read = |pem: &str| check(&Bundle::from_pem(pem).unwrap(), None, &Requirements::new());
    let pem = issued.certificate_pem();
    let crlf = pem.replace('\n', "\r\n");
    for (file, skipped) in [
        (pem.clone(), false),
        (format!("\n  {pem}\n\n"), false),
        (crlf.clone(), true),
        (crlf.trim_end().to_owned(), false),
        (format!("{crlf}\n{pem}"), false),
        (format!("{pem}{crlf}"), true),
        (pem.replace('\n', "\r"), true),
    ] {
        assert_eq!(read(&file).has(Code::NotCanonicalPem), skipped, "{file:?}");
        let key = file.replace(&pem, &issued.key_pem());
        assert!(key == file || PrivateKey::from_pem(key).is_ok());
    }
}
