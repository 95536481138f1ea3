//! The seed file: apps that exist from the start, in TOML or JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::AppSeed;

/// Apps for a mock, read from a file in TOML or from JSON.
///
/// Only `name` is required. Unknown keys are errors.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flynn_mock::MockController;
/// use flynn_mock::control::SeedFile;
///
/// let seed = SeedFile::parse(
///     r#"
/// [[apps]]
/// name = "www"
/// strategy = "one-by-one"       # or "all-at-once", ...
/// deploy_timeout = 30           # seconds
/// meta = { team = "web" }
/// resources = ["postgres"]      # the env of each goes into the current release
///
/// ## The current release.
/// [apps.release]
/// env = { GREETING = "hello" }
/// meta = { git = "true" }
/// artifacts = [{ uri = "https://images.example.com/www" }]
/// [apps.release.processes.web]
/// count = 2
/// args = ["/bin/server"]
/// env = { PORT = "8080" }
/// data = false                  # true: each job has a volume
///
/// ## Releases that were deployed before, the oldest first.
/// [[apps.earlier_releases]]
/// env = { GREETING = "hi" }
///
/// ## Routes, as the controller's API takes them. `type` and `service` have defaults.
/// [[apps.routes]]
/// domain = "shop.example.org"
/// path = "/"
/// sticky = true
///
/// ## One-off jobs.
/// [[apps.jobs]]
/// args = ["sleep", "60"]
/// env = { KIND = "report" }
/// "#,
/// )?;
/// let mut builder = MockController::builder();
/// for app in seed.into_apps() {
///     builder = builder.app(app);
/// }
/// let mock = builder.try_start()?;
/// assert_eq!(mock.state().app("www")?.running("web"), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFile {
    #[serde(default)]
    apps: Vec<App>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    name: String,
    strategy: Option<String>,
    deploy_timeout: Option<u32>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
    release: Option<Release>,
    #[serde(default)]
    earlier_releases: Vec<Release>,
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
    #[serde(default)]
    artifacts: Vec<Artifact>,
    #[serde(default)]
    processes: BTreeMap<String, Process>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Artifact {
    r#type: Option<String>,
    uri: String,
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Process {
    #[serde(default)]
    count: u32,
    args: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    data: bool,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Route {
    #[serde(default = "http")]
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain_backends: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Certificate {
    /// The chain in PEM.
    cert: String,
    /// The private key in PEM.
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

fn http() -> String {
    "http".to_owned()
}

/// The error of a seed file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {}", file.display(), reason)]
pub struct SeedFileError {
    file: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
}

impl SeedFileError {
    /// Returns the line of the error, from 1.
    pub fn line(&self) -> Option<usize> {
        match self.reason {
            Reason::Syntax { line, .. } => Some(line),
            Reason::Io(_) => None,
        }
    }

    /// Returns the column of the error in characters, from 1.
    pub fn column(&self) -> Option<usize> {
        match self.reason {
            Reason::Syntax { column, .. } => Some(column),
            Reason::Io(_) => None,
        }
    }
}

impl SeedFile {
    /// Reads a seed file.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not valid.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, SeedFileError> {
        let file = path.as_ref().to_owned();
        match fs::read_to_string(&file).map_err(Reason::from).and_then(|text| parse(&text)) {
            Ok(seed) => Ok(seed),
            Err(reason) => Err(SeedFileError { file, reason }),
        }
    }

    /// Parses the text of a seed file.
    ///
    /// # Errors
    /// Fails if the text is not valid.
    pub fn parse(toml: &str) -> Result<Self, SeedFileError> {
        parse(toml).map_err(|reason| SeedFileError { file: "the seed".into(), reason })
    }

    /// Returns the names of the apps.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.apps.iter().map(|app| &*app.name)
    }

    /// Returns the seeds of the apps, for [`Builder::app`](crate::Builder::app).
    pub fn into_apps(self) -> Vec<AppSeed> {
        self.apps.into_iter().map(App::into_seed).collect()
    }
}

/// Does not show env values.
impl std::fmt::Debug for SeedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedFile")
            .field("apps", &self.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn parse(text: &str) -> Result<SeedFile, Reason> {
    toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |nl| nl + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        Reason::Syntax { line, column, message: e.message().replace('\n', " ") }
    })
}

impl App {
    fn into_seed(self) -> AppSeed {
        let mut seed = AppSeed::new(&self.name);
        if let Some(strategy) = self.strategy {
            seed = seed.strategy(strategy);
        }
        if let Some(seconds) = self.deploy_timeout {
            seed = seed.deploy_timeout(seconds);
        }
        seed = self.meta.into_iter().fold(seed, |seed, (key, value)| seed.meta(key, value));
        for (index, release) in self.earlier_releases.into_iter().chain(self.release).enumerate() {
            seed = if index == 0 { seed.release() } else { seed.next_release() };
            seed = release.add_to(seed);
        }
        for mut route in self.routes {
            route.service.get_or_insert_with(|| format!("{}-web", self.name));
            // A struct of texts, numbers and booleans can always be serialized.
            seed = seed.route_json(serde_json::to_value(route).unwrap_or_default());
        }
        seed = self.resources.into_iter().fold(seed, AppSeed::resource);
        self.jobs.into_iter().fold(seed, |seed, job| seed.job_with_env(job.args, job.env))
    }
}

impl Release {
    fn add_to(self, mut seed: AppSeed) -> AppSeed {
        seed = self.env.into_iter().fold(seed, |seed, (key, value)| seed.env(key, value));
        seed = self.meta.into_iter().fold(seed, |seed, (key, value)| seed.release_meta(key, value));
        for Artifact { r#type, uri, meta } in self.artifacts {
            let mut artifact = Map::new();
            artifact.extend(r#type.map(|kind| ("type".to_owned(), kind.into())));
            artifact.insert("uri".to_owned(), uri.into());
            if !meta.is_empty() {
                let meta = meta.into_iter().map(|(key, value)| (key, Value::String(value)));
                artifact.insert("meta".to_owned(), Value::Object(meta.collect()));
            }
            seed = seed.artifact_json(artifact.into());
        }
        for (kind, process) in self.processes {
            seed = seed.process(&kind, process.count);
            if let Some(args) = process.args {
                seed = seed.process_args(&kind, args);
            }
            if process.data {
                seed = seed.process_data(&kind);
            }
            for (key, value) in process.env {
                seed = seed.process_env(&kind, key, value);
            }
        }
        seed
    }
}
