//! A mocked cluster, a home folder, a job, and the state that tests compare.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flynn_examples::cli::Arguments;
use flynn_examples::connect;
use flynn_examples::demo::{self, Demo};
use flynn_examples::job::Job;
use flynn_examples::runner::{self, Mode, Summary};
use flynn_examples::screen::Screen;
use flynn_examples::session::Session;
use flynn_examples::step::Step;
use flynn_mock::{RecordedRequest, ServerAge};

/// Everything that a run needs, kept between runs.
pub(crate) struct World {
    pub(crate) demo: Demo,
    pub(crate) job: Job,
}

impl World {
    pub(crate) async fn new(age: ServerAge) -> Self {
        Self::with(age, &Arguments::default()).await
    }

    pub(crate) async fn with(age: ServerAge, arguments: &Arguments) -> Self {
        Self::of(Demo::start(age).await.unwrap(), arguments)
    }

    pub(crate) fn of(demo: Demo, arguments: &Arguments) -> Self {
        let job = Job::demo(arguments, &demo).unwrap();
        Self { demo, job }
    }

    /// Runs all steps with a new session, as a new process would.
    pub(crate) async fn run(&self, mode: Mode) -> (Summary, String) {
        self.run_steps(&Step::ALL, mode).await
    }

    pub(crate) async fn run_steps(&self, steps: &[Step], mode: Mode) -> (Summary, String) {
        let output = Output::default();
        let screen = Screen::to(output.clone());
        let cluster = connect::cluster(&self.job.locations, Some(demo::CLUSTER));
        let open = |cluster| Session::open(self.job.clone(), cluster, screen);
        let summary = match cluster.and_then(open) {
            Ok(mut session) => runner::run(&mut session, steps, mode).await,
            Err(failure) => {
                Summary { reports: Vec::new(), failures: vec![(Step::Connect, failure)] }
            }
        };
        (summary, output.text())
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.demo.home().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns every file of the home folder with its content, except lock files.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files_under(self.demo.home())
    }

    /// Requests that change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let requests = self.demo.mock.requests();
        let changing =
            |request: &&RecordedRequest| !matches!(request.method.as_str(), "GET" | "HEAD");
        requests.iter().filter(changing).map(|r| format!("{} {}", r.method, r.path)).collect()
    }
}

pub(crate) fn files_under(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else if path.extension().is_none_or(|extension| extension != "lock") {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// Collects what a screen shows.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
