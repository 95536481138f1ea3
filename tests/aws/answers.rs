//! Answers of AWS that the emulator does not give, as AWS documents them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use flynn_aws::ClusterSpec;
use flynn_aws::live::{Error, ErrorKind, iam, route53, s3};
use flynn_aws::plan::{Observed, Plan, Step};
use iam::sdk::config::{AsyncSleep, Sleep};
use serde_json::json;

/// Returns at once from the pauses of a probe and counts them. Other pauses are the SDK's timeouts, which must not end.
#[derive(Debug, Clone, Default)]
struct NoSleep(Arc<AtomicUsize>);

impl NoSleep {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl AsyncSleep for NoSleep {
    fn sleep(&self, pause: Duration) -> Sleep {
        if ![2, 4].contains(&pause.as_secs()) {
            return Sleep::new(std::future::pending());
        }
        self.0.fetch_add(1, Ordering::SeqCst);
        Sleep::new(std::future::ready(()))
    }
}

macro_rules! client {
    ($module:ident, $sleep:expr, $rules:expr) => {{
        use $module::sdk::config::{
            BehaviorVersion, Config, Credentials, Region, retry::RetryConfig,
        };
        let mut interceptor = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        for rule in $rules {
            interceptor = interceptor.with_rule(rule);
        }
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIA", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .sleep_impl($sleep)
            .http_client(create_mock_http_client())
            .interceptor(interceptor);
        $module::Client::from_conf(config.build())
    }};
}

fn answer(status: u16, body: &'static str) -> HttpResponse {
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    answer.headers_mut().insert("x-amzn-requestid", "the-request");
    answer
}

fn spec() -> ClusterSpec {
    toml::from_str(
        "domain = \"example.com\"\n\
         nodes = [{ name = \"a\", public_ip = \"203.0.113.10\" }]\n\
         blobstore = { bucket = \"acme-blobs\", region = \"us-east-1\" }",
    )
    .unwrap()
}

/// Returns the step whose sentence contains a word, from a plan for an empty account.
fn step(word: &str) -> Step {
    let mut steps = Plan::new(&spec(), &Observed::default()).steps;
    steps.retain(|step| step.sentence().contains(word));
    steps.remove(0)
}

/// A change of one record in a known zone.
fn change() -> Step {
    serde_json::from_value(json!({"action": {"service": "route53", "change": {"change-records": {
        "zone": "Z1", "batch": {"Comment": "", "Changes": [{"Action": "CREATE", "ResourceRecordSet": {
            "Name": "example.com.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.10"}]}}]}}}},
        "undo": null}))
    .unwrap()
}

const NO_RECORDS: &str = r#"<?xml version="1.0"?><ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"#;
const CHANGED: &str = r#"<?xml version="1.0"?><ChangeResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-11-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>"#;
const PENDING: &str = r#"<?xml version="1.0"?><GetChangeResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-11-01T00:00:00Z</SubmittedAt></ChangeInfo></GetChangeResponse>"#;
const INSYNC: &str = r#"<?xml version="1.0"?><GetChangeResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status><SubmittedAt>2026-11-01T00:00:00Z</SubmittedAt></ChangeInfo></GetChangeResponse>"#;

fn no_records() -> Rule {
    mock!(route53::Client::list_resource_record_sets).then_http_response(|| answer(200, NO_RECORDS))
}

#[tokio::test]
async fn a_change_is_waited_for_until_it_is_insync() {
    let sleep = NoSleep::default();
    let changed = mock!(route53::Client::change_resource_record_sets)
        .then_http_response(|| answer(200, CHANGED));
    let status = mock!(route53::Client::get_change)
        .sequence()
        .http_response(|| answer(200, PENDING))
        .times(2)
        .http_response(|| answer(200, INSYNC))
        .build();
    let client = client!(route53, sleep.clone(), [&no_records(), &changed, &status]);
    route53::apply(&client, &change()).await.unwrap();
    assert_eq!((changed.num_calls(), status.num_calls(), sleep.count()), (1, 3, 2));

    let status = mock!(route53::Client::get_change).then_http_response(|| answer(200, PENDING));
    let client = client!(route53, NoSleep::default(), [&status]);
    let error = route53::wait(&client, "/change/C1", Duration::from_secs(60)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(status.num_calls(), 16, "every four seconds");
    assert!(error.to_string().contains("accepted and is still propagating"), "{error}");
}

/// The emulator accepts all of these.
#[tokio::test]
async fn route53s_refusals_are_told_apart() {
    let conflict = mock!(route53::Client::change_resource_record_sets).then_http_response(|| {
        answer(400, r#"<?xml version="1.0"?><InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages><Message>Tried to create resource record set [name='example.com.', type='A'] but it already exists</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>"#)
    });
    let client = client!(route53, NoSleep::default(), [&no_records(), &conflict]);
    let error = route53::apply(&client, &change()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.call()),
        (ErrorKind::Conflict, "route53:ChangeResourceRecordSets")
    );
    assert!(error.to_string().contains("already exists"), "{error}");
    assert_eq!(error.request_id(), Some("the-request"));

    let check = step("create the health check");
    for (status, code, kind, says) in [
        (409, "HealthCheckAlreadyExists", ErrorKind::Conflict, "dns.reference_salt"),
        (400, "TooManyHealthChecks", ErrorKind::Limit, "quota"),
        (400, "Throttling", ErrorKind::Throttled, "wait"),
        (400, "PriorRequestNotComplete", ErrorKind::Throttled, "wait"),
        (403, "AccessDenied", ErrorKind::Denied, "operator_policy"),
        (403, "ExpiredToken", ErrorKind::Credentials, "log in again"),
        (403, "SignatureDoesNotMatch", ErrorKind::Credentials, "credentials"),
        (503, "ServiceUnavailable", ErrorKind::Unreachable, "run again"),
        (500, "InternalFailure", ErrorKind::Unreachable, "run again"),
        (400, "InvalidInput", ErrorKind::Other, "plan again"),
    ] {
        let rule = mock!(route53::Client::create_health_check).then_http_response(move || {
            let body = format!("<?xml version=\"1.0\"?><ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                <Error><Type>Sender</Type><Code>{code}</Code><Message>what AWS says</Message></Error>\
                <RequestId>r</RequestId></ErrorResponse>");
            HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
        });
        let client = client!(route53, NoSleep::default(), [&rule]);
        let error = route53::apply(&client, &check).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
        let retryable = matches!(kind, ErrorKind::Throttled | ErrorKind::Unreachable);
        assert_eq!(error.is_retryable(), retryable, "{error}");
        let line = error.to_string();
        assert!(line.contains(says) && line.contains("203.0.113.10"), "{line}");
        assert!(line.starts_with("route53:CreateHealthCheck of 203.0.113.10 failed: "), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}

async fn bucket(rules: &[&Rule]) -> Result<Plan, Error> {
    let client = client!(s3, NoSleep::default(), rules.iter().copied());
    let mut observed = Observed::default();
    s3::observe(&client, &spec(), &mut observed).await?;
    Ok(Plan::new(&spec(), &observed))
}

#[tokio::test]
async fn buckets_of_others_and_elsewhere_are_findings() {
    const NOBODYS: &str = r#"<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>x</ID></Owner><Buckets></Buckets></ListAllMyBucketsResult>"#;
    const OURS: &str = r#"<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>acme-blobs</Name><CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"#;
    let head = |status: u16, region: Option<&'static str>| {
        mock!(s3::Client::head_bucket).then_http_response(move || {
            let mut answer = answer(status, "");
            if let Some(region) = region {
                answer.headers_mut().insert("x-amz-bucket-region", region);
            }
            answer
        })
    };
    let list = |body: &'static str| {
        mock!(s3::Client::list_buckets).then_http_response(move || answer(200, body))
    };
    let codes = |plan: &Plan| plan.findings.iter().map(|f| f.code).collect::<Vec<_>>();

    let plan = bucket(&[&head(403, Some("us-east-1")), &list(NOBODYS)]).await.unwrap();
    assert!(codes(&plan).contains(&"bucket-not-ours"), "{plan:?}");
    // A bucket that everybody can read, but of another account.
    let plan = bucket(&[&head(200, Some("us-east-1")), &list(NOBODYS)]).await.unwrap();
    assert!(codes(&plan).contains(&"bucket-not-ours"), "{plan:?}");
    let plan = bucket(&[&head(301, Some("eu-west-1")), &list(NOBODYS)]).await.unwrap();
    assert!(codes(&plan).contains(&"bucket-not-ours"), "{plan:?}");
    // Our own bucket, which the caller may not read.
    let error = bucket(&[&head(403, None), &list(OURS)]).await.unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::Denied, "s3:ListBucket"));
    let error = bucket(&[&head(503, None)]).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn the_region_of_a_bucket_elsewhere_is_told() {
    let create = mock!(s3::Client::put_bucket_tagging).then_http_response(|| {
        let mut answer = answer(301, r#"<?xml version="1.0"?><Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the specified endpoint.</Message></Error>"#);
        answer.headers_mut().insert("x-amz-bucket-region", "eu-west-1");
        answer
    });
    let client = client!(s3, NoSleep::default(), [&create]);
    let error = s3::apply(&client, &step("tag the bucket")).await.unwrap_err();
    assert_eq!((error.kind(), error.region()), (ErrorKind::Region, Some("eu-west-1")));
    assert!(error.to_string().contains("set the region to eu-west-1"), "{error}");

    let taken = mock!(s3::Client::create_bucket).then_http_response(|| {
        answer(409, r#"<?xml version="1.0"?><Error><Code>BucketAlreadyExists</Code><Message>The requested bucket name is not available.</Message></Error>"#)
    });
    let client = client!(s3, NoSleep::default(), [&taken]);
    let error = s3::apply(&client, &step("create the bucket")).await.unwrap_err();
    assert!(error.to_string().contains("choose another name"), "{error}");
}

/// AWS refuses a new key for some seconds. The probe waits with the client's sleep, for a limited time.
#[tokio::test]
async fn the_probe_waits_for_a_fresh_key() {
    const REFUSED: &str = r#"<?xml version="1.0"?><Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message></Error>"#;
    const MISSING: &str = r#"<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"#;
    let bucket = "acme-blobs".parse().unwrap();
    let sleep = NoSleep::default();
    let list = mock!(s3::Client::list_objects_v2)
        .sequence()
        .http_response(|| answer(403, REFUSED))
        .times(3)
        .http_response(|| answer(404, MISSING))
        .build();
    let client = client!(s3, sleep.clone(), [&list]);
    let error = s3::probe(&client, &bucket, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!((error.kind(), sleep.count()), (ErrorKind::NotFound, 3));

    let sleep = NoSleep::default();
    let list = mock!(s3::Client::list_objects_v2).then_http_response(|| answer(403, REFUSED));
    let client = client!(s3, sleep.clone(), [&list]);
    let error = s3::probe(&client, &bucket, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!((error.kind(), sleep.count()), (ErrorKind::Credentials, 30));
}

#[tokio::test]
async fn a_new_keys_secret_is_in_no_error() {
    // The answer belongs to another call.
    let create = mock!(iam::Client::create_access_key).then_http_response(|| {
        answer(200, "<UpdateAccessKeyResponse><AccessKey><SecretAccessKey>MARKED</SecretAccessKey></AccessKey></UpdateAccessKeyResponse>")
    });
    let client = client!(iam, NoSleep::default(), [&create]);
    let error = iam::apply(&client, &step("access key")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("MARKED"), "{error:?}");

    let limit = mock!(iam::Client::create_access_key).then_http_response(|| {
        answer(409, "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>LimitExceeded</Code><Message>Cannot exceed quota for AccessKeysPerUser: 2</Message></Error><RequestId>r</RequestId></ErrorResponse>")
    });
    let list = mock!(iam::Client::list_access_keys).then_http_response(|| {
        answer(200, "<ListAccessKeysResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListAccessKeysResult><AccessKeyMetadata><member><UserName>u</UserName><AccessKeyId>AKIAONE</AccessKeyId><Status>Active</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member></AccessKeyMetadata><IsTruncated>false</IsTruncated></ListAccessKeysResult></ListAccessKeysResponse>")
    });
    let used = mock!(iam::Client::get_access_key_last_used).then_http_response(|| {
        answer(200, "<GetAccessKeyLastUsedResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetAccessKeyLastUsedResult><UserName>u</UserName><AccessKeyLastUsed><Region>us-east-1</Region><ServiceName>s3</ServiceName><LastUsedDate>2026-02-02T00:00:00Z</LastUsedDate></AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>")
    });
    let client = client!(iam, NoSleep::default(), [&limit, &list, &used]);
    let error = iam::apply(&client, &step("access key")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let line = error.to_string();
    for part in ["AKIAONE", "created 2026-01-01", "last used 2026-02-02"] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn lost_connections_and_missing_credentials_are_told_apart() {
    use s3::sdk::config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig};
    let base = || {
        Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .retry_config(RetryConfig::disabled())
            .http_client(crate::clients::http())
    };
    // A port without a listener: bound once and released.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("http://127.0.0.1:{port}");
    let key = Credentials::new("AKIA", "MARKED", None, None, "test");
    let client =
        s3::Client::from_conf(base().endpoint_url(&nobody).credentials_provider(key).build());
    let bucket = "acme-blobs".parse().unwrap();
    let error = s3::count(&client, &bucket).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.is_retryable() && !format!("{error} {error:?}").contains("MARKED"), "{error}");

    let config = iam::sdk::config::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(&nobody)
        .http_client(crate::clients::http());
    let client = iam::Client::from_conf(config.build());
    let error = iam::observe(&client, &spec(), &mut Observed::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error:?}");

    let html = mock!(s3::Client::list_objects_v2)
        .then_http_response(|| answer(502, "<html>Bad gateway</html>"));
    let client = client!(s3, NoSleep::default(), [&html]);
    let error = s3::count(&client, &bucket).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().lines().count()),
        (ErrorKind::Unreachable, 1),
        "{error}"
    );
}
