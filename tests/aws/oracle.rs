//! Compares with Python: AWS's own models, a DNS library, and an independent reader of the blobstore's env.

use std::io::Write as _;
use std::process::{Command, Stdio};

use flynn_aws::ClusterSpec;
use flynn_aws::blobstore::{BackendKind, Blobstore, S3Access};
use flynn_aws::plan::{Action, Ec2Action, IamAction, Observed, Plan, Route53Action, S3Action};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// Runs a check of `oracle.py`, which prints the problems.
fn ask(check: &str, document: &Value) {
    let python = std::env::var("FLYNN_AWS_PYTHON")
        .unwrap_or_else(|_| panic!("run these tests by `cargo xtask test-aws`"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/aws/oracle.py");
    let mut child = Command::new(python)
        .args([script, check])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(document.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim() == "fine", "{check}: {said}");
}

fn specs() -> Vec<ClusterSpec> {
    ["weighted", "multi-value", "simple"]
        .into_iter()
        .flat_map(|routing| {
            ["key", "ec2-role"].map(|access| {
                toml::from_str(&format!(
                    "domain = \"cluster.example.com\"\n\
                     nodes = [{{ name = \"a\", public_ip = \"203.0.113.10\" }}, \
                     {{ name = \"b\", public_ip = \"2600::1\" }}]\n\
                     [dns]\nrouting = \"{routing}\"\nzone_id = \"Z1D633PJN98FT9\"\n\
                     [blobstore]\nbucket = \"acme-blobs\"\nregion = \"eu-west-1\"\naccess = \"{access}\"\n\
                     versioning = true\n[network]\ntcp_routes = true\nssh_from = [\"198.51.100.0/24\"]\n\
                     services = [\"search\"]\n"
                ))
                .unwrap()
            })
        })
        .collect()
}

/// AWS's own models accept every document of every step.
#[test]
fn aws_models_take_our_documents() {
    let mut calls = Vec::new();
    let mut call = |service: &str, operation: &str, input: Value| {
        calls.push(json!({"service": service, "operation": operation, "input": input}));
    };
    for spec in specs() {
        let plan = Plan::new(&spec, &Observed::default());
        for check in spec.dns_plan().health_checks() {
            call("route53", "CreateHealthCheck", serde_json::to_value(check).unwrap());
        }
        for group in serde_json::to_value(spec.security_groups()).unwrap().as_array().unwrap() {
            call(
                "ec2",
                "CreateSecurityGroup",
                json!({"GroupName": group["GroupName"], "Description": group["Description"]}),
            );
            call(
                "ec2",
                "AuthorizeSecurityGroupIngress",
                json!({"GroupId": "sg-1", "IpPermissions": group["IpPermissions"]}),
            );
        }
        for action in
            plan.steps.iter().flat_map(|step| [Some(&step.action), step.undo.as_ref()]).flatten()
        {
            match action {
                Action::Route53(Route53Action::ChangeRecords { zone, batch }) => {
                    let batch = Route53Action::resolve(batch.clone(), |_| Some("an-id".to_owned()))
                        .unwrap();
                    call(
                        "route53",
                        "ChangeResourceRecordSets",
                        json!({"HostedZoneId": zone, "ChangeBatch": batch}),
                    );
                }
                Action::Iam(IamAction::CreateUser { user, .. }) => {
                    call("iam", "CreateUser", json!({"UserName": user, "Path": "/flynn/"}));
                }
                Action::Iam(IamAction::PutPolicy { policy, document, .. }) => {
                    let document = document.to_string();
                    call(
                        "iam",
                        "PutUserPolicy",
                        json!({"UserName": "u", "PolicyName": policy, "PolicyDocument": document}),
                    );
                }
                Action::Iam(IamAction::CreateRole { role, trust, .. }) => {
                    let trust = trust.to_string();
                    call(
                        "iam",
                        "CreateRole",
                        json!({"RoleName": role, "Path": "/flynn/", "AssumeRolePolicyDocument": trust}),
                    );
                }
                Action::S3(S3Action::SetLifecycle { bucket, rules }) if !rules.is_empty() => {
                    call(
                        "s3",
                        "PutBucketLifecycleConfiguration",
                        json!({"Bucket": bucket, "LifecycleConfiguration": {"Rules": rules}}),
                    );
                }
                Action::S3(S3Action::SetPublicAccess { bucket, block: Some(block) }) => {
                    call(
                        "s3",
                        "PutPublicAccessBlock",
                        json!({"Bucket": bucket, "PublicAccessBlockConfiguration": block}),
                    );
                }
                Action::S3(S3Action::SetOwnership { bucket, ownership: Some(ownership) }) => {
                    call(
                        "s3",
                        "PutBucketOwnershipControls",
                        json!({"Bucket": bucket,
                        "OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}),
                    );
                }
                Action::Ec2(Ec2Action::CreateSecurityGroup { group, description, .. }) => {
                    call(
                        "ec2",
                        "CreateSecurityGroup",
                        json!({"GroupName": group, "Description": description}),
                    );
                }
                _ => {}
            }
        }
    }
    assert!(calls.len() > 60, "{}", calls.len());
    ask("models", &json!(calls));
}

#[test]
fn a_dns_library_reads_the_zone_lines() {
    for spec in specs() {
        let plan = spec.dns_plan();
        ask(
            "zone",
            &json!({"domain": plan.domain(), "nodes": plan.nodes(), "lines": plan.zone_lines()}),
        );
    }
}

/// Both readers agree on 20,000 valid and broken envs: whether the blobstore starts, where blobs go, and the settings
/// of each backend.
#[test]
fn two_readers_agree_on_envs() {
    let mut random = fastrand::Rng::with_seed(16);
    let envs: Vec<Value> = (0..20_000)
        .map(|_| {
            let env = random_env(&mut random);
            let read = Blobstore::read(env.iter().map(|(k, v)| (k, v)));
            let backends: serde_json::Map<String, Value> = read
                .backends()
                .iter()
                .map(|found| {
                    let values = found.backend.as_ref().map(|backend| values(backend.kind()));
                    (found.name.to_string(), values.into())
                })
                .collect();
            let env: serde_json::Map<String, Value> =
                env.into_iter().map(|(k, v)| (k, v.into())).collect();
            json!({"env": env, "starts": read.starts(), "default": read.default_backend(), "backends": backends})
        })
        .collect();
    let starting = envs.iter().filter(|env| env["starts"] == true).count();
    assert!((2_000..18_000).contains(&starting), "{starting}");
    ask("envs", &json!(envs));
}

fn values(kind: &BackendKind) -> Value {
    match kind {
        BackendKind::S3(s3) => {
            let mut values = json!({"bucket": s3.bucket(), "region": s3.region()});
            if let S3Access::Key { id, secret } = s3.access() {
                values["access_key_id"] = id.as_str().into();
                values["secret_access_key"] = secret.expose_secret().into();
            }
            values
        }
        BackendKind::Minio(minio) => {
            json!({"bucket": minio.bucket(), "endpoint": minio.endpoint(), "insecure": minio.is_insecure()})
        }
        BackendKind::Azure(azure) => {
            json!({"container": azure.container(), "account_name": azure.account_name()})
        }
        BackendKind::Gcs(gcs) => json!({"bucket": gcs.bucket()}),
        other => panic!("{other:?}"),
    }
}

fn random_env(random: &mut fastrand::Rng) -> Vec<(String, String)> {
    let pick = |random: &mut fastrand::Rng, list: &[&str]| {
        random.choice(list).copied().unwrap_or("").to_owned()
    };
    let mut env: Vec<(String, String)> = Vec::new();
    for _ in 0..random.usize(0..3) {
        let name = pick(random, &["S3MAIN", "S3MAIN", "A", "B2", "b", "M_X", ""]);
        let mut definition = String::new();
        let kind = pick(random, &["s3", "s3", "s3", "minio", "azure", "gcs", "S3", ""]);
        let mut tokens = vec![format!("backend={kind}")];
        for (key, values) in [
            (
                "bucket",
                &["acme-blobs", "acme-blobs", "acme-blobs", "other.blobs", "\"acme\"", ""][..],
            ),
            (
                "region",
                &[
                    "us-east-1",
                    "us-east-1",
                    "eu-west-1",
                    "cn-north-1",
                    "AWS_REGION",
                    "us-east-1a",
                    "",
                ],
            ),
            (
                "access_key_id",
                &["AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE", ""],
            ),
            ("secret_access_key", &["abc/DEF+0=", "abc/DEF+0=", "'abc'", "$SECRET", ""]),
            ("ec2_role", &["true", "True", "false"]),
            (
                "endpoint",
                &["minio.acme.test:9000", "minio.acme.test:9000", "https://minio.acme.test"],
            ),
            ("insecure", &["true", "TRUE", "no"]),
            ("container", &["blobs", "blobs", ""]),
            ("account_name", &["acme", "acme", ""]),
            ("account_key", &["key==", "key==", ""]),
            ("Bucket", &["x"]),
        ] {
            let wanted = match key {
                "ec2_role" => 6,
                "Bucket" => 25,
                "insecure" => 4,
                _ => 1,
            };
            if random.usize(0..wanted) == 0 && random.usize(0..12) > 0 {
                tokens.push(format!("{key}={}", pick(random, values)));
            }
        }
        if random.usize(0..20) == 0 {
            tokens.push("loose".to_owned());
        }
        if random.bool() {
            random.shuffle(&mut tokens);
        }
        for token in tokens {
            definition.push_str(&token);
            definition.push_str(if random.usize(0..25) == 0 { "  " } else { " " });
        }
        let variable = format!("BACKEND_{name}");
        if !env.iter().any(|(known, _)| *known == variable) {
            env.push((variable.clone(), definition));
        }
        if random.usize(0..5) == 0 {
            let raw = pick(random, &["BUCKET", "REGION", "bucket", "CONTAINER"]);
            let raw = format!("{variable}_{raw}");
            if !env.iter().any(|(known, _)| *known == raw) {
                env.push((raw, pick(random, &["acme-raw", "eu-west-1", "two words"])));
            }
        }
    }
    if random.usize(0..4) > 0 {
        env.push((
            "DEFAULT_BACKEND".to_owned(),
            pick(random, &["s3main", "s3main", "a", "postgres", "S3MAIN", "", "nope"]),
        ));
    }
    if random.usize(0..6) == 0 {
        env.push(("AWS_REGION".to_owned(), pick(random, &["us-west-2", "us-east-1", "nowhere"])));
    }
    env
}
