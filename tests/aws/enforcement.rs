//! The created key can make the blobstore's calls, and no others.
//!
//! The emulator of this test enforces IAM policies from the moment a test enables it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use flynn_aws::live::{ErrorKind, iam, route53, s3};
use flynn_aws::plan::Observed;
use secrecy::ExposeSecret as _;

use crate::clients::{Clients, endpoint, spec};

/// Makes the emulator check every call from now on.
fn enforce(endpoint: &str) {
    let address = endpoint.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /moto-api/reset-auth HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1\r\nConnection: close\r\n\r\n0"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn the_key_does_seven_actions_and_no_other() {
    let endpoint = endpoint("FLYNN_AWS_EMULATOR_IAM");
    let admin = Clients::new(&endpoint, "us-east-1", ("AKIAADMIN", "secret"));
    let (spec, word) = spec(&admin, "").await;
    let bucket = format!("{word}-blobs").parse().unwrap();
    let key = admin.apply(&admin.plan(&spec).await.steps).await.unwrap().unwrap();
    // A user with one action only.
    let user = format!("{word}-poor");
    admin.iam.create_user().user_name(&user).send().await.unwrap();
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:PutObject"], "Resource": ["arn:aws:s3:::{bucket}", "arn:aws:s3:::{bucket}/*"]}}]}}"#
    );
    let put = admin.iam.put_user_policy().user_name(&user).policy_name("p").policy_document(policy);
    put.send().await.unwrap();
    let poor = admin.iam.create_access_key().user_name(&user).send().await.unwrap();
    let poor = poor.access_key.unwrap();
    admin.s3.create_bucket().bucket(format!("{word}-other")).send().await.unwrap();

    enforce(&endpoint);
    let blobstore = Clients::new(&endpoint, "us-east-1", (&key.id, key.secret.expose_secret()));
    let found = s3::probe(&blobstore.s3, &bucket, Duration::ZERO).await.unwrap();
    assert_eq!(found, []);
    let left = s3::count(&blobstore.s3, &bucket).await.unwrap();
    assert_eq!(left.objects, 0, "the probe cleans up");

    // Everything else is refused.
    let other = format!("{word}-other");
    let mut observed = Observed::default();
    let refused = [
        s3::count(&blobstore.s3, &other.parse().unwrap()).await.unwrap_err(),
        iam::observe(&blobstore.iam, &spec, &mut observed).await.unwrap_err(),
        route53::observe(&blobstore.route53, &spec, &mut observed).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("operator_policy"), "{error}");
    }
    assert!(blobstore.s3.delete_bucket().bucket(bucket.as_str()).send().await.is_err());
    let body = s3::sdk::primitives::ByteStream::from_static(b"x");
    assert!(blobstore.s3.put_object().bucket(&other).key("x").body(body).send().await.is_err());
    assert!(blobstore.s3.list_buckets().send().await.is_err());

    // The probe names the actions that a weaker key lacks, and the objects that it could not delete.
    let poor =
        Clients::new(&endpoint, "us-east-1", (poor.access_key_id(), poor.secret_access_key()));
    let found = s3::probe(&poor.s3, &bucket, Duration::ZERO).await.unwrap();
    let told: Vec<String> = found.iter().map(|f| format!("{} {}", f.code, f.subject)).collect();
    for action in ["s3:GetObject", "s3:DeleteObject"] {
        assert!(told.contains(&format!("missing-action {action}")), "{told:?}");
    }
    assert!(told.last().unwrap().starts_with("not-cleaned-up"), "{told:?}");
}
