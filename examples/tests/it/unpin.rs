//! The pin is removed once the certificate is proved to be publicly trusted, and never because just any server answers.

use std::fs;

use flynn_config::{FlynnRc, GitConfig};
use flynn_examples::cli::Arguments;
use flynn_examples::connect;
use flynn_examples::demo::OLD_DOMAIN;
use flynn_examples::runner::Mode;
use flynn_examples::step::Step;
use flynn_examples::unpin::{Removed, remove_pin};
use flynn_mock::ServerAge;
use flynn_tls::Roots;

use crate::program::run;
use crate::world::World;

/// A cluster whose system routes have a certificate of the CA in `ca.pem`.
async fn certified() -> World {
    let arguments = Arguments { domain: Some(OLD_DOMAIN.to_owned()), ..Arguments::default() };
    let world = World::with(ServerAge::V2021, &arguments).await;
    let (summary, output) = world.run_steps(&Step::INSTALL_CERTIFICATE, Mode::Do).await;
    assert!(summary.is_complete(), "{output}");
    world
}

async fn remove(world: &World, roots: Roots) -> anyhow::Result<Removed> {
    let locations = world.job.locations.clone();
    let cluster = connect::cluster(&locations, Some("production"))?;
    remove_pin(locations, cluster, Some(world.demo.mock.addr()), roots).await
}

#[tokio::test]
async fn a_proved_certificate_needs_no_pin() {
    let world = certified().await;
    let before = connect::cluster(&world.job.locations, Some("production")).unwrap();
    // The CA takes the place of a public one.
    let roots = Roots::from_pem(world.read("ca.pem")).unwrap();
    let removed = remove(&world, roots.clone()).await.unwrap();
    assert_eq!(removed.pin.as_deref(), before.pin());
    assert!(removed.git.concat().contains("sslCAInfo"), "{removed:?}");
    let rc = FlynnRc::load(world.path(".flynnrc")).unwrap();
    assert_eq!(rc.cluster("production").unwrap().pin(), None);
    assert!(rc.cluster("staging").unwrap().pin().is_some());
    let git = GitConfig::load(world.path(".gitconfig")).unwrap();
    assert_eq!(git.flynn_blocks(before.git_url()).ca_file(), None);
    assert_eq!(remove(&world, roots).await.unwrap(), Removed::default());
}

#[tokio::test]
async fn a_server_that_is_not_trusted_changes_nothing() {
    let world = certified().await;
    let files = world.files();
    let error = format!("{:#}", remove(&world, Roots::mozilla()).await.unwrap_err());
    assert!(error.contains("the pin stays") && error.contains("trusted roots"), "{error}");
    let address = world.demo.mock.addr().to_string();
    let arguments = ["--cluster", "production", "--connect-to", &address].map(str::to_owned);
    let output = run(env!("CARGO_BIN_EXE_remove-pin"), world.demo.home(), &arguments);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains("the pin stays"), "{line}");
    assert!(world.files() == files);
}

/// A trusted certificate for another name belongs to another server.
#[tokio::test]
async fn a_certificate_for_another_name_is_none() {
    let world = certified().await;
    let rc = world.read(".flynnrc").replace("controller.old.example.com", "controller.example.org");
    fs::write(world.path(".flynnrc"), rc).unwrap();
    let files = world.files();
    let roots = Roots::from_pem(world.read("ca.pem")).unwrap();
    let error = format!("{:#}", remove(&world, roots).await.unwrap_err());
    assert!(error.contains("controller.example.org"), "{error}");
    assert!(world.files() == files);
}
