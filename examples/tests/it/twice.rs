//! A second run finds everything in place and changes nothing.

use flynn_examples::cli::Arguments;
use flynn_examples::runner::Mode;
use flynn_examples::screen::Mark;
use flynn_mock::ServerAge;

use crate::world::World;

async fn twice(age: ServerAge, domain: &str) {
    let arguments = Arguments { domain: Some(domain.to_owned()), ..Arguments::default() };
    let world = World::with(age, &arguments).await;
    let (first, output) = world.run(Mode::Do).await;
    assert!(first.is_complete(), "{:?}\n{output}", first.failures);
    let done = |mark: Mark| first.reports.iter().filter(|report| report.mark == mark).count();
    assert_eq!((done(Mark::Done), done(Mark::Checked)), (8, 3), "{output}");

    let files = world.files();
    world.demo.mock.clear_requests();
    let (second, output) = world.run(Mode::Do).await;
    assert!(second.is_complete(), "{:?}\n{output}", second.failures);
    for report in &second.reports {
        assert!(matches!(report.mark, Mark::Held | Mark::Checked), "{report:?}");
    }
    assert_eq!(world.changes(), Vec::<String>::new());
    assert!(world.files() == files, "a file changed in the second run");
    // The first step prints the controller's name, which is now under the new domain.
    for (first, second) in first.reports.iter().zip(&second.reports).skip(1) {
        assert_eq!(first.after, second.after);
    }
}

#[tokio::test]
async fn the_guides_server() {
    twice(ServerAge::V2016, "new.example.com").await;
}

#[tokio::test]
async fn the_last_server() {
    twice(ServerAge::V2021, "new.example.com").await;
}

/// If the old domain is below the new one, the server's migration creates no routes.
#[tokio::test]
async fn up_to_the_parent_domain() {
    twice(ServerAge::V2016, "example.com").await;
    twice(ServerAge::V2021, "example.com").await;
}

#[tokio::test]
async fn down_to_a_domain_below() {
    twice(ServerAge::V2021, "deep.old.example.com").await;
}
