//! Programs of a user who has logged in and has no key.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use flynn_mock::{AppSeed, MockController, ServerAge, Token};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::program::{run, stdout};

const CLUSTER: &str = "production";

/// A cluster whose user has logged in long ago.
struct World {
    mock: MockController,
    home: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let mock = MockController::builder()
            .server(ServerAge::Fork2026September)
            .bootstrapped("example.com")
            .app(AppSeed::new("shop"))
            .tls()
            .start()
            .await;
        let (url, pin) = (mock.url(), mock.pin());
        let login = url.replace("controller", "auth");
        let rc = format!(
            "[[cluster]]\n  Name = {CLUSTER:?}\n  OAuthURL = {login:?}\n  TLSPin = \"{pin}\"\n  ControllerURL = {url:?}\n"
        );
        let cache = json!({
            "refresh_token": "the-old+token",
            "refresh_token_expiry": "2999-01-01T00:00:00Z",
            "access_tokens": {url: {"access_token": "gone", "expiry": "2020-01-01T00:00:00Z"}},
        });
        let world = Self { mock, home: tempfile::tempdir().unwrap() };
        fs::write(world.home.path().join(".flynnrc"), rc).unwrap();
        fs::create_dir_all(world.cache().parent().unwrap()).unwrap();
        fs::write(world.cache(), cache.to_string()).unwrap();
        world
    }

    fn cache(&self) -> PathBuf {
        self.home.path().join(".flynn/tokens").join(CLUSTER).join("flynn-cli.json")
    }

    /// Makes the login server give this answer, to one request.
    async fn login_server(&self, answer: ResponseTemplate) {
        let endpoint = format!("{}/oauth/token", self.mock.url().replace("controller", "auth"));
        let metadata =
            ResponseTemplate::new(200).set_body_json(json!({"token_endpoint": endpoint}));
        let server = self.mock.wiremock().await;
        let known = Mock::given(method("GET")).and(path("/.well-known/oauth-authorization-server"));
        known.respond_with(metadata).expect(1).mount(server).await;
        let renewal = Mock::given(method("POST"))
            .and(path("/oauth/token"))
            .and(body_string_contains("grant_type=refresh_token"))
            .and(body_string_contains("refresh_token=the-old%2Btoken"));
        renewal.respond_with(answer).expect(1).mount(server).await;
    }

    fn routes(&self) -> Output {
        let address = self.mock.addr().to_string();
        let arguments = ["--cluster", CLUSTER, "--connect-to", &address].map(str::to_owned);
        run(env!("CARGO_BIN_EXE_routes"), self.home.path(), &arguments)
    }
}

#[tokio::test]
async fn an_expired_login_is_renewed_once_and_kept() {
    let world = World::new().await;
    let token = world.mock.issue_token(Token::new().scope("cluster:admin"));
    let answer = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "next",
    });
    world.login_server(ResponseTemplate::new(200).set_body_json(answer)).await;
    for _ in 0..2 {
        let output = world.routes();
        assert!(output.status.success(), "{output:?}");
        assert!(stdout(&output).contains("shop.example.com"), "{output:?}");
    }
    let cache: Value = serde_json::from_slice(&fs::read(world.cache()).unwrap()).unwrap();
    assert_eq!(cache["refresh_token"], "next");
    assert_eq!(cache["access_tokens"][world.mock.url()]["access_token"], token);
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_stays_and_the_user_learns_what_to_do() {
    let world = World::new().await;
    let before = fs::read(world.cache()).unwrap();
    let refused = json!({"error": "invalid_grant"});
    world.login_server(ResponseTemplate::new(400).set_body_json(refused)).await;
    let output = world.routes();
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(error.contains("run `flynn login`") && !error.contains("the-old"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(fs::read(world.cache()).unwrap(), before);
}
