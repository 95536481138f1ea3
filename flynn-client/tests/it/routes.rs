use flynn_client::routes::{NewRoute, RouteType};
use flynn_mock::{MockController, ServerAge};
use serde_json::json as value;

use crate::server::{Server, answer, json};

const ROUTE: &str = r#"{"type":"http","id":"u1","parent_ref":"controller/apps/a1","service":"www-web","leader":false,
    "created_at":"2026-11-22T21:55:16.18754Z","updated_at":"2026-11-22T21:55:16.18754Z","domain":"www.example.com",
    "certificate":{"id":"c1","cert":"OLD","key":"OLDKEY"},"path":"/","drain_backends":true,"managed":{"new":1}}"#;

#[tokio::test]
async fn an_update_writes_everything_back() {
    let server = Server::play([json(200, ROUTE), json(200, ROUTE)]).await;
    let routes = server.client().app("www").routes();
    routes.update("http/u1").sticky(true).await.unwrap();
    assert_eq!(server.lines(), ["GET /apps/www/routes/http/u1", "PUT /apps/www/routes/http/u1"]);
    let mut expected: serde_json::Value = serde_json::from_str(ROUTE).unwrap();
    expected["sticky"] = value!(true);
    assert_eq!(server.seen()[1].json(), expected);
}

#[tokio::test]
async fn a_certificate_replaces_the_whole_pair() {
    let server = Server::play([json(200, ROUTE), json(200, ROUTE)]).await;
    let routes = server.client().app("www").routes();
    let update = routes.update("http/u1").certificate("CERT", "s3cret");
    assert!(!format!("{update:?}").contains("s3cret"));
    let route = update.await.unwrap();
    assert_eq!(server.seen()[1].json()["certificate"], value!({"cert": "CERT", "key": "s3cret"}));
    assert!(!format!("{route:?}").contains("OLDKEY"));
    assert!(routes.update("http/u1").certificate("", "").await.unwrap_err().is_validation());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn ids_need_their_kind() {
    let server = Server::play([]).await;
    let routes = server.client().app("www").routes();
    for id in ["", "u1", "http/", "/u1", "http/.."] {
        assert!(routes.get(id).await.unwrap_err().is_validation(), "{id}");
        assert!(routes.update(id).sticky(true).await.unwrap_err().is_validation(), "{id}");
        assert!(routes.delete(id).await.unwrap_err().is_validation(), "{id}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_path_looks_for_its_root_first() {
    let all = format!("[{ROUTE}]");
    let server = Server::play([json(200, &all), json(200, ROUTE), json(200, &all)]).await;
    let routes = server.client().app("www").routes();
    routes.create(NewRoute::http("www.example.com").path("/api")).await.unwrap();
    assert_eq!(server.lines(), ["GET /routes", "POST /apps/www/routes"]);
    assert_eq!(
        server.seen()[1].json(),
        value!({"type": "http", "service": "www-web", "domain": "www.example.com", "path": "/api", "leader": false, "drain_backends": true})
    );
    let error = routes.create(NewRoute::http("other.example.com").path("/api")).await.unwrap_err();
    assert!(
        error.is_validation()
            && error.message().contains("create a route for `/` on other.example.com"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn the_default_service_carries_the_name() {
    let id = "c684490d-f473-45f6-ae78-9d96c9b09795";
    let app = format!(r#"{{"id":"{id}","name":"www"}}"#);
    let server = Server::play([json(200, app), json(200, ROUTE)]).await;
    server
        .client()
        .app(id)
        .routes()
        .create(NewRoute::tcp().port(3000).drain_backends(false))
        .await
        .unwrap();
    assert_eq!(
        server.seen()[1].json(),
        value!({"type": "tcp", "service": "www-web", "port": 3000, "leader": false})
    );
}

#[tokio::test]
async fn old_servers_list_app_by_app() {
    let text = answer(404, "Content-Type: text/plain\r\n", "404 page not found\n");
    let newer =
        ROUTE.replace("\"u1\"", "\"u2\"").replace("created_at\":\"2026", "created_at\":\"2027");
    let server = Server::play([
        text,
        json(200, r#"[{"id":"a1"},{"id":"a2"}]"#),
        json(200, format!("[{ROUTE}]")),
        json(200, format!("[{newer}]")),
    ])
    .await;
    let routes = server.client().routes().list().under_domain("example.com").await.unwrap();
    assert_eq!(routes.iter().map(|route| route.uuid.as_str()).collect::<Vec<_>>(), ["u2", "u1"]);
    assert_eq!(
        server.lines(),
        ["GET /routes", "GET /apps?all=1", "GET /apps/a1/routes", "GET /apps/a2/routes"]
    );
}

#[tokio::test]
async fn routes_are_found_by_domain_and_path() {
    let api = ROUTE.replace("\"path\":\"/\"", "\"path\":\"/api/\"").replace("\"u1\"", "\"u2\"");
    let tcp = r#"{"type":"tcp","id":"u3","service":"x","port":3000,"leader":false}"#;
    let list = json(200, format!("[{ROUTE},{api},{tcp}]"));
    let server = Server::play(vec![list; 3]).await;
    let routes = server.client().app("www").routes();
    let id = |route: Option<flynn_client::routes::Route>| route.map(|route| route.id().to_string());
    assert_eq!(id(routes.find("WWW.example.com", "/").await.unwrap()).unwrap(), "http/u1");
    assert_eq!(id(routes.find("www.example.com", "/api").await.unwrap()).unwrap(), "http/u2");
    assert_eq!(id(routes.find("example.com", "/").await.unwrap()), None);
    assert_eq!(RouteType::from("tcp"), RouteType::Tcp);
}

const DUPLICATE: &str = r#"{"code":"conflict","message":"Duplicate route","retry":false,
    "detail":{"type":"http","id":"","domain":"www.example.com","path":"/"}}"#;

#[tokio::test]
async fn a_conflict_without_a_duplicate_is_asked_for_again() {
    let other = ROUTE.replace("www.example.com", "other.example.com");
    let others = json(200, format!("[{other}]"));
    let refused = || [json(409, DUPLICATE), others.clone()];
    let server = Server::play(
        [refused(), refused(), refused()].concat().into_iter().chain([json(200, ROUTE)]),
    )
    .await;
    let routes = server.client().app("www").routes();
    let route = routes.create(NewRoute::http("www.example.com").certificate("C", "K")).await;
    assert_eq!(route.unwrap().uuid, "u1");
    let post = "POST /apps/www/routes";
    assert_eq!(
        server.lines(),
        [post, "GET /routes", post, "GET /routes", post, "GET /routes", post]
    );
    assert!(server.seen().iter().step_by(2).all(|seen| seen.json() == server.seen()[0].json()));

    // At most four times, and once if retries are disabled.
    let refused_for_ever = move |seen: &crate::server::Seen| match seen.call() {
        "GET /routes" => json(200, "[]"),
        _ => json(409, DUPLICATE),
    };
    let server = Server::answering(refused_for_ever).await;
    let create = |client: flynn_client::Client| async move {
        client.app("www").routes().create(NewRoute::http("www.example.com")).await.unwrap_err()
    };
    assert!(create(server.client()).await.is_conflict());
    assert_eq!(server.lines().iter().filter(|line| *line == post).count(), 4);
    let none = server.builder().retry(flynn_client::RetryPolicy::none()).build().unwrap();
    assert!(create(none).await.is_conflict());
    assert_eq!(server.lines().iter().filter(|line| *line == post).count(), 5);
}

#[tokio::test]
async fn a_conflict_with_a_route_of_any_app_is_one() {
    let tcp =
        r#"{"type":"tcp","id":"u3","parent_ref":"controller/apps/a2","service":"x","port":3000}"#;
    let list = format!("[{},{tcp}]", ROUTE.replace("controller/apps/a1", "controller/apps/a2"));
    for (new, posts) in [
        (NewRoute::http("WWW.example.com"), 1),
        (NewRoute::tcp().port(3000), 1),
        (NewRoute::http("www.example.com").path("/api/"), 4), // there is one of `/` only
        (NewRoute::tcp().port(3001), 4),
        (NewRoute::tcp(), 4), // the server picks
    ] {
        let list = list.clone();
        let server = Server::answering(move |seen| match seen.call() {
            "GET /routes" => json(200, &list),
            _ => json(409, DUPLICATE),
        })
        .await;
        let error = server.client().app("www").routes().create(new.clone()).await.unwrap_err();
        assert!(error.is_conflict(), "{error}");
        let sent = server.lines().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(sent, posts, "{new:?}");
    }

    // Another conflict, and one whose cause cannot be read.
    let reserved = r#"{"code":"conflict","message":"Port reserved for HTTP/HTTPS traffic"}"#;
    let server =
        Server::play([json(409, reserved), json(409, DUPLICATE), answer(403, "", "")]).await;
    let routes = server.client().app("www").routes();
    for _ in 0..2 {
        assert!(routes.create(NewRoute::tcp().port(80)).await.unwrap_err().is_conflict());
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn an_app_that_goes_while_routes_are_read_has_none() {
    let text = answer(404, "Content-Type: text/plain\r\n", "404 page not found\n");
    let apps = json(200, r#"[{"id":"a1"},{"id":"a2"}]"#);
    let server =
        Server::play([text, apps, answer(404, "", ""), json(200, format!("[{ROUTE}]"))]).await;
    assert_eq!(server.client().routes().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_route_is_found_whatever_its_app() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let client = mock.client();
        let all = client.routes().list().await.unwrap();
        let git = all.iter().find(|route| route.domain == "git.example.com").unwrap();
        let route = client.route(git);
        assert_eq!(route.get().await.unwrap(), *git);
        assert!(route.update().sticky(true).await.unwrap().sticky);
        let app = client.app(git.app_id().unwrap());
        assert!(app.routes().get(git).await.unwrap().sticky);
        route.delete().await.unwrap();
        assert!(route.get_opt().await.unwrap().is_none());
        assert!(route.get().await.unwrap_err().is_not_found());
        assert!(route.update().sticky(true).await.unwrap_err().is_not_found());
        assert!(route.delete().await.unwrap_err().is_not_found());
        assert!(client.route("u1").get_opt().await.unwrap_err().is_validation());
    }
    let detached = ROUTE.replace("controller/apps/a1", "");
    let server = Server::answering(move |_| json(200, format!("[{detached}]"))).await;
    let route = server.client().route("http/u1");
    assert_eq!(route.get().await.unwrap().domain, "www.example.com");
    let error = route.update().sticky(true).await.unwrap_err();
    assert!(
        error.is_validation() && error.to_string().contains("does not belong to an app"),
        "{error}"
    );
    assert!(server.lines().iter().all(|line| line == "GET /routes"), "{:?}", server.lines());
}
