//! Combined calls over TLS, against a mocked cluster of each age.

use flynn_client::apps::NewApp;
use flynn_client::capabilities::{Capability, Support};
use flynn_client::deployments::DeploymentStatus;
use flynn_client::events::EventType;
use flynn_client::releases::{NewRelease, ProcessType};
use flynn_client::routes::NewRoute;
use flynn_client::{Client, ErrorKind};
use flynn_mock::{MockController, Races, ServerAge};
use futures_util::{StreamExt, TryStreamExt};

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];

async fn cluster(age: ServerAge) -> (MockController, Client) {
    let mock =
        MockController::builder().bootstrapped("old.example.com").server(age).tls().start().await;
    let client = mock.client();
    (mock, client)
}

/// An app with one release deployed.
async fn app(client: &Client, name: &str) -> flynn_client::apps::App {
    let app = client.apps().create(NewApp::named(name)).await.unwrap();
    let release = NewRelease::of_app(&app.id).process("web", ProcessType::running(["/bin/web"]));
    let release = client.releases().create(release).await.unwrap();
    client.app(name).deploy(&release.id).await.unwrap().wait().await.unwrap();
    client.app(name).get().await.unwrap()
}

#[tokio::test]
async fn apps_and_their_env() {
    for age in AGES {
        let (_mock, client) = cluster(age).await;
        let www = app(&client, "www").await;
        assert!(!www.release_id.is_empty() && !www.is_system());
        assert!(client.apps().create(NewApp::named("www")).await.unwrap_err().is_conflict());
        assert!(client.apps().create(NewApp::named("W W")).await.unwrap_err().is_validation());

        let env = client.app(&www.id).env();
        let change = env.set([("A", "1"), ("B", "two words\n<&>")]).await.unwrap();
        assert_eq!(change.deployment.unwrap().status, DeploymentStatus::Complete);
        assert_eq!(env.get().await.unwrap()["B"], "two words\n<&>");
        assert!(!env.set([("A", "1")]).unset(["C"]).await.unwrap().changed());
        env.of_process("web").set([("P", "1")]).await.unwrap();
        let release = client.app("www").release().await.unwrap();
        assert_eq!((release.env.len(), release.processes["web"].env.len()), (2, 1));
        assert_eq!(release.processes["web"].args, ["/bin/web"]);

        let current = client.app("www").deploy(&release.id).await.unwrap_err();
        assert!(current.is_validation(), "{current:?}");
        client.app("www").update().deploy_timeout(7).strategy("one-by-one").await.unwrap();
        let app = client.app("www").set_meta([("k", "v")]).await.unwrap();
        assert_eq!(
            (app.deploy_timeout, app.strategy.as_str(), app.meta["k"].as_str()),
            (7, "one-by-one", "v")
        );
    }
}

#[tokio::test]
async fn routes_keep_what_is_not_named() {
    for age in AGES {
        let (_mock, client) = cluster(age).await;
        app(&client, "www").await;
        let routes = client.app("www").routes();
        let apex = routes.create(NewRoute::http("example.com").sticky(true)).await.unwrap();
        assert_eq!(apex.service, "www-web");
        let error = routes.create(NewRoute::http("example.com")).await.unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
        routes.create(NewRoute::http("example.com").path("/api/")).await.unwrap();
        let error =
            routes.create(NewRoute::http("nosuch.example.com").path("/api/")).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidInput, 0));

        let controller = client.app("controller").routes();
        let before = controller.list().under_domain("old.example.com").await.unwrap().remove(0);
        let certificate = before.certificate.clone().unwrap();
        controller
            .update(&before)
            .certificate(&certificate.cert, &certificate.key)
            .leader(true)
            .await
            .unwrap();
        let after = controller.get(before.id()).await.unwrap();
        assert!(after.leader);
        assert_eq!(
            (after.certificate.unwrap().cert, after.parent_ref),
            (certificate.cert, before.parent_ref)
        );

        let found = routes.find("example.com", "/api").await.unwrap().unwrap();
        let dependent = routes.delete(&apex).await.unwrap_err();
        assert!(dependent.is_validation(), "{dependent:?}");
        routes.delete(&found).await.unwrap();
        routes.delete(&apex).await.unwrap();
        assert!(routes.get_opt(apex.id()).await.unwrap().is_none());
        assert!(client.routes().list().await.unwrap().len() >= 4);
    }
}

#[tokio::test]
async fn events_listed_streamed_and_watched() {
    for age in AGES {
        let (mock, client) = cluster(age).await;
        let watch = client.events().object_types([EventType::App]).watch();
        let mut watch = watch.begin().await.unwrap();
        app(&client, "www").await;
        let event = watch.next().await.unwrap().unwrap();
        assert_eq!(event.decode::<flynn_client::apps::App>().unwrap().name, "www");
        mock.end_streams();
        client.apps().create(NewApp::named("second")).await.unwrap();
        let next = watch.next().await.unwrap().unwrap();
        assert!(next.id > event.id, "resumed after the break");

        let all = client.events().list().page_size(3).await.unwrap();
        assert!(all.len() > 3 && all.is_sorted_by(|a, b| a.id > b.id));
        assert_eq!(client.events().get(event.id).await.unwrap(), event);
        let past = client.events().past().object_id(&event.object_id).stream().await.unwrap();
        let past: Vec<_> = past.take(1).try_collect().await.unwrap();
        assert_eq!(past[0].object_id, event.object_id);
    }
}

#[tokio::test]
async fn jobs_detached_and_attached() {
    for age in AGES {
        let (_mock, client) = cluster(age).await;
        let jobs = client.app("blobstore").jobs();
        let job = jobs.run(["exit", "0"]).await.unwrap();
        assert_eq!(jobs.get(&job.id).await.unwrap().uuid, job.uuid);
        let (mut output, mut input) = jobs.run(["cat"]).attached().await.unwrap().split();
        input.write(b"through and back").await.unwrap();
        input.close().await.unwrap();
        let mut echoed = Vec::new();
        while let Some(piece) = output.try_next().await.unwrap() {
            if let flynn_client::jobs::JobOutput::Data { data, .. } = piece {
                echoed.extend_from_slice(&data);
            }
        }
        assert_eq!(echoed, b"through and back");
        assert!(jobs.list().await.unwrap().len() >= 2);
        assert!(
            jobs.get_opt("host0-00000000-0000-0000-0000-000000000000").await.unwrap().is_none()
        );
    }
}

/// Input of all kinds arrives, although a controller loses input sent right after the 101.
#[tokio::test]
async fn input_that_is_sent_at_once_is_not_lost() {
    use flynn_client::jobs::JobOutput;

    let mock = MockController::builder()
        .bootstrapped("example.com")
        .seed(1)
        .wall_clock()
        .races(Races::none().lost_input(100))
        // Prints its input, and ends after the first piece.
        .programs(|_| {
            Box::new(|input| {
                let status = match input {
                    flynn_mock::Input::Stdin(_) => 1,
                    flynn_mock::Input::Signal(_) => 2,
                    flynn_mock::Input::Resize { .. } => 3,
                    flynn_mock::Input::Eof => 4,
                    _ => return Vec::new(),
                };
                vec![flynn_mock::Output::Exit(status)]
            })
        })
        .start()
        .await;
    let jobs = mock.client().app("controller").jobs();
    for kind in 1..=4 {
        let run = jobs.run(["any"]);
        // Only a job with a terminal can be resized.
        let run = if kind == 3 { run.tty(24, 80) } else { run };
        let attached = run.attached().await.unwrap();
        let (mut output, mut input) = attached.split();
        match kind {
            1 => input.write(b"first").await.unwrap(),
            2 => input.signal(2).await.unwrap(),
            3 => input.resize(50, 80).await.unwrap(),
            _ => drop(input),
        }
        let mut last = None;
        while let Some(next) = output.try_next().await.unwrap() {
            last = Some(next);
        }
        assert_eq!(last, Some(JobOutput::Exit { status: kind }));
    }
}

#[tokio::test]
async fn the_domain_moves() {
    for age in AGES {
        let (mock, client) = cluster(age).await;
        assert_eq!(client.domain().get().await.unwrap(), "old.example.com");
        let migration = client.domain().migrate("new.example.com").await.unwrap();
        let done = migration.wait().await.unwrap();
        assert!(done.is_finished() && done.tls_cert.is_some());
        let again = client.domain().migration(&done.id).wait().await.unwrap();
        assert_eq!(again.id, done.id, "picked up by its id");
        let moved = mock.client();
        assert_eq!(moved.domain().get().await.unwrap(), "new.example.com");
        assert!(moved.url().contains("controller.new.example.com"));
        assert!(moved.ca_certificate().await.unwrap().contains("BEGIN CERTIFICATE"));
    }
}

#[tokio::test]
async fn routes_that_a_migration_loses_are_missed_and_made() {
    for age in AGES {
        for seed in 0..3 {
            let races = Races::none().lost_routes(100).route_conflict(100);
            let mock = MockController::builder().bootstrapped("old.example.com").server(age);
            let mock = mock.tls().races(races).seed(seed).start().await;
            let client = mock.client();
            let migration = client.domain().migrate("new.example.com").await.unwrap();
            let error = migration.wait().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MissingRoutes, "{error}");
            let missing = error.missing_routes().len();
            assert_eq!(migration.create_missing_routes().await.unwrap().len(), missing);
            assert!(migration.wait().await.unwrap().is_finished());

            // Dropping the old domain does not lock the client out.
            for route in client.routes().list().under_domain("old.example.com").await.unwrap() {
                let app = route.parent_ref.rsplit('/').next().unwrap();
                let moved = mock.client().app(app).routes();
                moved.delete(&route).await.unwrap();
            }
            assert_eq!(mock.client().domain().get().await.unwrap(), "new.example.com");
        }
    }
}

#[tokio::test]
async fn capabilities_of_each_server_age() {
    for (age, support) in AGES.into_iter().zip([Support::No, Support::Yes]) {
        let (mock, client) = cluster(age).await;
        let can = client.capabilities().await.unwrap();
        for capability in [
            Capability::Sinks,
            Capability::ScaleRequests,
            Capability::Volumes,
            Capability::AllRoutes,
        ] {
            assert_eq!(can.get(capability), support, "{age:?} {capability:?}");
        }
        assert_eq!(can.get(Capability::Hosts), Support::No);
        let events = client.events().list().await.unwrap();
        let since = mock.requests().len();
        client.capabilities().await.unwrap();
        assert_eq!(mock.requests().len(), since, "remembered");
        assert_eq!(client.events().list().await.unwrap(), events, "asking changes nothing");
    }
}
