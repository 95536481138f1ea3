//! Blobs move to S3 and stay readable, even with another bucket, a lost mark, or a missing key.

use flynn_aws::blobstore::{Backend, S3Backend};
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_mock::ServerAge;

use crate::world::World;

const STEPS: [Step; 2] = [Step::Connect, Step::Blobstore];

async fn set(world: &World, name: &str, value: &str) {
    let blobstore = world.demo.mock.client().app("blobstore");
    blobstore.env().set([(name, value)]).await.unwrap();
}

async fn backend_in_env(world: &World) -> String {
    let env = world.demo.mock.client().app("blobstore").env().get().await.unwrap();
    env["BACKEND_S3MAIN"].clone()
}

#[tokio::test]
async fn a_backend_in_use_is_not_replaced() {
    for (old, says) in [
        ("backend=s3 region=AWS_REGION bucket=acme-blobs ec2_role=true", "unset"),
        // A bucket name that S3 accepted before 2018 can be read, and is another bucket.
        (
            "backend=s3 region=us-east-1 bucket=Acme_Old_Blobs ec2_role=true",
            "in use with bucket Acme_Old_Blobs",
        ),
    ] {
        let world = World::new(ServerAge::V2016).await;
        set(&world, "BACKEND_S3MAIN", old).await;
        let (summary, _) = world.run_steps(&STEPS, Mode::Do).await;
        let failure = format!("{:#}", summary.failures[0].1);
        assert!(failure.contains("s3main") && failure.contains(says), "{failure}");
        assert_eq!(backend_in_env(&world).await, old);
    }
}

#[tokio::test]
async fn files_that_went_elsewhere_meanwhile_are_moved_too() {
    let world = World::new(ServerAge::V2016).await;
    assert!(world.run_steps(&STEPS, Mode::Do).await.0.is_complete());
    set(&world, "DEFAULT_BACKEND", "postgres").await;
    let (summary, output) = world.run_steps(&STEPS, Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
    assert!(output.contains("2 files moved"), "{output}");
}

#[tokio::test]
async fn a_key_stays_unless_another_is_given() {
    let mut world = World::new(ServerAge::V2021).await;
    let backend = |id: &str| {
        let s3 = S3Backend::with_key(
            "example-flynn-blobs",
            "us-east-1",
            id,
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
        );
        Some(Backend::new("s3main", s3.unwrap()).unwrap())
    };
    let without = world.job.backend.clone();
    for (backend, keeps_access, id) in [
        (backend("AKIAFIRST"), false, "AKIAFIRST"),
        (without, true, "AKIAFIRST"),
        (backend("AKIASECOND"), false, "AKIASECOND"),
    ] {
        (world.job.backend, world.job.keeps_access) = (backend, keeps_access);
        let (summary, output) = world.run_steps(&STEPS, Mode::Do).await;
        assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
        assert!(summary.reports[1].after.contains(id), "{:?}", summary.reports[1]);
        assert!(backend_in_env(&world).await.contains(id));
    }
}
