//! The parts that the AWS programs share: the specification and the documents of a plan.

#[cfg(feature = "aws")]
pub mod apply;
pub mod bucket;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flynn_aws::ClusterSpec;
use flynn_aws::blobstore::AccessKey;
use flynn_aws::plan::{Observed, Plan, operator_policy};
use flynn_aws::preflight::{Inventory, preflight};
use serde_json::{Map, Value, json};

/// The largest document that is read, in bytes: a listing of some 10,000 instances.
const LARGEST: u64 = 64 << 20;

/// A commented specification.
pub const EXAMPLE: &str = include_str!("aws/example.toml");

/// Reads a specification; `-` is standard input.
///
/// # Errors
/// Fails if the file cannot be read or is not valid; the error has the line and column.
pub fn read_spec(path: &Path) -> Result<ClusterSpec> {
    let text = read_text(path)?;
    toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
}

/// Reads outputs of the AWS CLI.
///
/// # Errors
/// Fails if a file cannot be read, or is not an output about the specification. The error names the file.
pub fn read_observed(spec: &ClusterSpec, paths: &[impl AsRef<Path>]) -> Result<Observed> {
    let mut observed = Observed::default();
    for path in paths.iter().map(AsRef::as_ref) {
        let text = read_text(path)?;
        observed.read(spec, &text).with_context(|| format!("cannot use {}", path.display()))?;
    }
    Ok(observed)
}

/// Reads a regular file of at most [`LARGEST`] bytes, or standard input.
fn read_text(path: &Path) -> Result<String> {
    let what = || format!("cannot read {}", path.display());
    if path == Path::new("-") {
        let bytes = flynn_config::read_file(path).with_context(what)?;
        return String::from_utf8(bytes).with_context(what);
    }
    let about = fs::metadata(path).with_context(what)?;
    ensure!(
        about.is_file() && about.len() <= LARGEST,
        "{}: it is not a file of at most 64 MB",
        what()
    );
    fs::read_to_string(path).with_context(what)
}

/// Returns all documents of a specification as one JSON object.
///
/// # Errors
/// Fails if the key is not valid.
pub fn documents(
    spec: &ClusterSpec,
    observed: &Observed,
    plan: &Plan,
    key: Option<&AccessKey>,
) -> Result<Value> {
    let env = spec.blobstore_env(key).context("cannot use the key")?;
    let env: Map<String, Value> = env.iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
    let nothing = Inventory::default();
    let findings = preflight(spec, observed.inventory.as_ref().unwrap_or(&nothing));
    let dns = spec.dns_plan();
    Ok(json!({
        "policy": spec.policy(),
        "operator_policy": operator_policy(spec),
        "blobstore_env": env,
        "change_batch": dns.change_batch(),
        "zone_lines": dns.zone_lines(),
        "security_groups": spec.security_groups(),
        "preflight": findings,
        "plan": plan,
    }))
}
