//! What a run asks of the controller: no more than it takes, in the right order.

use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_mock::{Op, ServerAge};

use crate::world::World;

/// The requests of one step that change something.
async fn changes_of(world: &World, step: Step) -> Vec<String> {
    world.demo.mock.clear_requests();
    let (summary, output) = world.run_steps(&[step], Mode::Do).await;
    assert!(summary.is_complete(), "{:?}\n{output}", summary.failure);
    world.changes()
}

#[tokio::test]
async fn each_step_changes_as_little_as_can_be() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let world = World::new(age).await;
        assert_eq!(changes_of(&world, Step::Domain).await, ["PUT /domain"]);
        let one_release_one_deploy = ["POST /releases", "POST /apps/router/deploy"];
        assert_eq!(changes_of(&world, Step::Router).await, one_release_one_deploy);

        let updates = changes_of(&world, Step::Routes).await;
        assert!(updates.iter().all(|update| update.starts_with("PUT /apps/")), "{updates:?}");
        assert!(
            updates.len() >= 4 && updates.last().unwrap().contains("/controller/"),
            "{updates:?}"
        );

        assert_eq!(changes_of(&world, Step::Pin).await, [""; 0]);
        let one_release_one_deploy_one_job = [
            "POST /releases",
            "POST /apps/blobstore/deploy",
            "POST /apps/blobstore/jobs",
            "POST /apps/blobstore",
        ];
        assert_eq!(changes_of(&world, Step::Blobstore).await, one_release_one_deploy_one_job);
        assert_eq!(changes_of(&world, Step::App).await, ["POST /apps", "POST /apps/www/routes"]);
        for step in [Step::Git, Step::Dns, Step::Status] {
            assert_eq!(changes_of(&world, step).await, [""; 0]);
        }
    }
}

/// Both variables of the blobstore are in the release that the migration job ran with, and the job got its env.
#[tokio::test]
async fn the_migration_job_has_the_backend_in_its_env() {
    let world = World::new(ServerAge::V2021).await;
    assert!(world.run_steps(&[Step::Blobstore], Mode::Do).await.0.is_complete());
    let requests = world.demo.mock.requests();
    let release = requests.of(Op::ReleaseCreate).assert_one().json();
    assert_eq!(release["env"]["DEFAULT_BACKEND"], "s3main");
    let backend = "backend=s3 region=us-east-1 bucket=example-flynn-blobs ec2_role=true";
    assert_eq!(release["env"]["BACKEND_S3MAIN"], backend);
    let job = requests.of(Op::JobRun).assert_one().json();
    assert_eq!(job["release_env"], true);
    assert_eq!(job["args"], serde_json::json!(["/bin/flynn-blobstore", "migrate", "--delete"]));
}
