//! Reads any text as each document of AWS, as an env and as a job's output. An error is one sentence, and a valid
//! document gives a plan that serializes.
#![no_main]

use flynn_aws::blobstore::{Blobstore, MigrationLog};
use flynn_aws::dns::Zone;
use flynn_aws::plan::{Observed, Plan, Step};
use flynn_aws::policy::Policy;
use flynn_aws::preflight::{Inventory, preflight};
use flynn_aws::{ClusterSpec, Error};
use libfuzzer_sys::fuzz_target;

fn short(error: Error) {
    let text = format!("{error} {error:?}");
    assert!(text.len() < 2000 && !error.to_string().contains('\n'), "{text}");
}

fn spec() -> ClusterSpec {
    serde_json::from_str(
        r#"{"domain": "example.com", "nodes": [{"name": "a", "public_ip": "203.0.113.10"}],
            "blobstore": {"bucket": "acme-blobs", "region": "us-east-1", "access": "ec2-role"},
            "network": {"services": ["search"]}}"#,
    )
    .expect("a good specification")
}

fuzz_target!(|input: &[u8]| {
    let mut log = MigrationLog::default();
    log.push(input);
    let _ = log.judge("s3main", [("DEFAULT_BACKEND", "s3main")], 0);
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = serde_json::from_str::<ClusterSpec>(text);
    let _ = serde_json::from_str::<Step>(text);
    let _ = Blobstore::read([("BACKEND_A", text), ("DEFAULT_BACKEND", "a")]);
    let _ = Zone::read(text).map_err(short);

    let spec = spec();
    let mut inventory = Inventory::default();
    if inventory.read(text).is_ok() {
        preflight(&spec, &inventory);
    }
    if let Ok(findings) = Policy::for_blobstore(&"acme-blobs".parse().expect("a name"), &"us-east-1".parse().expect("a region")).check(text) {
        assert!(findings.iter().all(|finding| !finding.to_string().contains('\n')));
    }
    let mut observed = Observed::default();
    if let Err(error) = observed.read(&spec, text) {
        return short(error);
    }
    let plan = Plan::new(&spec, &observed);
    let steps = serde_json::to_string(&plan.steps).expect("steps serialize");
    assert_eq!(serde_json::from_str::<Vec<Step>>(&steps).expect("and are read back"), plan.steps);
});
