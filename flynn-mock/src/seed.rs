//! Apps that exist from the start.

use std::collections::BTreeMap;
use std::fmt;

use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Map, Value, json};

use crate::calls;
use crate::dialect::ServerAge;
use crate::life::Engine;
use crate::wire::Request;

/// An app that exists from the start.
///
/// It is created with the calls of the controller's API, as a user would create it, including its events. `env`,
/// `process` and the other methods about a release apply to the current release, or to an earlier one if you call them
/// before [`next_release`](Self::next_release).
///
/// ```
/// use flynn_mock::AppSeed;
///
/// let www = AppSeed::new("www")
///     .env("GREETING", "hello")
///     .process("web", 2)
///     .process_args("web", ["/bin/server", "--verbose"])
///     .resource("postgres")
///     .route("example.com");
/// # let _ = www;
/// ```
#[derive(Clone)]
#[must_use]
pub struct AppSeed {
    name: String,
    meta: Map<String, Value>,
    strategy: Option<String>,
    deploy_timeout: Option<i64>,
    /// The releases before the current one, oldest first.
    earlier: Vec<ReleaseSeed>,
    current: Option<ReleaseSeed>,
    routes: Vec<Value>,
    resources: Vec<Value>,
    jobs: Vec<JobSeed>,
}

#[derive(Clone, Default)]
struct ReleaseSeed {
    meta: Map<String, Value>,
    env: Map<String, Value>,
    processes: BTreeMap<String, ProcessSeed>,
    artifacts: Vec<Value>,
}

#[derive(Clone)]
struct ProcessSeed {
    count: u32,
    args: Vec<String>,
    env: Map<String, Value>,
    /// True if each job has a volume.
    data: bool,
}

/// A one-off job of the current release.
#[derive(Clone)]
struct JobSeed {
    args: Vec<String>,
    env: Map<String, Value>,
}

/// Shows no values of env variables.
impl fmt::Debug for AppSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.current.as_ref();
        let env: Vec<_> = release.iter().flat_map(|release| release.env.keys()).collect();
        let processes = release.iter().flat_map(|release| &release.processes);
        let processes: Vec<_> = processes.map(|(kind, process)| (kind, process.count)).collect();
        f.debug_struct("AppSeed")
            .field("name", &self.name)
            .field("env", &env)
            .field("processes", &processes)
            .finish_non_exhaustive()
    }
}

impl AppSeed {
    /// Creates the seed of an app, which has no release unless you add one.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            meta: Map::new(),
            strategy: None,
            deploy_timeout: None,
            earlier: Vec::new(),
            current: None,
            routes: Vec::new(),
            resources: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Adds a value to the app's metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Sets the deployment strategy, such as `one-by-one`.
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.strategy = Some(strategy.into());
        self
    }

    /// Sets the deployment timeout in seconds.
    pub fn deploy_timeout(mut self, seconds: u32) -> Self {
        self.deploy_timeout = Some(seconds.into());
        self
    }

    /// Adds a release, even if it has neither env nor processes.
    pub fn release(mut self) -> Self {
        self.current();
        self
    }

    /// Starts another release, which is empty and is deployed after the previous ones.
    pub fn next_release(mut self) -> Self {
        let before = self.current.replace(ReleaseSeed::default());
        self.earlier.extend(before);
        self
    }

    /// Adds a variable to the env of the release.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.current().env.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Adds a value to the metadata of the release.
    pub fn release_meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.current().meta.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Adds an artifact to the release, as the JSON body of `POST /artifacts`. `type` and `manifest` have
    /// defaults. Without an artifact, the release has an image of the cluster.
    pub fn artifact_json(mut self, artifact: Value) -> Self {
        self.current().artifacts.push(artifact);
        self
    }

    /// Adds a process type to the release, and the number of its jobs. It runs `/bin/TYPE`.
    pub fn process(mut self, kind: impl Into<String>, count: u32) -> Self {
        let kind = kind.into();
        self.process_of(&kind).count = count;
        self
    }

    /// Sets the command of a process type.
    pub fn process_args(
        mut self,
        kind: impl AsRef<str>,
        args: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.process_of(kind.as_ref()).args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a variable to the env of a process type.
    pub fn process_env(
        mut self,
        kind: impl AsRef<str>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.process_of(kind.as_ref()).env.insert(key.into(), Value::String(value.into()));
        self
    }

    /// Gives each job of a process type its own volume.
    pub fn process_data(mut self, kind: impl AsRef<str>) -> Self {
        self.process_of(kind.as_ref()).data = true;
        self
    }

    /// Adds an HTTP route to the app's `web` service.
    pub fn route(self, domain: impl Into<String>) -> Self {
        let service = format!("{}-web", self.name);
        self.route_json(json!({"type": "http", "domain": domain.into(), "service": service}))
    }

    /// Adds a route, as the JSON body of the API.
    pub fn route_json(mut self, route: Value) -> Self {
        self.routes.push(route);
        self
    }

    /// Adds a resource of a provider, such as `postgres`. Its env goes into the current release, as
    /// with `flynn resource add`.
    pub fn resource(mut self, provider: impl Into<String>) -> Self {
        self.resources.push(Value::String(provider.into()));
        self.release()
    }

    /// Runs a one-off job of the current release, detached.
    pub fn job(self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.job_with_env(args, [] as [(&str, &str); 0])
    }

    /// Runs a one-off job of the current release with additional env variables, detached.
    pub fn job_with_env(
        mut self,
        args: impl IntoIterator<Item = impl Into<String>>,
        env: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let env = env.into_iter().map(|(key, value)| (key.into(), Value::String(value.into())));
        let args = args.into_iter().map(Into::into).collect();
        self.jobs.push(JobSeed { args, env: env.collect() });
        self.release()
    }

    fn current(&mut self) -> &mut ReleaseSeed {
        self.current.get_or_insert_default()
    }

    fn process_of(&mut self, kind: &str) -> &mut ProcessSeed {
        let args = || vec![format!("/bin/{kind}")];
        let new = || ProcessSeed { count: 0, args: args(), env: Map::new(), data: false };
        self.current().processes.entry(kind.to_owned()).or_insert_with(new)
    }

    /// Creates the app. An error contains its name.
    pub(crate) fn plant(&self, engine: &mut Engine) -> Result<(), String> {
        self.create(engine)
            .map_err(|why| format!("the seeded app {:?} is refused: {why}", self.name))
    }

    fn create(&self, engine: &mut Engine) -> Result<(), String> {
        let name = &self.name;
        let mut app = Map::new();
        app.insert("name".to_owned(), name.clone().into());
        app.insert("meta".to_owned(), self.meta.clone().into());
        if let Some(strategy) = &self.strategy {
            app.insert("strategy".to_owned(), strategy.clone().into());
        }
        if let Some(seconds) = self.deploy_timeout {
            app.insert("deploy_timeout".to_owned(), seconds.into());
        }
        let app = call(engine, &Method::POST, "/apps", &app.into())?;
        let id = id_of(&app);
        let path = format!("/apps/{name}/routes");
        for route in &self.routes {
            let first = calls::read(engine, &path).unwrap_or_default();
            call(engine, &Method::POST, &path, &like(route.clone(), first.get(0)))?;
        }
        let mut env = Map::new();
        for provider in &self.resources {
            let path = format!("/providers/{}/resources", provider.as_str().unwrap_or_default());
            let resource = call(engine, &Method::POST, &path, &json!({ "apps": [id] }))?;
            env.extend(resource.get("env").and_then(Value::as_object).cloned().unwrap_or_default());
        }
        let mut current = String::new();
        let earlier = self.earlier.iter().map(|release| (release, Map::new()));
        let releases = earlier.chain(self.current.iter().map(|release| (release, env.clone())));
        for (index, (release, env)) in releases.enumerate() {
            current = release.create(engine, id, env)?;
            release.deploy(engine, name, &current, index == 0)?;
        }
        for JobSeed { args, env } in &self.jobs {
            let job = json!({ "release": current, "args": args, "env": env });
            call(engine, &Method::POST, &format!("/apps/{name}/jobs"), &job)?;
        }
        Ok(())
    }
}

impl ReleaseSeed {
    /// Creates the release and returns its id.
    fn create(
        &self,
        engine: &mut Engine,
        app: &str,
        mut env: Map<String, Value>,
    ) -> Result<String, String> {
        let mut artifacts = Vec::new();
        for artifact in &self.artifacts {
            let artifact = call(engine, &Method::POST, "/artifacts", &complete(engine, artifact))?;
            artifacts.push(id_of(&artifact).into());
        }
        if artifacts.is_empty() {
            artifacts.push(image(engine)?);
        }
        let processes = self.processes.iter().map(|(kind, process)| {
            let mut document = Map::new();
            document.insert("args".into(), json!(process.args));
            if !process.env.is_empty() {
                document.insert("env".into(), process.env.clone().into());
            }
            if process.data {
                document.insert("data".into(), true.into());
            }
            (kind.clone(), Value::Object(document))
        });
        env.extend(self.env.clone());
        let mut release = json!({"app_id": app, "artifacts": artifacts, "env": env,
                                 "processes": processes.collect::<Map<_, _>>()});
        if let Some(release) = release.as_object_mut()
            && !self.meta.is_empty()
        {
            release.insert("meta".into(), self.meta.clone().into());
        }
        let release = call(engine, &Method::POST, "/releases", &release)?;
        Ok(id_of(&release).to_owned())
    }

    /// Makes the release the current one and starts its jobs.
    fn deploy(
        &self,
        engine: &mut Engine,
        app: &str,
        id: &str,
        is_first: bool,
    ) -> Result<(), String> {
        let release = json!({ "id": id });
        if is_first {
            call(engine, &Method::PUT, &format!("/apps/{app}/release"), &release)?;
        } else {
            call(engine, &Method::POST, &format!("/apps/{app}/deploy"), &release)?;
            engine.run_to_end();
        }
        if !self.processes.is_empty() {
            let counts = self.processes.iter();
            let counts = counts.map(|(kind, process)| (kind.clone(), process.count.into()));
            let formation = json!({ "processes": counts.collect::<Map<_, Value>>() });
            call(engine, &Method::PUT, &format!("/apps/{app}/formations/{id}"), &formation)?;
            engine.run_to_end();
        }
        Ok(())
    }
}

/// Returns an artifact with the type and manifest for the server's age.
fn complete(engine: &Engine, artifact: &Value) -> Value {
    let mut artifact = artifact.clone();
    if let Some(fields) = artifact.as_object_mut() {
        let is_2016 = engine.options.age == ServerAge::V2016;
        fields.entry("type").or_insert_with(|| if is_2016 { "docker" } else { "flynn" }.into());
        if !is_2016 {
            fields.entry("manifest").or_insert_with(|| json!({}));
        }
    }
    artifact
}

fn id_of(document: &Value) -> &str {
    document.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// Copies `drain_backends` from the app's first route, since all routes of a service must have the same setting.
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

/// Returns one of the cluster's own images, since a release without an image cannot run.
fn image(engine: &mut Engine) -> Result<Value, String> {
    let artifacts = calls::read(engine, "/artifacts").unwrap_or_default();
    let newest = artifacts.get(0).and_then(|artifact| artifact.get("id"));
    newest.cloned().ok_or_else(|| "the cluster has no artifact".to_owned())
}

/// Makes a call with the controller's key.
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

/// Returns the code and message of an error body. Omits the detail, which can be a route with its private key, and the
/// value of an env variable in the message.
fn without_secrets(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let (Some(code), Some(message)) = (text("code"), text("message")) else { return String::new() };
    let message = message.split(" (tried to set").next().unwrap_or_default();
    format!(" {code}: {message}")
}

/// Returns the `Authorization` header for the controller's first key.
fn authorization(engine: &Engine) -> Result<HeaderValue, String> {
    use base64::Engine as _;
    let key = engine.keys().into_iter().next().unwrap_or_default();
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!(":{key}"));
    let mut value =
        HeaderValue::try_from(format!("Basic {credentials}")).map_err(|e| e.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}
