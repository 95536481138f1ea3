//! `move-blobs` looks at the bucket with the blobstore's key, before and after.

use std::process::{Command, Output, Stdio};

use flynn_aws::live::s3;
use flynn_examples::demo::Demo;
use flynn_mock::ServerAge;
use s3::sdk::config::{BehaviorVersion, Config, Credentials, Region};

use crate::{endpoint, failure};

fn move_blobs(demo: &Demo, bucket: &str) -> Output {
    let address = demo.mock.addr().to_string();
    let cluster = ["--cluster", "production", "--connect-to", &address];
    Command::new(env!("CARGO_BIN_EXE_move-blobs"))
        .args(cluster)
        .args(["--bucket", bucket, "--region", "us-east-1"])
        .env_clear()
        .env("HOME", demo.home())
        .env("AWS_ENDPOINT_URL", endpoint())
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "MARKEDADMIN")
        .current_dir(demo.home())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_bucket_must_be_there_and_hold_what_was_moved() {
    let demo = Demo::start(ServerAge::V2021).await.unwrap();
    let bucket = format!("p{}-moved", std::process::id());
    let env = async || demo.mock.client().app("blobstore").env().get().await.unwrap();

    let missing = failure(&move_blobs(&demo, &bucket));
    assert!(missing.contains("cannot use the bucket with the blobstore's key"), "{missing}");
    assert!(missing.contains("NoSuchBucket"), "{missing}");
    assert!(!env().await.contains_key("BACKEND_S3MAIN"), "the blobstore was left alone");

    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint())
        .credentials_provider(Credentials::new("AKIAADMIN", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let client = s3::Client::from_conf(config.build());
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    // The mocked job says that it moved two files. They are not in the bucket.
    let output = move_blobs(&demo, &bucket);
    let lost = failure(&output);
    assert!(lost.contains("lacks 2 objects and 8192 bytes"), "{lost}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the bucket holds 0 objects, 0 bytes"), "{said}");
    assert!(env().await.contains_key("BACKEND_S3MAIN"));
}
