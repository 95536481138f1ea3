//! From an empty account to a plan without steps, and back.

use flynn_aws::blobstore::BucketCount;
use flynn_aws::live::{ErrorKind, iam, route53, s3};
use flynn_aws::plan::{Plan, PlanOptions, Step, operator_policy};
use futures_util::StreamExt as _;
use secrecy::ExposeSecret as _;

use crate::clients::{Clients, spec};

fn sentences(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::sentence).collect()
}

/// The inverses of steps, last one first.
fn undo(steps: &[Step]) -> Vec<Step> {
    steps.iter().rev().filter_map(Step::inverse).collect()
}

#[tokio::test]
async fn create_repeat_and_undo() {
    let clients = Clients::emulator();
    for more in [
        "",
        "access = \"ec2-role\"",
        "versioning = true\n[dns]\nrouting = \"multi-value\"",
        "[dns]\nrouting = \"simple\"",
    ] {
        let (spec, word) = spec(&clients, more).await;
        let before = clients.inventory(&word).await;
        let plan = clients.plan(&spec).await;
        assert!(!plan.has_errors() && plan.steps.len() > 6, "{plan:?}");
        let key = clients.apply(&plan.steps).await.unwrap();
        assert_eq!(key.is_some(), !more.contains("ec2-role"));
        if let Some(key) = &key {
            assert!(!key.secret.expose_secret().is_empty());
            assert!(!format!("{key:?}").contains(key.secret.expose_secret()));
        }
        let again = clients.plan(&spec).await;
        assert!(again.holds(), "{more}: {again:?}");
        assert_eq!(again.findings, []);
        assert_ne!(clients.inventory(&word).await, before);
        clients.apply(&undo(&plan.steps)).await.unwrap();
        assert_eq!(clients.inventory(&word).await, before, "{more}");
        assert_eq!(sentences(&clients.plan(&spec).await), sentences(&plan));
    }
}

/// A program is killed between two steps, or after it has noted the inverse and before the step runs. Resuming leads to
/// the same state, and undoing leaves nothing.
#[tokio::test]
async fn a_crash_between_any_two_steps_is_resumed_or_undone() {
    let clients = Clients::emulator();
    let steps = clients.plan(&spec(&clients, "").await.0).await.steps.len();
    for done in 0..=steps {
        let (spec, word) = spec(&clients, "").await;
        let before = clients.inventory(&word).await;
        let plan = clients.plan(&spec).await;
        clients.apply(&plan.steps[..done]).await.unwrap();
        let rest = clients.plan(&spec).await;
        assert_eq!(sentences(&rest), sentences(&plan)[done..], "after {done} steps");
        if done % 2 == 0 {
            clients.apply(&rest.steps).await.unwrap();
            assert!(clients.plan(&spec).await.holds(), "after {done} steps");
        }
        let noted = if done % 2 == 0 { steps } else { (done + 1).min(steps) };
        clients.apply(&undo(&plan.steps[..noted])).await.unwrap();
        assert_eq!(clients.inventory(&word).await, before, "after {done} steps");
    }
}

/// Steps can be repeated, except the creation of a key, which creates a second one.
#[tokio::test]
async fn steps_can_be_repeated() {
    let clients = Clients::emulator();
    for more in ["", "access = \"ec2-role\""] {
        let (spec, _) = spec(&clients, more).await;
        let plan = clients.plan(&spec).await;
        for step in &plan.steps {
            clients.apply([step]).await.unwrap();
            let once = step.sentence().contains("access key")
                || step.sentence().contains("health check")
                || step.sentence().contains("add the role");
            if !once {
                clients
                    .apply([step])
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", step.sentence()));
            }
        }
        for step in undo(&plan.steps) {
            clients.apply([&step]).await.unwrap();
            let gone =
                step.sentence().contains("the bucket") && !step.sentence().starts_with("delete");
            // If a role is not in the profile, the emulator fails and AWS answers NoSuchEntity.
            let fails = step.sentence().starts_with("remove the role");
            if !gone && !fails {
                clients
                    .apply([&step])
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", step.sentence()));
            }
        }
    }
}

#[tokio::test]
async fn drift_is_repaired_and_the_rest_kept() {
    let clients = Clients::emulator();
    let (spec, word) = spec(&clients, "").await;
    clients.apply(&clients.plan(&spec).await.steps).await.unwrap();
    let bucket = format!("{word}-blobs");
    // An operator adds a rule and a tag, opens the bucket, empties the policy, changes a TTL and loses a check.
    let rule = s3::sdk::types::LifecycleRule::builder()
        .id("theirs")
        .filter(s3::sdk::types::LifecycleRuleFilter::builder().prefix("logs/").build())
        .status(s3::sdk::types::ExpirationStatus::Enabled)
        .expiration(s3::sdk::types::LifecycleExpiration::builder().days(30).build())
        .build()
        .unwrap();
    let rules =
        s3::sdk::types::BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = clients.s3.put_bucket_lifecycle_configuration().bucket(&bucket);
    put.lifecycle_configuration(rules).send().await.unwrap();
    clients.s3.delete_public_access_block().bucket(&bucket).send().await.unwrap();
    let user = spec.identity();
    let put = clients.iam.put_user_policy().user_name(user.as_str()).policy_name("flynn-blobstore");
    let nothing = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}"#;
    put.policy_document(nothing).send().await.unwrap();
    let checks = clients.route53.list_health_checks().send().await.unwrap();
    let ours = checks.health_checks().iter().find(|check| {
        let config = check.health_check_config().unwrap();
        config.fully_qualified_domain_name().is_some_and(|name| name.contains(&word))
    });
    clients.route53.delete_health_check().health_check_id(ours.unwrap().id()).send().await.unwrap();

    let plan = clients.plan(&spec).await;
    let found = sentences(&plan);
    assert_eq!(found.len(), 5, "{found:?}");
    let before = clients.inventory(&word).await;
    clients.apply(&plan.steps).await.unwrap();
    assert!(clients.plan(&spec).await.holds());
    let rules =
        clients.s3.get_bucket_lifecycle_configuration().bucket(&bucket).send().await.unwrap();
    let ids: Vec<_> = rules.rules().iter().filter_map(|rule| rule.id()).collect();
    assert!(ids.contains(&"theirs") && ids.len() == 2, "{ids:?}");
    clients.apply(&undo(&plan.steps)).await.unwrap();
    assert_eq!(clients.inventory(&word).await, before);
}

#[tokio::test]
async fn nodes_come_and_go() {
    let clients = Clients::emulator();
    let (spec, word) = spec(&clients, "").await;
    clients.apply(&clients.plan(&spec).await.steps).await.unwrap();
    let text = serde_json::to_string(&spec).unwrap().replace("203.0.113.11", "203.0.113.12");
    let moved = serde_json::from_str(&text).unwrap();
    let before = clients.inventory(&word).await;
    let plan = clients.plan(&moved).await;
    assert_eq!(plan.steps.len(), 3, "create a check, change the records, delete a check: {plan:?}");
    clients.apply(&plan.steps).await.unwrap();
    assert!(clients.plan(&moved).await.holds());
    clients.apply(&undo(&plan.steps)).await.unwrap();
    assert_eq!(clients.inventory(&word).await, before);
    assert!(clients.plan(&spec).await.holds());
}

/// The emulator cannot replace a record by one of another type in one batch, as Route53 can. The unit tests of the zone
/// cover that.
#[tokio::test]
async fn a_record_of_another_kind_is_not_replaced() {
    let clients = Clients::emulator();
    let (spec, word) = spec(&clients, "").await;
    let zones = clients.route53.list_hosted_zones().send().await.unwrap();
    let zone = zones
        .hosted_zones()
        .iter()
        .find(|zone| zone.name().contains(&word))
        .unwrap()
        .id()
        .to_owned();
    let batch = serde_json::json!({"Comment": "", "Changes": [{"Action": "CREATE", "ResourceRecordSet": {
        "Name": format!("{word}.example.com."), "Type": "A", "TTL": 300,
        "ResourceRecords": [{"Value": "198.51.100.1"}]}}]});
    let step = serde_json::json!({"action": {"service": "route53", "change": {"change-records": {
        "zone": zone.trim_start_matches("/hostedzone/"), "batch": batch}}}, "undo": null});
    clients.apply([&serde_json::from_value::<Step>(step).unwrap()]).await.unwrap();
    let before = clients.inventory(&word).await;
    let plan = clients.plan(&spec).await;
    assert!(plan.has_errors());
    assert!(
        sentences(&plan).iter().all(|step| !step.contains("record") && !step.contains("health"))
    );
    assert_eq!(clients.inventory(&word).await, before);
}

#[tokio::test]
async fn buckets_in_use_or_elsewhere_are_left_alone() {
    let clients = Clients::emulator();
    let (one, word) = spec(&clients, "").await;
    let bucket = format!("{word}-blobs");
    clients.s3.create_bucket().bucket(&bucket).send().await.unwrap();
    let body = s3::sdk::primitives::ByteStream::from_static(b"theirs");
    clients.s3.put_object().bucket(&bucket).key("x").body(body).send().await.unwrap();
    let plan = clients.plan(&one).await;
    assert!(plan.findings.iter().any(|finding| finding.code == "bucket-in-use"), "{plan:?}");
    assert!(sentences(&plan).iter().all(|sentence| !sentence.contains("bucket")));
    let count = s3::count(&clients.s3, &bucket.parse().unwrap()).await.unwrap();
    assert_eq!(count, BucketCount { objects: 1, bytes: 6 });

    let (two, word) = spec(&clients, "").await;
    let europe = s3::sdk::types::BucketLocationConstraint::EuWest1;
    let europe =
        s3::sdk::types::CreateBucketConfiguration::builder().location_constraint(europe).build();
    let create = clients.s3.create_bucket().bucket(format!("{word}-blobs"));
    create.create_bucket_configuration(europe).send().await.unwrap();
    let plan = clients.plan(&two).await;
    assert!(plan.findings.iter().any(|finding| finding.code == "bucket-elsewhere"), "{plan:?}");
}

#[tokio::test]
async fn counting_takes_more_than_one_page() {
    let clients = Clients::emulator();
    let (_, word) = spec(&clients, "").await;
    let bucket = format!("{word}-blobs");
    clients.s3.create_bucket().bucket(&bucket).send().await.unwrap();
    let puts = (0..1003).map(|number| {
        let put = clients.s3.put_object().bucket(&bucket).key(format!("{number}"));
        put.body(s3::sdk::primitives::ByteStream::from_static(b"ab")).send()
    });
    let mut puts = futures_util::stream::iter(puts).buffer_unordered(8);
    while let Some(put) = puts.next().await {
        put.unwrap();
    }
    let count = s3::count(&clients.s3, &bucket.parse().unwrap()).await.unwrap();
    assert_eq!(count, BucketCount { objects: 1003, bytes: 2006 });
}

#[tokio::test]
async fn a_third_key_is_refused_with_the_two_that_are_there() {
    let clients = Clients::emulator();
    let (spec, _) = spec(&clients, "").await;
    clients.apply(&clients.plan(&spec).await.steps).await.unwrap();
    let options = PlanOptions::default().new_key(true);
    let second = Plan::with_options(&spec, &clients.observe(&spec).await, options);
    clients.apply(&second.steps).await.unwrap();
    let third = Plan::with_options(&spec, &clients.observe(&spec).await, options);
    assert_eq!(third.findings[0].code, "two-keys");
    assert_eq!(third.findings[0].explanation.matches("created 20").count(), 2, "{third:?}");
    // Undoing the second leaves the first.
    clients.apply(&undo(&second.steps)).await.unwrap();
    let keys = clients.observe(&spec).await.user.unwrap().keys;
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn steps_of_other_services_are_refused() {
    let clients = Clients::emulator();
    let (spec, _) = spec(&clients, "").await;
    let plan = clients.plan(&spec).await;
    let step = |word: &str| plan.steps.iter().find(|step| step.sentence().contains(word)).unwrap();
    let s3_step = step("create the bucket");
    for error in [
        iam::apply(&clients.iam, s3_step).await.unwrap_err(),
        route53::apply(&clients.route53, s3_step).await.unwrap_err(),
        s3::apply(&clients.s3, step("IAM user")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
    }
    assert!(operator_policy(&spec).to_json().contains("s3:CreateBucket"));
}
