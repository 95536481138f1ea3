//! Specifications: what is accepted, and how mistakes are reported.

use flynn_aws::spec::Access;
use flynn_aws::{ClusterSpec, policy::BLOBSTORE_ACTIONS};

pub(crate) const SPEC: &str = r#"
domain = "example.com"
version = "v20161015.2"

[[nodes]]
name = "node1"
public_ip = "203.0.113.10"
private_ip = "10.0.1.10"

[[nodes]]
name = "node2"
public_ip = "203.0.113.11"
private_ip = "10.0.2.11"

[[nodes]]
name = "node3"
public_ip = "203.0.113.12"
private_ip = "10.0.3.12"

[blobstore]
bucket = "acme-flynn-blobs"
region = "us-east-1"

[network]
ssh_from = ["198.51.100.0/24"]
tcp_routes = true
services = ["production-elasticsearch"]
"#;

pub(crate) fn spec() -> ClusterSpec {
    toml::from_str(SPEC).unwrap()
}

#[test]
fn documents_follow_from_the_spec() {
    let spec = spec();
    assert_eq!(spec.identity().as_str(), "flynn-blobstore-example.com");
    assert_eq!(spec.policy().unwrap().statement[0].action, BLOBSTORE_ACTIONS);
    let env = spec.blobstore_env(None).unwrap();
    assert_eq!(
        env.get("BACKEND_S3MAIN"),
        Some(
            "backend=s3 region=us-east-1 bucket=acme-flynn-blobs access_key_id=ACCESS_KEY_ID \
             secret_access_key=SECRET_ACCESS_KEY"
        )
    );
    assert_eq!(env.get("DEFAULT_BACKEND"), Some("s3main"));
    assert_eq!(spec.dns_plan().nodes().len(), 3);
    let groups = serde_json::to_value(spec.security_groups()).unwrap();
    assert_eq!(groups[0]["GroupName"], "flynn-example.com");
    assert_eq!(groups[1]["GroupName"], "production-elasticsearch");
    let ports: Vec<_> = groups[0]["IpPermissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["FromPort"].as_u64())
        .collect();
    assert_eq!(ports, [Some(80), Some(443), Some(3000), Some(22), None]);
    let again: ClusterSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
}

#[test]
fn a_role_needs_no_key() {
    let spec: ClusterSpec =
        toml::from_str(&SPEC.replace("region =", "access = \"ec2-role\"\nregion =")).unwrap();
    assert_eq!(spec.blobstore.as_ref().unwrap().access, Access::Ec2Role);
    let env = spec.blobstore_env(None).unwrap();
    assert!(env.get("BACKEND_S3MAIN").unwrap().ends_with("ec2_role=true"));
}

/// Every mistake is reported with its line and what to do.
#[test]
fn mistakes_are_reported_with_line_and_column() {
    for (from, to, line, says) in [
        ("\"example.com\"", "\"example.com:8443\"", 2, "it has a port"),
        ("\"example.com\"", "\"https://example.com\"", 2, "a URL is not a domain"),
        ("\"example.com\"", "\"*.example.com\"", 2, "wildcard"),
        ("\"example.com\"", "\"localhost\"", 2, "only one label"),
        ("v20161015.2", "2016", 3, "write it like v20161015.2"),
        ("203.0.113.10", "10.0.1.10", 7, "private address"),
        ("203.0.113.10", "host.example.com", 7, "not an IP address"),
        ("10.0.1.10", "203.0.113.77", 5, "is a public one"),
        ("203.0.113.11", "203.0.113.10", 5, "two nodes have the address 203.0.113.10"),
        ("node2", "node1", 5, "two nodes have the name"),
        ("10.0.2.11", "10.0.1.10", 5, "same private address"),
        ("name = \"node1\"", "name = \"\"", 5, "name of a node"),
        ("private_ip = \"10.0.3.12\"", "ip = \"10.0.3.12\"", 18, "unknown field `ip`"),
        ("acme-flynn-blobs", "Acme_Blobs", 21, "lower-case letters"),
        ("us-east-1", "us-east-1a", 22, "availability zone"),
        ("us-east-1", "eusc-de-east-1", 22, "amazonaws.com"),
        ("us-east-1", "$AWS_REGION", 22, "not expanded"),
        ("region =", "backend = \"S3-Main\"\nregion =", 22, "lower-case letters and digits"),
        ("region =", "acess = \"key\"\nregion =", 22, "unknown field `acess`"),
        ("region =", "access = \"iam\"\nregion =", 22, "unknown variant `iam`"),
        ("198.51.100.0/24", "198.51.100.0", 25, "is not an address range"),
        ("198.51.100.0/24", "198.51.100.7/24", 25, "bits set after /24"),
        ("production-elasticsearch", "sg-0a1b", 27, "security group"),
        ("tcp_routes = true", "tcp_routes = \"yes\"", 26, "expected a boolean"),
        ("[network]", "[network]\nvpc = \"default\"", 25, "vpc-0a1b2c3d"),
        ("[network]", "[dns]\nzone_id = \"/hostedzone/Z1\"\n[network]", 25, "hosted zone"),
        ("[network]", "[dns]\nrouting = \"latency\"\n[network]", 25, "unknown variant `latency`"),
        ("domain = ", "domian = ", 2, "unknown field `domian`"),
    ] {
        let text = SPEC.replacen(from, to, 1);
        let error = toml::from_str::<ClusterSpec>(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("line {line},")), "{to}: {error}");
        assert!(error.contains(says), "{to}: {error}");
    }
    let nobody = "domain = \"example.com\"\nnodes = []";
    let error = toml::from_str::<ClusterSpec>(nobody).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("at least one"), "{error}");
}
