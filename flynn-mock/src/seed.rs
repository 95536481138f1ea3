//! Apps that a mock has from the start.

use std::fmt;

use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Map, Value, json};

use crate::calls;
use crate::life::Engine;
use crate::wire::Request;

/// An app to start with: made through the controller's own API, so that it is what a user would
/// have got, events included.
///
/// ```
/// use flynn_mock::AppSeed;
///
/// let www = AppSeed::new("www").env("GREETING", "hello").process("web", 2).route("example.com");
/// # let _ = www;
/// ```
#[derive(Clone)]
#[must_use]
pub struct AppSeed {
    name: String,
    meta: Map<String, Value>,
    strategy: Option<String>,
    env: Vec<(String, String)>,
    processes: Vec<(String, u32)>,
    routes: Vec<Value>,
    release: bool,
}

/// Values of the env stay out of it.
impl fmt::Debug for AppSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppSeed")
            .field("name", &self.name)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("processes", &self.processes)
            .finish_non_exhaustive()
    }
}

impl AppSeed {
    /// An app of this name: without a release until something asks for one.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            meta: Map::new(),
            strategy: None,
            env: Vec::new(),
            processes: Vec::new(),
            routes: Vec::new(),
            release: false,
        }
    }

    /// A value of its meta.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Its deployment strategy, such as `one-by-one`.
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.strategy = Some(strategy.into());
        self
    }

    /// A release, even without env and processes.
    pub fn release(mut self) -> Self {
        self.release = true;
        self
    }

    /// A variable of its release's env.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self.release()
    }

    /// A process type of its release that runs `/bin/TYPE`, and how many of it run.
    pub fn process(mut self, kind: impl Into<String>, count: u32) -> Self {
        self.processes.push((kind.into(), count));
        self.release()
    }

    /// One more HTTP route, to its `web` service.
    pub fn route(self, domain: impl Into<String>) -> Self {
        let service = format!("{}-web", self.name);
        self.route_json(json!({"type": "http", "domain": domain.into(), "service": service}))
    }

    /// One more route, as the API takes it.
    pub fn route_json(mut self, route: Value) -> Self {
        self.routes.push(route);
        self
    }

    /// Makes the app; an error names it.
    pub(crate) fn plant(&self, engine: &mut Engine) -> Result<(), String> {
        self.grow(engine).map_err(|why| format!("the seeded app {:?} is refused: {why}", self.name))
    }

    fn grow(&self, engine: &mut Engine) -> Result<(), String> {
        let Self { name, meta, strategy, env, processes, routes, release } = self;
        let mut app = Map::new();
        app.insert("name".to_owned(), name.clone().into());
        app.insert("meta".to_owned(), meta.clone().into());
        if let Some(strategy) = strategy {
            app.insert("strategy".to_owned(), strategy.clone().into());
        }
        let app = call(engine, &Method::POST, "/apps", &app.into())?;
        let path = format!("/apps/{name}/routes");
        for route in routes {
            let first = calls::read(engine, &path).unwrap_or_default();
            call(engine, &Method::POST, &path, &like(route.clone(), first.get(0)))?;
        }
        if !release {
            return Ok(());
        }
        let types: Map<String, Value> = processes
            .iter()
            .map(|(kind, _)| (kind.clone(), json!({"args": [format!("/bin/{kind}")]})))
            .collect();
        let env: Map<String, Value> =
            env.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
        let release = json!({"app_id": app.get("id"), "artifacts": [image(engine)?], "env": env,
                             "processes": types});
        let release = call(engine, &Method::POST, "/releases", &release)?;
        let id = release.get("id").and_then(Value::as_str).unwrap_or_default();
        call(engine, &Method::PUT, &format!("/apps/{name}/release"), &json!({"id": id}))?;
        if !processes.is_empty() {
            let counts: Map<String, Value> =
                processes.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect();
            let path = format!("/apps/{name}/formations/{id}");
            call(engine, &Method::PUT, &path, &json!({"processes": counts}))?;
            engine.run_to_end();
        }
        Ok(())
    }
}

/// All routes of a service must agree on `drain_backends`, which the app's first route has set.
fn like(mut route: Value, first: Option<&Value>) -> Value {
    let service = first.and_then(|first| first.get("service"));
    let drain = first.and_then(|first| first.get("drain_backends"));
    if let (Some(fields), Some(drain)) = (route.as_object_mut(), drain)
        && fields.get("service") == service
    {
        fields.entry("drain_backends").or_insert_with(|| drain.clone());
    }
    route
}

/// An image to run: one of the cluster's own, since a release without any cannot run.
fn image(engine: &mut Engine) -> Result<Value, String> {
    let artifacts = calls::read(engine, "/artifacts").unwrap_or_default();
    let newest = artifacts.get(0).and_then(|artifact| artifact.get("id"));
    newest.cloned().ok_or_else(|| "the cluster has no artifact".to_owned())
}

/// One call with the controller's key.
pub(crate) fn call(
    engine: &mut Engine,
    method: &Method,
    path: &str,
    body: &Value,
) -> Result<Value, String> {
    let request = Request::new(method.clone(), path)
        .header(AUTHORIZATION, authorization(engine)?)
        .json(body.to_string());
    let answer = calls::handle(engine, &request);
    if !answer.status.is_success() {
        let why = without_secrets(answer.bytes());
        return Err(format!("{method} {path} is answered {}{why}", answer.status));
    }
    serde_json::from_slice(answer.bytes()).map_err(|e| format!("{method} {path}: {e}"))
}

/// What an error body says, without the object that was sent (its detail may be a route with its
/// private key) and without the value that was tried for an env variable.
fn without_secrets(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let (Some(code), Some(message)) = (text("code"), text("message")) else { return String::new() };
    let message = message.split(" (tried to set").next().unwrap_or_default();
    format!(" {code}: {message}")
}

/// The header that the controller's first key makes.
fn authorization(engine: &Engine) -> Result<HeaderValue, String> {
    use base64::Engine as _;
    let key = engine.keys().into_iter().next().unwrap_or_default();
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!(":{key}"));
    let mut value =
        HeaderValue::try_from(format!("Basic {credentials}")).map_err(|e| e.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}
