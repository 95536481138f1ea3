//! Waits whose event stream has died silently.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use flynn_client::AppId;
use flynn_client::Client;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::server::{Seen, Server, json, open_events};

/// A wait, and the answers before and after its end, chosen by the call.
struct Wait {
    make: fn(&Client) -> BoxFuture<'static, Result<(), flynn_client::Error>>,
    before: &'static [(&'static str, &'static str)],
    after: &'static [(&'static str, &'static str)],
}

const WAITS: [Wait; 6] = [
    Wait {
        make: |c| c.deployment("d1").wait().into_future().map(|done| done.map(drop)).boxed(),
        before: &[("GET /deployments/d1", r#"{"id":"d1","status":"pending"}"#)],
        after: &[(
            "GET /deployments/d1",
            r#"{"id":"d1","status":"complete","finished_at":"2026-11-22T21:54:31Z"}"#,
        )],
    },
    Wait {
        make: |c| wait_for_scale(c, "q1"),
        before: &[(
            "GET /events",
            r#"[{"id":1,"object_type":"scale_request","object_id":"q1","data":{"state":"pending"}}]"#,
        )],
        after: &[
            (
                "GET /events",
                r#"[{"id":2,"object_type":"scale_request","object_id":"q1","data":{"state":"complete"}}]"#,
            ),
            ("GET /apps/www/formations/r1", "{}"),
        ],
    },
    // On servers without scale requests, the running jobs are read.
    Wait {
        make: |c| wait_for_scale(c, ""),
        before: &[
            ("GET /events", "[]"),
            ("GET /releases/r1", r#"{"id":"r1"}"#),
            ("GET /active-jobs", "[]"),
            ("GET /apps/www/formations/r1", r#"{"app":"a1","release":"r1","processes":{"web":1}}"#),
        ],
        after: &[(
            "GET /active-jobs",
            r#"[{"id":"h-1","app":"a1","release":"r1","type":"web","state":"up","host_id":"h"}]"#,
        )],
    },
    Wait {
        make: |c| {
            c.app_deletion(AppId::new("a1")).wait().into_future().map(|done| done.map(drop)).boxed()
        },
        before: &[(
            "GET /events",
            r#"[{"id":1,"object_type":"app_deletion","object_id":"a1","data":{"error":"not yet"}}]"#,
        )],
        after: &[(
            "GET /events",
            r#"[{"id":2,"object_type":"app_deletion","object_id":"a1","data":{"app_deletion":{"app":"a1"}}}]"#,
        )],
    },
    Wait {
        make: |c| {
            c.app("www")
                .release_deletion("r1")
                .wait()
                .into_future()
                .map(|done| done.map(drop))
                .boxed()
        },
        before: &[("GET /events", "[]")],
        after: &[(
            "GET /events",
            r#"[{"id":2,"object_type":"release_deletion","object_id":"r1","data":{"release_deletion":{"release":"r1"}}}]"#,
        )],
    },
    Wait {
        make: |c| {
            c.domain().migration("m1").wait().into_future().map(|done| done.map(drop)).boxed()
        },
        before: &[(
            "GET /events",
            r#"[{"id":1,"object_type":"domain_migration","object_id":"m1","data":{"domain_migration":{"id":"m1"}}}]"#,
        )],
        after: &[(
            "GET /events",
            r#"[{"id":2,"object_type":"domain_migration","object_id":"m1","data":{"domain_migration":{"id":"m1","finished_at":"2026-11-22T21:54:31Z"}}}]"#,
        )],
    },
];

fn wait_for_scale(
    client: &Client,
    request: &str,
) -> BoxFuture<'static, Result<(), flynn_client::Error>> {
    let scaling = client.app("www").scaling("r1", request).wait();
    scaling.into_future().map(|done| done.map(drop)).boxed()
}

impl Wait {
    fn answer(&self, request: &Seen, over: bool) -> Option<&'static str> {
        let find = |answers: &'static [(&str, &'static str)]| {
            answers.iter().find(|(call, _)| *call == request.call()).map(|(_, body)| *body)
        };
        find(self.after).filter(|_| over).or_else(|| find(self.before))
    }
}

#[tokio::test(start_paused = true)]
async fn it_asks_for_its_object_every_ten_seconds() {
    for wait in &WAITS {
        let begun = tokio::time::Instant::now();
        let streams = std::sync::Arc::new(AtomicU32::new(0));
        let count = std::sync::Arc::clone(&streams);
        let server = Server::answering(move |request| {
            if request.header("accept") == Some("text/event-stream") {
                count.fetch_add(1, Relaxed);
                return open_events("");
            }
            // It is over after the first question, and before the second.
            let over = begun.elapsed() > Duration::from_secs(15);
            json(200, wait.answer(request, over).unwrap_or_else(|| panic!("{}", request.line())))
        })
        .await;
        let made = (wait.make)(&server.client());
        tokio::time::timeout(Duration::from_secs(60), made).await.expect("it ends").unwrap();
        let (waited, lines) = (begun.elapsed().as_secs(), server.lines());
        assert!((20..25).contains(&waited), "{waited}: {lines:#?}");
        assert_eq!(streams.load(Relaxed), 1, "{lines:#?}");
    }
}
