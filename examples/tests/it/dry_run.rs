//! `--dry-run` prints the plan and changes nothing anywhere.

use flynn_examples::runner::Mode;
use flynn_examples::screen::Mark;
use flynn_mock::ServerAge;

use crate::world::World;

#[tokio::test]
async fn nothing_changes() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let world = World::new(age).await;
        let files = world.files();
        let (summary, output) = world.run(Mode::DryRun).await;
        assert!(summary.is_complete(), "{:?}\n{output}", summary.failures);
        let planned = summary.reports.iter().filter(|report| report.mark == Mark::Planned).count();
        assert_eq!(planned, 8, "{output}");
        assert_eq!(world.changes(), Vec::<String>::new());
        assert!(world.files() == files, "a file changed");
        for plan in ["would migrate", "would set TLSCERT", "would create the app www", "sslCAInfo"]
        {
            assert!(output.contains(plan), "{plan}:\n{output}");
        }
    }
}

#[tokio::test]
async fn after_a_run_there_is_nothing_to_do() {
    let world = World::new(ServerAge::V2016).await;
    assert!(world.run(Mode::Do).await.0.is_complete());
    let (summary, output) = world.run(Mode::DryRun).await;
    assert!(summary.reports.iter().all(|report| report.mark != Mark::Planned), "{output}");
}
