//! On a cluster that loses every race, the programs succeed on the first run.

use flynn_examples::cli::Arguments;
use flynn_examples::demo::{Demo, NEW_DOMAIN, OLD_DOMAIN};
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_mock::{MockController, Races, RecordedRequest, ServerAge};

use tokio::task::{JoinSet, LocalSet};

use crate::world::World;

/// The number of clusters. Each seed gives the races another outcome.
fn seeds() -> u64 {
    if std::env::var_os("FLYNN_LONG").is_some() { 100 } else { 3 }
}

/// Runs the steps once on a new cluster. Returns the number of requests.
async fn run(
    age: ServerAge,
    seed: u64,
    races: Races,
    steps: &'static [Step],
    domain: &'static str,
) -> usize {
    // The machine's clock, so that all waits are real.
    let builder = MockController::builder()
        .seed(seed)
        .wall_clock()
        .races(races)
        .programs(flynn_examples::demo::program);
    let demo = Demo::start_on(builder, age).await.unwrap();
    let arguments = Arguments { domain: Some(domain.to_owned()), ..Arguments::default() };
    let world = World::of(demo, &arguments);
    let (summary, output) = world.run_steps(steps, Mode::Do).await;
    assert!(summary.is_complete(), "{age:?}, seed {seed}: {:?}\n{output}", summary.failures);
    let ours = |request: &&RecordedRequest| !request.path.starts_with("/events");
    world.demo.mock.requests().filter(ours).len()
}

async fn on_the_first_run(
    age: ServerAge,
    steps: &'static [Step],
    domain: &'static str,
    loses: bool,
) {
    let quiet = run(age, 0, Races::none(), steps, domain).await;
    let all = async {
        let (mut runs, mut requests) = (JoinSet::new(), Vec::new());
        for seed in 0..seeds() {
            // Most of a run is waiting.
            if runs.len() == 8 {
                requests.push(runs.join_next().await.unwrap().unwrap());
            }
            runs.spawn_local(run(age, seed, Races::always(), steps, domain));
        }
        requests.extend(runs.join_all().await);
        requests
    };
    let loaded = LocalSet::new().run_until(all).await;
    assert!(
        !loses || loaded.iter().any(|requests| *requests > quiet),
        "no race was lost: {loaded:?}, {quiet}"
    );
}

macro_rules! tests {
    ($($name:ident: $age:ident, $steps:expr, $domain:expr, $loses:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            on_the_first_run(ServerAge::$age, &$steps, $domain, $loses).await;
        }
    )+};
}

tests! {
    productionize_in_2016: V2016, Step::ALL, NEW_DOMAIN, true;
    productionize_in_2021: V2021, Step::ALL, NEW_DOMAIN, true;
    // Nothing follows the router's deployment, so its races have no effect.
    install_certificate_in_2016: V2016, Step::INSTALL_CERTIFICATE, OLD_DOMAIN, false;
    install_certificate_in_2021: V2021, Step::INSTALL_CERTIFICATE, OLD_DOMAIN, false;
    migrate_domain_in_2016: V2016, [Step::Connect, Step::Domain], NEW_DOMAIN, true;
    migrate_domain_in_2021: V2021, [Step::Connect, Step::Domain], NEW_DOMAIN, true;
}
