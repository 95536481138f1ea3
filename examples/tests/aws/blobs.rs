//! `move-blobs` checks the bucket with the blobstore's key, before and after the migration.

use std::process::{Command, Output, Stdio};

use flynn_aws::live::s3;
use flynn_examples::demo::{self, Demo};
use flynn_mock::{Input, MockController, ServerAge};

use crate::{emulator, endpoint, failure};

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

fn bucket_client() -> s3::Client {
    s3::Client::new(&emulator())
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

    let client = bucket_client();
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    // The mocked job says that it moved two files. They are not in the bucket.
    let output = move_blobs(&demo, &bucket);
    let lost = failure(&output);
    assert!(lost.contains("lacks 2 objects and 8192 bytes"), "{lost}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the bucket holds 0 objects, 0 bytes"), "{said}");
    assert!(env().await.contains_key("BACKEND_S3MAIN"));
}

/// Puts the two files of the mocked migration into the bucket, as the real command does.
fn put_files(bucket: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = bucket_client();
        for key in ["9d5cbdc5-00", "9d5cbdc5-01"] {
            let put = client.put_object().bucket(bucket).key(key);
            put.body(vec![7; 4096].into()).send().await.unwrap();
        }
    });
}

#[tokio::test]
async fn files_that_arrive_in_the_bucket_are_a_success() {
    let bucket = format!("p{}-arrived", std::process::id());
    bucket_client().create_bucket().bucket(&bucket).send().await.unwrap();
    let target = bucket.clone();
    let builder = MockController::builder().programs(move |command| {
        let mut migration = demo::program(command);
        let moves = command.args.iter().any(|arg| arg == "migrate");
        let target = target.clone();
        Box::new(move |input| {
            if moves && matches!(input, Input::Start) {
                put_files(&target);
            }
            migration.react(input)
        })
    });
    let demo = Demo::start_on(builder, ServerAge::V2021).await.unwrap();

    let output = move_blobs(&demo, &bucket);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("2 files moved to s3main"), "{said}");
    let env = demo.mock.client().app("blobstore").env().get().await.unwrap();
    assert!(env.contains_key("BACKEND_S3MAIN"));
}
