//! Hosts as EC2 describes them.

use flynn_aws::preflight::{Inventory, preflight};
use flynn_aws::{ClusterSpec, Severity};
use serde_json::{Value, json};

use crate::plan::outputs;
use crate::spec::{SPEC, spec};

fn instance(number: u8) -> Value {
    json!({
        "InstanceId": format!("i-{number}"), "InstanceType": "m5.large", "Architecture": "x86_64",
        "Placement": {"AvailabilityZone": format!("us-east-1{}", char::from(b'a' + number))},
        "PublicIpAddress": format!("203.0.113.{}", 10 + number),
        "PrivateIpAddress": format!("10.0.{}.{}", number + 1, 10 + number),
        "VpcId": "vpc-1", "State": {"Code": 16, "Name": "running"},
        "Tags": [{"Key": "Name", "Value": format!("node{}", number + 1)}],
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "flynn-example.com"},
            {"GroupId": "sg-2", "GroupName": "production-elasticsearch"}],
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeId": format!("vol-{number}")}}],
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
    })
}

/// Instances, volumes, addresses, security groups.
fn documents() -> [Value; 4] {
    let numbers = [0_u8, 1, 2];
    [
        json!({"Reservations": [{"Instances": numbers.map(instance)}]}),
        json!({"Volumes": numbers.map(|n| json!({"VolumeId": format!("vol-{n}"), "Size": 50}))}),
        json!({"Addresses": numbers.map(|n| json!({"PublicIp": format!("203.0.113.{}", 10 + n), "InstanceId": format!("i-{n}")}))}),
        outputs().pop().unwrap(),
    ]
}

fn codes(spec: &ClusterSpec, change: impl FnOnce(&mut [Value; 4])) -> Vec<String> {
    let mut documents = documents();
    change(&mut documents);
    let mut inventory = Inventory::default();
    for document in documents {
        inventory.read(&document.to_string()).unwrap();
    }
    let findings = preflight(spec, &inventory);
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.subject)).collect()
}

fn first(documents: &mut [Value; 4]) -> &mut Value {
    let [instances, ..] = documents;
    instances.pointer_mut("/Reservations/0/Instances/0").unwrap()
}

#[test]
fn a_good_cluster_has_no_findings() {
    assert_eq!(codes(&spec(), |_| {}), [""; 0]);
    assert_eq!(preflight(&spec(), &Inventory::default()), []);
}

#[test]
fn each_fault_of_a_host_is_found() {
    let one = |change: fn(&mut [Value; 4])| codes(&spec(), change);
    assert_eq!(one(|d| first(d)["Architecture"] = json!("arm64")), ["arm node1"]);
    assert_eq!(one(|d| first(d)["State"]["Name"] = json!("stopped")), ["not-running node1"]);
    assert_eq!(
        one(|d| first(d)["PrivateIpAddress"] = json!("10.9.9.9")),
        ["private-ip-differs node1"]
    );
    assert_eq!(one(|d| first(d)["VpcId"] = json!("vpc-2")), ["vpcs-differ hosts"]);
    assert_eq!(one(|d| d[1]["Volumes"][0]["Size"] = json!(51)), ["disk-sizes-differ hosts"]);
    assert_eq!(one(|d| d[2]["Addresses"] = json!([])).len(), 3);
    assert_eq!(
        one(|d| first(d)["PublicIpAddress"] = json!("198.51.100.1")),
        ["node-not-found node1"]
    );
    let gone = one(|d| first(d)["State"]["Name"] = json!("terminated"));
    assert_eq!(gone, ["node-not-found node1", "two-hosts hosts"]);
    let zone = one(|d| first(d)["Placement"]["AvailabilityZone"] = json!("us-east-1b"));
    assert_eq!(zone, ["zone-majority hosts"]);
}

#[test]
fn open_internal_ports_are_critical() {
    let world = |d: &mut [Value; 4], from: i32, to: i32, protocol: &str, range: &str| {
        d[3]["SecurityGroups"][0]["IpPermissions"].as_array_mut().unwrap().push(json!({
            "IpProtocol": protocol, "FromPort": from, "ToPort": to, "IpRanges": [{"CidrIp": range}]}));
    };
    for (from, to, protocol, range) in [
        (1113, 1113, "tcp", "0.0.0.0/0"),
        (0, 65535, "tcp", "0.0.0.0/0"),
        (-1, -1, "-1", "0.0.0.0/1"),
        (53, 53, "udp", "203.0.113.0/24"),
        (-1, -1, "50", "0.0.0.0/0"),
    ] {
        let found = codes(&spec(), |d| world(d, from, to, protocol, range));
        assert_eq!(found.len(), 3, "one per node: {found:?}");
        assert!(found[0].starts_with("internal-ports-open node1: "), "{found:?}");
    }
    assert_eq!(codes(&spec(), |d| world(d, 22, 22, "tcp", "0.0.0.0/0")).len(), 3);
    // Another instance in the nodes' group reaches everything.
    let mut documents = documents();
    let mut stranger = instance(7);
    stranger["SecurityGroups"] = json!([{"GroupId": "sg-1", "GroupName": "x"}]);
    documents[0]["Reservations"].as_array_mut().unwrap().push(json!({"Instances": [stranger]}));
    let mut inventory = Inventory::default();
    for document in &documents {
        inventory.read(&document.to_string()).unwrap();
    }
    let findings = preflight(&spec(), &inventory);
    assert_eq!((findings[0].code, findings[0].severity), ("stranger-in-group", Severity::Critical));
}

#[test]
fn closed_ports_and_missing_documents_are_told() {
    let closed = codes(&spec(), |d| {
        d[3]["SecurityGroups"][0]["IpPermissions"].as_array_mut().unwrap().remove(0);
    });
    assert_eq!(closed[0], "public-port-closed node1: port 80");
    let apart = codes(&spec(), |d| {
        d[3]["SecurityGroups"][0]["IpPermissions"].as_array_mut().unwrap().pop();
        d[3]["SecurityGroups"][1]["IpPermissions"] = json!([]);
    });
    assert_eq!(apart[0], "nodes-apart node1: between hosts");
    let unknown = codes(&spec(), |d| {
        d[3]["SecurityGroups"].as_array_mut().unwrap().pop();
    });
    assert_eq!(unknown[0], "unknown-group node1");
}

/// Flynn's S3 client cannot use `IMDSv2`.
#[test]
fn a_role_needs_imdsv1_and_the_profile() {
    let text = SPEC.replace("region =", "access = \"ec2-role\"\nregion =");
    let spec: ClusterSpec = toml::from_str(&text).unwrap();
    let found = codes(&spec, |_| {});
    assert_eq!(found.len(), 6, "{found:?}");
    assert_eq!(found[..2], ["imdsv2-required node1", "instance-profile node1"]);
    let good = codes(&spec, |d| {
        for instance in d[0]["Reservations"][0]["Instances"].as_array_mut().unwrap() {
            instance["MetadataOptions"]["HttpTokens"] = json!("optional");
            instance["IamInstanceProfile"] = json!({"Id": "x",
                "Arn": "arn:aws:iam::123456789012:instance-profile/flynn/flynn-blobstore-example.com"});
        }
    });
    assert_eq!(good, [""; 0]);
}

#[test]
fn other_documents_are_refused() {
    for (text, says) in [
        ("{\"HostedZones\": []}", "not an output of aws ec2"),
        ("{\"Reservations\": [{\"Instances\": [", "cut off"),
        ("{\"Reservations\": [{\"Instances\": [{}]}]}", "damaged"),
    ] {
        let error = Inventory::default().read(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
