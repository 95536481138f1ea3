//! Good certificates in odd chains, and at odd times.

use flynn_tls::generate::{Ca, Issued, Leaf};
use flynn_tls::{KeyKind, Time};

use super::scenarios::{Accept, HOST, Mismatch, Refuse, Scenario, Signer, scenario};

fn ders(issued: &Issued) -> Vec<Vec<u8>> {
    issued.chain().iter().map(|der| der.to_vec()).collect()
}

pub(super) fn scenarios(root: &Ca, ca: &Ca) -> Vec<Scenario> {
    let mut all = Vec::new();
    let issued = |ca: &Ca| ca.issue(&[HOST]).unwrap();
    let now = Time::now();

    // The order after the leaf does not matter.
    let [leaf, between, top] = [0, 1, 2].map(|i| ders(&issued(ca))[i].clone());
    let stranger = Ca::new("A stranger").unwrap().certificate_der().to_vec();
    assert!([leaf, between.clone(), top.clone()].iter().all(|der| !der.is_empty()));
    let chained = |name, rest: Vec<Vec<u8>>, expected| {
        let issued = issued(ca);
        let chain = std::iter::once(ders(&issued).remove(0)).chain(rest).collect();
        scenario(name, root, issued, Accept, expected).sending(chain)
    };
    all.extend([
        chained("the root before the intermediate", vec![top.clone(), between.clone()], Accept),
        chained("a stranger in the chain", vec![stranger.clone(), between.clone()], Accept),
        chained("the root instead of the intermediate", vec![top], Refuse("UnknownIssuer")),
        chained("a stranger instead of it", vec![stranger], Refuse("UnknownIssuer")),
    ]);

    // A server that sends the intermediate first presents the intermediate as its leaf.
    let made = issued(ca);
    let chain = vec![between, ders(&made).remove(0)];
    let swapped = scenario("the leaf last", root, made, Mismatch, Refuse("CaUsedAsEndEntity"));
    all.push(swapped.sending(chain).by(Signer::Rustls));

    // CAs with the same names but different keys.
    let impostor = Ca::new("Test root").unwrap().intermediate("Test intermediate").unwrap();
    all.push(scenario("an impostor of the CA", root, issued(&impostor), Accept, Refuse("")));

    for (name, key) in [
        ("a CA with RSA 2048", KeyKind::Rsa(2048)),
        ("a CA with P-384", KeyKind::P384),
        ("a CA with Ed25519", KeyKind::Ed25519),
    ] {
        let other = Ca::with_key("Another root", &key).unwrap();
        let between = other.intermediate("Between").unwrap();
        all.push(scenario(name, &other, issued(&between), Accept, Accept));
    }

    let allowed = root.constrained("For example.com", "example.com").unwrap();
    all.push(scenario("a CA that may", root, issued(&allowed), Accept, Accept));
    let below = allowed.intermediate("One too many").unwrap();
    all.push(scenario("a path too long", root, issued(&below), Accept, Refuse("PathLen")));
    let deep = (0..8).fold(root.clone(), |ca, i| ca.intermediate(&format!("Level {i}")).unwrap());
    all.push(scenario("eight intermediates", root, issued(&deep), Accept, Refuse("")));

    let over = root.intermediate_valid("Over", now.plus_days(-90), now.plus_days(-1)).unwrap();
    let over =
        scenario("an intermediate that is over", root, issued(&over), Accept, Refuse("expired"));
    all.push(over.forgiven_by_age());
    let early = root.intermediate_valid("Early", now.plus_days(1), now.plus_days(90)).unwrap();
    all.push(scenario(
        "an intermediate of the future",
        root,
        issued(&early),
        Accept,
        Refuse("not valid yet"),
    ));

    let valid = |from: &str, to: &str| {
        let [from, to] = [from, to].map(|t| t.parse().unwrap());
        ca.leaf(&[HOST]).valid(from, to).issue().unwrap()
    };
    all.push(scenario(
        "good for eighty years",
        root,
        valid("2000-01-01T00:00:00Z", "2079-12-31T23:59:59Z"),
        Accept,
        Accept,
    ));
    // Refused even if expiry is ignored, because its CA did not exist yet.
    let mut ancient = scenario(
        "from before its CA",
        root,
        valid("1970-01-02T00:00:00Z", "1980-01-01T00:00:00Z"),
        Accept,
        Refuse("expired"),
    );
    ancient.any_age = Refuse("not valid yet");
    all.push(ancient);
    all.push(scenario(
        "over before it begins",
        root,
        valid("2080-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        Accept,
        Refuse("Expired"),
    ));
    let elsewhere = impostor.issue(&["elsewhere.test"]).unwrap();
    all.push(scenario("another host of another CA", root, elsewhere, Accept, Refuse("")));
    let lone = Leaf::self_signed(&["elsewhere.test"]).issue().unwrap();
    all.push(scenario("self-signed for another host", root, lone, Accept, Refuse("UnknownIssuer")));
    all
}
