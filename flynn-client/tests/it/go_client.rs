//! The page for users of the Go client.

use std::collections::BTreeSet;

#[test]
fn every_method_of_the_go_interface_is_on_the_page() {
    let page = include_str!("../../docs/go-client.md");
    let (upstream, fork) = page.split_once("## Additions of the fork").unwrap();
    let methods = |text: &'static str| -> BTreeSet<&str> {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| row.split_once('`').unwrap().0).collect()
    };
    assert_eq!(methods(upstream).len(), 81);
    assert_eq!(methods(fork).len(), 7);
    // Each row has a link, which rustdoc checks, except the row without a counterpart.
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.filter(|row| !row.contains("](crate::")).count(), 1);
}
