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
    let mut codes: Vec<_> = report.findings().iter().map(flynn_tls::Finding::code).collect();
    codes.sort();
    codes
}

/// What is found beside a fault because it follows from it.
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
        let finding = report.findings().iter().find(|f| f.code() == code).unwrap();
        assert!(!finding.explanation().is_empty() && !finding.remedy().is_empty());
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
    assert!(report.findings().is_sorted_by_key(|f| std::cmp::Reverse(f.severity())));
    assert_eq!(report.errors().count(), 4);
    assert!(report.errors().all(|f| f.severity() == Severity::Error));
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
        let found = report.findings().iter().find(|f| f.code() == Code::WrongOrder).unwrap();
        assert_eq!(found.severity(), severity, "{report}");
    }
    assert_eq!(right.ordered().to_pem(), issued.chain_pem());
}

/// A name that is not covered gets the reason that fits.
#[test]
fn a_missing_name_is_explained() {
    let issued =
        Ca::new("root").unwrap().issue(&["*.example.com", "xn--bcher-kva.example"]).unwrap();
    let bundle = Bundle::from_der(issued.chain()).unwrap();
    for (wanted, code, says) in [
        ("example.com", Code::ApexNotCovered, "one label below it, not for itself"),
        ("a.b.Example.com", Code::NameNotCovered, "*.example.com stands for one label"),
        ("*.b.example.com", Code::WildcardNotCovered, "the names are: *.example.com"),
        ("*.example.org", Code::WildcardNotCovered, "the names are"),
        ("example.org", Code::NameNotCovered, "the names are"),
        ("10.0.0.1", Code::NameNotCovered, "the names are"),
        ("[::1]", Code::NameNotCovered, "the names are"),
        ("bücher.example", Code::NameNotCovered, "as xn--"),
        ("https://www.example.com/", Code::NameNotCovered, "\" is a URL, not a host name"),
        ("a b.com", Code::NameNotCovered, "\"a b.com\" is not a host name"),
        ("www.example.com:443", Code::NameNotCovered, "is not a host name"),
        ("www example com", Code::NameNotCovered, "is not a host name"),
        ("www\n.example.com", Code::NameNotCovered, "is not a host name"),
        ("", Code::NameNotCovered, "\"\" is not a host name"),
    ] {
        let report = check(&bundle, None, &Requirements::new().name(wanted));
        let finding = report.findings().iter().find(|f| f.explanation().contains(says));
        assert_eq!(finding.map(flynn_tls::Finding::code), Some(code), "{wanted}: {report}");
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
        ("https://example.com", "\"https://example.com\" is a URL, not a host name"),
        ("https://example.com:443", "\"https://example.com\" is a URL, not a host name"),
        ("example.com:https", "\"example.com:https\" is not a host name"),
        ("example.com/", "\"example.com/\" is not a host name"),
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

/// Its CA is a root that no server sends: nothing is missing from the file.
#[test]
fn what_a_bootstrap_leaves_is_complete_and_private() {
    let made = bootstrap(DOMAIN).unwrap();
    let bundle = Bundle::from_pem(made.leaf.chain_pem()).unwrap();
    let report = check(&bundle, None, &Requirements::new().domain(DOMAIN));
    assert_eq!(codes(&report), [Code::NotPubliclyTrusted]);
    let finding = &report.findings()[0];
    assert!(
        finding.severity() == Severity::Warning
            && finding.remedy().contains("installed this one yourself")
    );

    let roots = Roots::from_pem(made.ca.certificate_pem()).unwrap();
    assert!(check(&bundle, None, &Requirements::new().from_ca(roots)).is_clean());
    let other = Roots::from_pem(bootstrap(DOMAIN).unwrap().ca.certificate_pem()).unwrap();
    let report = check(&bundle, None, &Requirements::new().from_ca(other));
    assert_eq!(codes(&report), [Code::NotFromCa]);
}
