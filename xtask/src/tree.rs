//! Holds the published crates to their dependency budgets.

use std::collections::BTreeSet;
use std::process::Command;

use crate::Result;

struct Budget {
    /// Arguments of `cargo tree` that choose crate and features.
    tree: &'static [&'static str],
    /// Unique crates at most, our own included.
    most: usize,
    /// Crates that must not appear.
    banned: &'static [&'static str],
}

const OURS: [&str; 5] = ["flynn-aws", "flynn-client", "flynn-config", "flynn-mock", "flynn-tls"];
/// What the AWS SDK's defaults or a second TLS stack would bring in.
const NEVER: [&str; 6] =
    ["aws-lc-rs", "openssl", "native-tls", "rustls-pemfile", "aws-config", "async-std"];

const BUDGETS: [Budget; 5] = [
    Budget { tree: &["-p", "flynn-client"], most: 115, banned: &NEVER },
    Budget {
        tree: &["-p", "flynn-client", "--no-default-features"],
        most: 55,
        banned: &["tokio", "reqwest", "hyper", "rustls"],
    },
    Budget { tree: &["-p", "flynn-config"], most: 30, banned: &["tokio", "reqwest", "url"] },
    Budget { tree: &["-p", "flynn-tls"], most: 60, banned: &NEVER },
    Budget { tree: &["-p", "flynn-aws"], most: 30, banned: &["tokio", "reqwest", "hyper"] },
];

/// Prints a line a tree; fails after all of them when one is over its budget.
pub(crate) fn check() -> Result {
    let mut wrong = Vec::new();
    for budget in &BUDGETS {
        let name = budget.tree.join(" ").replace("-p ", "");
        let crates = crates(budget.tree)?;
        println!("tree {name}: {} unique crates, at most {}", crates.len(), budget.most);
        if crates.len() > budget.most {
            wrong.push(format!("{name}: {} crates, at most {}", crates.len(), budget.most));
        }
        wrong.extend(faults(&name, &crates, budget.banned));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Banned crates, our crates depending on each other, and more than one rustls.
fn faults(name: &str, crates: &BTreeSet<String>, banned: &[&str]) -> Vec<String> {
    let has = |wanted: &str| crates.iter().any(|found| crate_name(found) == wanted);
    let mut faults: Vec<String> = banned
        .iter()
        .filter(|banned| has(banned))
        .map(|banned| format!("{name}: depends on {banned}, which it must not"))
        .collect();
    let ours = OURS.iter().filter(|ours| has(ours)).count();
    if ours != 1 {
        faults.push(format!("{name}: {ours} of our own crates, the published four stand alone"));
    }
    if crates.iter().filter(|found| crate_name(found) == "rustls").count() > 1 {
        faults.push(format!("{name}: two versions of rustls cannot share a ClientConfig"));
    }
    faults
}

fn crate_name(line: &str) -> &str {
    line.split(' ').next().unwrap_or(line)
}

/// The unique `name vVERSION` lines of a tree.
fn crates(tree: &[&str]) -> Result<BTreeSet<String>> {
    let fixed = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new("cargo")
        .args(fixed)
        .args(tree)
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

    #[test]
    fn a_crate_that_stands_alone_has_no_fault() {
        let crates = set(&["flynn-tls v0.1.0", "rustls v0.23.1"]);
        assert_eq!(faults("flynn-tls", &crates, &["tokio"]), Vec::<String>::new());
    }

    #[test]
    fn banned_crates_a_second_rustls_and_a_sibling_are_faults() {
        let crates =
            set(&["flynn-tls v0.1.0", "flynn-client v0.1.0", "rustls v0.22.0", "rustls v0.23.1"]);
        let faults = faults("flynn-tls", &crates, &["rustls"]);
        assert_eq!(faults.len(), 3, "{faults:?}");
    }
}
