//! Plans: for an empty account, for one that needs no change, and after drift.

use flynn_aws::ClusterSpec;
use flynn_aws::plan::{
    Action, Observed, Plan, PlanOptions, S3Action, Service, Step, operator_policy, script,
};
use serde_json::{Value, json};

use crate::spec::{SPEC, spec};

/// Returns outputs of the AWS CLI for an account that matches the specification.
pub(crate) fn outputs() -> Vec<Value> {
    let user = "flynn-blobstore-example.com";
    let tag = json!([{"Key": "flynn-cluster", "Value": "example.com"}]);
    let check = |ip: &str| {
        json!({"Id": format!("id-{ip}"), "CallerReference": format!("mine-{ip}"), "HealthCheckVersion": 1,
        "HealthCheckConfig": {"IPAddress": ip, "Port": 80, "Type": "HTTP", "ResourcePath": "/ping",
            "FullyQualifiedDomainName": "controller.example.com", "RequestInterval": 30, "FailureThreshold": 3,
            "MeasureLatency": false, "Inverted": false, "Disabled": false, "EnableSNI": false}})
    };
    let record = |ip: &str| {
        json!({"Name": "example.com.", "Type": "A", "SetIdentifier": format!("node-{ip}"), "Weight": 10, "TTL": 60,
        "ResourceRecords": [{"Value": ip}], "HealthCheckId": format!("id-{ip}")})
    };
    let ips = ["203.0.113.10", "203.0.113.11", "203.0.113.12"];
    let mut records: Vec<Value> = ips.map(record).to_vec();
    records.push(json!({"Name": "\\052.example.com.", "Type": "CNAME", "TTL": 3600,
        "ResourceRecords": [{"Value": "example.com."}]}));
    let own = |id: &str| json!({"IpProtocol": "-1", "IpRanges": [], "UserIdGroupPairs": [{"GroupId": id, "UserId": "1"}]});
    let tcp = |from: u16, to: u16, range: &str| {
        json!({"IpProtocol": "tcp", "FromPort": from, "ToPort": to, "IpRanges": [{"CidrIp": range}],
        "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []})
    };
    vec![
        json!({"Buckets": [{"Name": "acme-flynn-blobs", "CreationDate": "2026-01-01T00:00:00+00:00"}], "Owner": {}}),
        json!({"LocationConstraint": null}),
        json!({"TagSet": tag}),
        json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": true, "IgnorePublicAcls": true,
            "BlockPublicPolicy": true, "RestrictPublicBuckets": true}}),
        json!({"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}),
        json!({"Rules": [{"ID": "other", "Filter": {"Prefix": ""}, "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]}),
        json!({"Contents": [{"Key": "x", "Size": 1}]}),
        json!({"User": {"UserName": user, "Path": "/flynn/", "UserId": "A", "Arn": "a", "Tags": tag}}),
        json!({"UserName": user, "PolicyName": "flynn-blobstore",
            "PolicyDocument": serde_json::to_value(spec().policy()).unwrap()}),
        json!({"AccessKeyMetadata": [{"UserName": user, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active",
            "CreateDate": "2026-01-01T00:00:00+00:00"}]}),
        json!({"HostedZones": [{"Id": "/hostedzone/Z1D633PJN98FT9", "Name": "example.com.",
            "CallerReference": "x", "Config": {"PrivateZone": false}, "ResourceRecordSetCount": 6}]}),
        json!({"ResourceRecordSets": records}),
        json!({"HealthChecks": ips.map(check)}),
        json!({"SecurityGroups": [
            {"GroupId": "sg-1", "GroupName": "flynn-example.com", "VpcId": "vpc-1", "IpPermissions": [
                tcp(80, 80, "0.0.0.0/0"), tcp(443, 443, "0.0.0.0/0"), tcp(3000, 3500, "0.0.0.0/0"),
                tcp(22, 22, "198.51.100.0/24"), own("sg-1")]},
            {"GroupId": "sg-2", "GroupName": "production-elasticsearch", "VpcId": "vpc-1",
                "IpPermissions": [own("sg-2")]}]}),
    ]
}

fn observe(spec: &ClusterSpec, outputs: &[Value]) -> Observed {
    let mut observed = Observed::default();
    for output in outputs {
        observed.read(spec, &output.to_string()).unwrap();
    }
    observed
}

/// Returns a plan after a change of one output.
fn after(change: impl FnOnce(&mut Vec<Value>)) -> Plan {
    let mut outputs = outputs();
    change(&mut outputs);
    Plan::new(&spec(), &observe(&spec(), &outputs))
}

fn sentences(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::sentence).collect()
}

fn codes(plan: &Plan) -> Vec<&'static str> {
    plan.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_complete_cluster_needs_no_steps() {
    let plan = after(|_| {});
    assert!(plan.holds(), "{plan:?}");
    assert_eq!(codes(&plan), [""; 0]);
}

#[test]
fn an_empty_account_needs_every_step() {
    let spec = spec();
    let nothing = [
        json!({"Buckets": [], "Owner": {}}),
        json!({"HostedZones": [{"Id": "/hostedzone/Z1D633PJN98FT9", "Name": "com."},
            {"Id": "/hostedzone/ZPRIVATE", "Name": "example.com.", "Config": {"PrivateZone": true}}]}),
        json!({"ResourceRecordSets": []}),
        json!({"HealthChecks": []}),
        json!({"SecurityGroups": []}),
    ];
    let plan = Plan::new(&spec, &observe(&spec, &nothing));
    let expected = [
        "create the bucket acme-flynn-blobs in us-east-1",
        "tag the bucket acme-flynn-blobs as that of example.com",
        "block public access to the bucket acme-flynn-blobs",
        "set the object ownership of the bucket acme-flynn-blobs to BucketOwnerEnforced",
        "abort unfinished uploads to the bucket acme-flynn-blobs after 7 days",
        "create the IAM user flynn-blobstore-example.com",
        "set the policy flynn-blobstore of the user flynn-blobstore-example.com",
        "create an access key for the user flynn-blobstore-example.com; its secret is shown once",
        "create the security group flynn-example.com",
        "allow TCP 80 from everybody in flynn-example.com",
        "allow TCP 443 from everybody in flynn-example.com",
        "allow TCP 3000-3500 from everybody in flynn-example.com",
        "allow TCP 22 from 198.51.100.0/24 in flynn-example.com",
        "allow all traffic from its members in flynn-example.com",
        "create the security group production-elasticsearch",
        "allow all traffic from its members in production-elasticsearch",
        "create the health check of 203.0.113.10",
        "create the health check of 203.0.113.11",
        "create the health check of 203.0.113.12",
        "change the records together: create example.com. A (node-203.0.113.10) 203.0.113.10; create example.com. A \
         (node-203.0.113.11) 203.0.113.11; create example.com. A (node-203.0.113.12) 203.0.113.12; create \
         *.example.com. CNAME example.com.",
    ];
    assert_eq!(sentences(&plan), expected);
    assert_eq!(codes(&plan), ["not-observed"], "{:?}", plan.findings);
    assert!(plan.steps.iter().all(|step| step.inverse().is_some()));
    // A step is read back as it was written.
    let text = serde_json::to_string(&plan.steps).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Step>>(&text).unwrap(), plan.steps);
    let first = serde_json::to_value(&plan.steps[0]).unwrap();
    assert_eq!(first["sentence"], expected[0]);
    assert_eq!(
        first["command"],
        "aws s3api create-bucket --bucket acme-flynn-blobs --region us-east-1"
    );
    assert_eq!(
        first["inverse"],
        "aws s3api delete-bucket --bucket acme-flynn-blobs --region us-east-1"
    );
    let blind = Plan::new(&spec, &Observed::default());
    assert_eq!(sentences(&blind), expected);
    assert_eq!(codes(&blind), ["not-observed"; 5]);
}

#[test]
fn each_drift_is_one_repair() {
    let one = |change: fn(&mut Vec<Value>)| sentences(&after(change));
    assert_eq!(
        one(|o| o[3]["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = json!(false)),
        ["block public access to the bucket acme-flynn-blobs"]
    );
    assert_eq!(
        one(|o| o[4]["OwnershipControls"]["Rules"][0]["ObjectOwnership"] = json!("ObjectWriter")),
        ["set the object ownership of the bucket acme-flynn-blobs to BucketOwnerEnforced"]
    );
    let plan = after(|o| {
        o[5]["Rules"][0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] = json!(30);
    });
    let Action::S3(S3Action::SetLifecycle { rules, .. }) = &plan.steps[0].action else {
        panic!("{plan:?}")
    };
    assert_eq!((rules.len(), plan.steps.len()), (2, 1), "the other rule is kept");
    assert_eq!(
        one(|o| o[8]["PolicyDocument"]["Statement"][0]["Action"] = json!("s3:GetObject")),
        ["set the policy flynn-blobstore of the user flynn-blobstore-example.com"]
    );
    assert_eq!(one(|o| o[11]["ResourceRecordSets"][0]["TTL"] = json!(5)).len(), 1);
    assert_eq!(
        one(|o| {
            o[13]["SecurityGroups"][0]["IpPermissions"].as_array_mut().unwrap().remove(1);
        }),
        ["allow TCP 443 from everybody in flynn-example.com"]
    );
    // A changed check no longer probes the node, so another one replaces it.
    let plan = after(|o| o[12]["HealthChecks"][0]["HealthCheckConfig"]["Port"] = json!(8080));
    assert_eq!(sentences(&plan)[0], "create the health check of 203.0.113.10");
    assert_eq!(plan.steps.len(), 2, "somebody else's check stays: {plan:?}");
}

/// If a node is removed, its record and then its health check are deleted. Undoing restores both.
#[test]
fn a_node_that_left_takes_its_health_check_along() {
    let spec: ClusterSpec = toml::from_str(&SPEC.replace("203.0.113.12", "203.0.113.13")).unwrap();
    let reference = "flynn-203.0.113.12-0123456789abcdef";
    let mut outputs = outputs();
    outputs[12]["HealthChecks"][2]["CallerReference"] = json!(reference);
    let plan = Plan::new(&spec, &observe(&spec, &outputs));
    let steps = sentences(&plan);
    assert_eq!(steps[0], "create the health check of 203.0.113.13");
    assert!(
        steps[1].contains("delete example.com. A (node-203.0.113.12) 203.0.113.12"),
        "{steps:?}"
    );
    assert_eq!(steps[2], format!("delete the health check {reference}"));
    let back = plan.steps[2].inverse().unwrap();
    assert_eq!(back.sentence(), "create the health check of 203.0.113.12");
    let created = back.command();
    let created = created.split("--caller-reference ").nth(1).unwrap().split(' ').next().unwrap();
    assert_ne!(created, reference, "Route53 remembers the reference");
    assert!(plan.steps[1].inverse().unwrap().command().contains(created), "{plan:?}");
}

/// Route53 remembers the references of deleted checks. A salt produces new ones.
#[test]
fn a_salt_changes_the_references() {
    let salted = SPEC.replace("[network]", "[dns]\nreference_salt = \"2\"\n[network]");
    let plans = [SPEC, &salted].map(|text| {
        let spec: ClusterSpec = toml::from_str(text).unwrap();
        Plan::new(&spec, &Observed::default()).steps.into_iter().rev().nth(1).unwrap().command()
    });
    assert!(plans[0].starts_with("aws route53 create-health-check"), "{}", plans[0]);
    assert_ne!(plans[0], plans[1]);
}

#[test]
fn buckets_and_users_of_others_are_not_touched() {
    let bucket = |change: fn(&mut Vec<Value>)| {
        let plan = after(change);
        assert!(plan.steps.iter().all(|step| step.service() != Service::S3), "{plan:?}");
        assert!(plan.has_errors() && !plan.holds());
        codes(&plan).join(" ")
    };
    assert_eq!(bucket(|o| o[1] = json!({"LocationConstraint": "EU"})), "bucket-elsewhere");
    assert_eq!(
        bucket(|o| o[2]["TagSet"][0]["Value"] = json!("other.com")),
        "bucket-of-another-cluster"
    );
    assert_eq!(bucket(|o| o[2]["TagSet"] = json!([])), "bucket-in-use");
    let mut observed = observe(&spec(), &outputs());
    observed.bucket.as_mut().unwrap().foreign = true;
    assert_eq!(codes(&Plan::new(&spec(), &observed)), ["bucket-not-ours"]);
    let plan = after(|o| {
        o[7]["User"]["Path"] = json!("/");
        o[7]["User"]["Tags"] = json!([]);
        o[8]["PolicyDocument"] = json!({});
    });
    assert_eq!((codes(&plan), plan.steps.len()), (vec!["identity-not-ours"], 0));
}

#[test]
fn a_second_key_is_made_on_request_and_a_third_never() {
    let (spec, mut outputs) = (spec(), outputs());
    let options = PlanOptions::default().new_key(true);
    let plan = Plan::with_options(&spec, &observe(&spec, &outputs), options);
    assert_eq!(plan.steps.len(), 1);
    let undo = plan.steps[0].inverse().unwrap();
    assert!(undo.command().contains("-e AKIAIOSFODNN7EXAMPLE"), "{}", undo.command());
    let mut second = outputs[9]["AccessKeyMetadata"][0].clone();
    second["AccessKeyId"] = json!("AKIAI44QH8DHBEXAMPLE");
    outputs[9]["AccessKeyMetadata"].as_array_mut().unwrap().push(second);
    let plan = Plan::with_options(&spec, &observe(&spec, &outputs), options);
    assert_eq!((codes(&plan), plan.steps.len()), (vec!["two-keys"], 0));
    let told = plan.findings[0].to_string();
    for part in
        ["AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE", "created 2026-01-01", "never seen in use"]
    {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_role_and_its_profile_are_planned_and_undone() {
    let text = SPEC.replace("region =", "access = \"ec2-role\"\nregion =");
    let spec: ClusterSpec = toml::from_str(&text).unwrap();
    let mut outputs = outputs();
    outputs.drain(7..10);
    let plan = Plan::new(&spec, &observe(&spec, &outputs));
    assert_eq!(plan.steps.len(), 4, "{plan:?}");
    outputs.extend([
        json!({"Role": {"RoleName": "flynn-blobstore-example.com", "Path": "/flynn/", "Arn": "x"}}),
        json!({"RoleName": "flynn-blobstore-example.com", "PolicyName": "flynn-blobstore",
            "PolicyDocument": serde_json::to_value(spec.policy()).unwrap()}),
        json!({"InstanceProfile": {"InstanceProfileName": "flynn-blobstore-example.com", "Roles": [
            {"RoleName": "flynn-blobstore-example.com"}]}}),
    ]);
    let plan = Plan::new(&spec, &observe(&spec, &outputs));
    assert!(plan.holds(), "{plan:?}");
}

#[test]
fn the_zone_must_be_there_once_and_public() {
    let found = |zones: Value| codes(&after(move |o| o[10]["HostedZones"] = zones)).join(" ");
    assert_eq!(found(json!([])), "no-hosted-zone");
    let private = json!([{"Id": "Z1", "Name": "example.com.", "Config": {"PrivateZone": true}}]);
    assert_eq!(found(private), "no-hosted-zone");
    let other = json!([{"Id": "Z1", "Name": "badexample.com."}]);
    assert_eq!(found(other), "no-hosted-zone");
    let two = json!([{"Id": "Z1", "Name": "example.com."}, {"Id": "Z2", "Name": "example.com."}]);
    assert_eq!(found(two), "several-hosted-zones");
    let longest = json!([{"Id": "Z1", "Name": "com."}, {"Id": "Z2", "Name": "example.com."}]);
    let plan = after(move |o| {
        o[10]["HostedZones"] = longest;
        o[11]["ResourceRecordSets"][0]["TTL"] = json!(5);
    });
    assert!(plan.steps[0].command().contains("--hosted-zone-id Z2 "), "{plan:?}");
}

#[test]
fn a_conflict_in_the_zone_stops_the_health_checks_too() {
    let plan = after(|o| {
        o[11] = json!({"ResourceRecordSets": [{"Name": "example.com.", "Type": "A", "TTL": 60,
            "ResourceRecords": [{"Value": "198.51.100.1"}]}]});
        o[12] = json!({"HealthChecks": []});
    });
    assert_eq!((codes(&plan), plan.steps.len()), (vec!["conflicting-record"], 0));
}

#[test]
fn outputs_of_other_resources_are_refused() {
    let mut observed = Observed::default();
    for (output, says) in [
        (
            json!({"User": {"UserName": "joe", "Path": "/"}}),
            "not about flynn-blobstore-example.com",
        ),
        (json!({"AccessKey": {"SecretAccessKey": "MARKED"}}), "not about anything"),
        (json!({"Clusters": []}), "[\"Clusters\"]"),
        (json!({"HealthChecks": [{"Id": 1}]}), "list-health-checks is damaged"),
        (json!([]), "--query"),
    ] {
        let error = observed.read(&spec(), &output.to_string()).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("MARKED"), "{error}");
    }
    assert_eq!(observed.bucket.map(|bucket| bucket.exists), Some(false));
}

/// The script runs in a shell, and every document in it arrives as it was.
#[test]
fn the_script_passes_its_documents_through_a_shell() {
    let plan = Plan::new(&spec(), &Observed::default());
    let home = std::env::temp_dir().join(format!("flynn-aws-script-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    let aws = home.join("aws");
    // Prints an id, and logs one argument per line.
    std::fs::write(
        &aws,
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" --end >>{0}/log\necho the-id\n", home.display()),
    )
    .unwrap();
    let chmod = std::process::Command::new("chmod").arg("+x").arg(&aws).status().unwrap();
    assert!(chmod.success());
    let undo: Vec<Step> = plan.steps.iter().rev().filter_map(Step::inverse).collect();
    for steps in [&plan.steps, &undo] {
        let output = std::process::Command::new("sh")
            .args(["-c", &script(steps, &[])])
            .env("PATH", format!("{}:/usr/bin:/bin", home.display()))
            .env("ZONE_ID", "Z1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let log = std::fs::read_to_string(home.join("log")).unwrap();
    let batch = log.lines().find(|line| line.contains("\"Changes\"")).unwrap();
    let batch: Value = serde_json::from_str(batch).unwrap();
    assert_eq!(batch["Changes"][0]["ResourceRecordSet"]["HealthCheckId"], "the-id");
    let policy = log.lines().find(|line| line.contains("s3:DeleteObject")).unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    assert_eq!(policy, serde_json::to_value(spec().policy()).unwrap());
    assert!(log.contains(
        "delete-access-key\n--user-name\nflynn-blobstore-example.com\n--access-key-id\nthe-id\n"
    ));
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn the_operators_policy_covers_every_step() {
    let policy = operator_policy(&spec()).to_json();
    for action in [
        "s3:CreateBucket",
        "s3:DeleteBucket",
        "s3:PutBucketTagging",
        "iam:CreateAccessKey",
        "iam:PutUserPolicy",
        "route53:ChangeResourceRecordSets",
        "route53:CreateHealthCheck",
        "ec2:AuthorizeSecurityGroupIngress",
        "route53:GetChange",
        "s3:ListAllMyBuckets",
    ] {
        assert!(policy.contains(action), "{action}");
    }
    assert!(!policy.contains("\"s3:*\"") && !policy.contains("\"iam:*\""));
}

mod any_input {
    use flynn_aws::policy::Policy;
    use flynn_aws::preflight::{Inventory, preflight};
    use proptest::prelude::*;

    use super::*;

    /// Any JSON value, with the field names of the AWS CLI among its keys.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z0-9./:*-]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let keys = "Name|Type|Key|Value|Id|Rules|IpPermissions|GroupId|Statement|Effect|Action|Resource|[A-Z][a-z]{0,5}";
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(keys, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// No output makes a reader panic, and a refusal is one line.
        #[test]
        fn is_read_or_refused(which in 0..14_usize, key in "[A-Za-z]{1,12}", with in value()) {
            let mut output = outputs().swap_remove(which);
            // One random field is replaced.
            let mut at = &mut output;
            loop {
                let next = match at {
                    Value::Object(map) if !map.is_empty() => {
                        let name = map.keys().min_by_key(|name| name.len().abs_diff(key.len())).cloned();
                        name.and_then(|name| map.get_mut(&name))
                    }
                    Value::Array(list) => list.first_mut(),
                    _ => None,
                };
                match next {
                    Some(next) if next.is_object() || next.is_array() => at = next,
                    Some(next) => {
                        *next = with;
                        break;
                    }
                    None => break,
                }
            }
            let text = output.to_string();
            let mut observed = Observed::default();
            match observed.read(&spec(), &text) {
                Ok(()) => drop(Plan::new(&spec(), &observed)),
                Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
            }
            let mut inventory = Inventory::default();
            if inventory.read(&text).is_ok() {
                preflight(&spec(), &inventory);
            }
            let policy: Policy = spec().policy().unwrap();
            let _ = policy.check(&text);
        }
    }
}
