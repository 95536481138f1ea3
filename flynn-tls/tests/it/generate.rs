use flynn_tls::Pin;
use flynn_tls::generate::{Ca, bootstrap};

#[test]
fn a_chain_has_the_leaf_first_and_the_pin_is_the_leafs() {
    let ca = Ca::new("test").unwrap();
    let issued = ca.intermediate("below").unwrap().issue(&["example.com", "::1"]).unwrap();
    assert_eq!(issued.chain_pem().matches("BEGIN CERTIFICATE").count(), 3);
    assert_eq!(Pin::from_pem(issued.chain_pem()).unwrap(), issued.pin());
    assert!(issued.chain_pem().ends_with(&ca.certificate_pem()));
    assert_ne!(issued.pin(), Pin::of(ca.certificate_der()));
}

#[test]
fn a_bootstrap_has_a_leaf_without_intermediates() {
    let made = bootstrap("example.com").unwrap();
    assert_eq!(made.leaf.chain().len(), 1);
}
