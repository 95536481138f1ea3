//! Certificates with odd names, always for the same requested host.

use flynn_tls::generate::Ca;

use super::scenarios::{Accept, HOST, Refuse, Scenario, scenario};

pub(super) fn scenarios(root: &Ca, ca: &Ca) -> Vec<Scenario> {
    let made = |name, names: &[&str], chained| {
        scenario(name, root, ca.issue(names).unwrap(), Accept, chained)
    };
    let other =
        |name, names: &[&str]| made(name, names, Refuse("not valid for name")).forgiven_by_name();
    let many: Vec<_> = (0..100).map(|i| format!("host{i}.example.com")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).chain([HOST]).collect();
    vec![
        made("its wildcard alone", &["*.example.com"], Accept),
        made("in capitals", &["WWW.EXAMPLE.COM"], Accept),
        made("a wildcard in capitals", &["*.EXAMPLE.COM"], Accept),
        made("a hundred names", &many, Accept),
        made("addresses beside it", &["10.0.0.1", HOST, "::1"], Accept),
        other("a wildcard one label deeper", &["*.www.example.com"]),
        other("a wildcard over a top-level domain", &["*.com"]),
        other("a wildcard of another domain", &["*.example.org"]),
        other("a name that begins alike", &["www.example.com.evil.test"]),
        other("a name that ends alike", &["evilwww.example.com", "wwww.example.com"]),
        other("an international name", &["xn--bcher-kva.example"]),
    ]
}
