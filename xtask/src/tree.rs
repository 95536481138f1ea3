//! Checks that the published crates stay within their dependency budgets.

use std::collections::BTreeSet;

use crate::{Result, cargo_command};

struct Budget {
    /// The published crate.
    name: &'static str,
    /// The arguments of `cargo tree` that choose features.
    features: &'static [&'static str],
    /// The maximum number of unique crates, including our own.
    most: usize,
    /// The crates of this workspace that it may use.
    ours: &'static [&'static str],
    /// The crates that it must not use.
    banned: &'static [&'static str],
}

/// The published crates.
pub(crate) const OURS: [&str; 5] =
    ["flynn-aws", "flynn-client", "flynn-config", "flynn-mock", "flynn-tls"];
/// Crates that the AWS SDK's defaults or a second TLS stack would add.
const NEVER: [&str; 6] =
    ["aws-lc-rs", "openssl", "native-tls", "rustls-pemfile", "aws-config", "async-std"];

/// Crates that an HTTP client, TLS and a credential chain would add.
const TRANSPORT: [&str; 6] = ["hyper", "rustls", "aws-lc-rs", "aws-config", "reqwest", "openssl"];

const BUDGETS: [Budget; 8] = [
    Budget { name: "flynn-client", features: &[], most: 120, ours: &[], banned: &NEVER },
    Budget {
        name: "flynn-client",
        features: &["--no-default-features", "--features", "aws-lc-rs,webpki-roots"],
        most: 130,
        ours: &[],
        banned: &["ring", "openssl", "native-tls", "rustls-pemfile", "aws-config", "async-std"],
    },
    Budget {
        name: "flynn-config",
        features: &[],
        most: 30,
        ours: &[],
        banned: &["tokio", "reqwest", "url"],
    },
    Budget { name: "flynn-tls", features: &[], most: 60, ours: &[], banned: &NEVER },
    Budget {
        name: "flynn-aws",
        features: &[],
        most: 20,
        ours: &[],
        banned: &["tokio", "reqwest", "hyper", "aws-smithy-types", "aws-sdk-s3", "aws-sdk-iam"],
    },
    Budget {
        name: "flynn-aws",
        features: &["--features", "s3,iam,route53"],
        most: 125,
        ours: &[],
        banned: &TRANSPORT,
    },
    Budget {
        name: "flynn-examples",
        features: &["--features", "aws"],
        most: 240,
        ours: &OURS,
        banned: &["aws-lc-rs", "openssl", "native-tls"],
    },
    Budget {
        name: "flynn-mock",
        features: &[],
        most: 150,
        ours: &["flynn-client", "flynn-tls"],
        banned: &NEVER,
    },
];

/// Prints one line per tree. Fails at the end if a tree is over its budget.
pub(crate) fn check() -> Result {
    let mut wrong = Vec::new();
    for budget in &BUDGETS {
        let name = [&[budget.name], budget.features].concat().join(" ");
        let crates = crates(budget)?;
        println!("tree {name}: {} unique crates, at most {}", crates.len(), budget.most);
        if crates.len() > budget.most {
            wrong.push(format!("{name}: {} crates, at most {}", crates.len(), budget.most));
        }
        wrong.extend(faults(budget, &crates));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Returns the banned crates in the tree, including crates of this workspace that it must not use, and more than one
/// version of rustls.
fn faults(budget: &Budget, crates: &BTreeSet<String>) -> Vec<String> {
    let name = budget.name;
    let has = |wanted: &str| crates.iter().any(|found| crate_name(found) == wanted);
    let strangers = OURS.iter().filter(|ours| **ours != name && !budget.ours.contains(*ours));
    let mut faults: Vec<String> = (budget.banned.iter().chain(strangers))
        .filter(|banned| has(banned))
        .map(|banned| format!("{name}: depends on {banned}, which it must not"))
        .collect();
    if crates.iter().filter(|found| crate_name(found) == "rustls").count() > 1 {
        faults.push(format!("{name}: two versions of rustls cannot share a ClientConfig"));
    }
    faults
}

fn crate_name(line: &str) -> &str {
    line.split(' ').next().unwrap_or(line)
}

/// Returns the unique `name vVERSION` lines of a tree.
fn crates(budget: &Budget) -> Result<BTreeSet<String>> {
    let fixed = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = cargo_command(&fixed)
        .args(["-p", budget.name])
        .args(budget.features)
        .output()
        .map_err(|why| format!("cargo tree: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lines: &[&str]) -> BTreeSet<String> {
        lines.iter().map(|&line| line.to_owned()).collect()
    }

    fn budget(banned: &'static [&'static str], ours: &'static [&'static str]) -> Budget {
        Budget { name: "flynn-tls", features: &[], most: 9, ours, banned }
    }

    #[test]
    fn a_crate_that_stands_alone_has_no_fault() {
        let crates = set(&["flynn-tls v0.1.0", "rustls v0.23.1"]);
        assert_eq!(faults(&budget(&["tokio"], &[]), &crates), Vec::<String>::new());
    }

    #[test]
    fn banned_crates_a_second_rustls_and_a_sibling_are_faults() {
        let crates =
            set(&["flynn-tls v0.1.0", "flynn-client v0.1.0", "rustls v0.22.0", "rustls v0.23.1"]);
        let found = faults(&budget(&["rustls"], &[]), &crates);
        assert_eq!(found.len(), 3, "{found:?}");
        let found = faults(&budget(&["rustls"], &["flynn-client"]), &crates);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn every_published_crate_has_a_budget() {
        for ours in OURS {
            assert!(BUDGETS.iter().any(|budget| budget.name == ours), "{ours}");
        }
    }
}
