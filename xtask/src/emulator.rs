//! Runs the tests of flynn-aws's live calls against an emulator of AWS, which is installed into a separate Python
//! environment.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Result, cargo, cargo_command, root, run};

/// The packages of the environment, with their versions.
const REQUIREMENTS: &str = "tests/aws/requirements.txt";
/// The emulator.
const PROGRAM: &str = "tests/aws/emulator.py";
/// The time in which the emulator must answer. Its first start compiles its modules.
const START: Duration = Duration::from_secs(120);
/// The crates and features that the tests need.
const FEATURES: [&str; 8] = [
    "-p",
    "flynn-aws",
    "-p",
    "flynn-tests",
    "-p",
    "flynn-examples",
    "--features",
    "flynn-aws/s3,flynn-aws/iam,flynn-aws/route53,flynn-tests/aws,flynn-examples/aws",
];

/// Creates the environment, starts the emulators, and runs clippy and the tests of the live features.
pub(crate) fn test() -> Result {
    let started = Instant::now();
    let environment = environment()?;
    let live = Emulator::start(&environment, "live")?;
    let enforcing = Emulator::start(&environment, "enforcing")?;
    live.wait()?;
    enforcing.wait()?;
    let targets = ["--lib", "--bins", "--test", "aws"];
    let clippy =
        [&["clippy", "--locked", "--no-deps"], &FEATURES[..], &targets, &["--", "-D", "warnings"]];
    cargo(&clippy.concat())?;
    let tests = [&["test", "--locked"], &FEATURES[..], &["--lib", "--test", "aws"]];
    run(cargo_command(&tests.concat())
        .env("FLYNN_AWS_EMULATOR", &live.endpoint)
        .env("FLYNN_AWS_EMULATOR_IAM", &enforcing.endpoint)
        .env("FLYNN_AWS_PYTHON", environment.join("bin/python")))?;
    eprintln!("xtask: test-aws took {} s", started.elapsed().as_secs());
    Ok(())
}

/// Returns the environment with the emulator. It is created again if the list of packages has changed.
fn environment() -> Result<PathBuf> {
    let folder = root().join("target/aws-emulator");
    let list = root().join(REQUIREMENTS);
    let wanted = fs::read(&list).map_err(|why| format!("{}: {why}", list.display()))?;
    let made = folder.join("requirements.txt");
    if fs::read(&made).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&list))?;
    fs::write(&made, wanted).map_err(|why| format!("{}: {why}", made.display()))?;
    Ok(folder)
}

/// A running emulator, which is killed on drop.
struct Emulator {
    child: Child,
    endpoint: String,
    log: PathBuf,
}

impl Emulator {
    fn start(environment: &Path, name: &str) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|why| format!("xtask: no free port: {why}"))?
            .port();
        let log = environment.join(format!("{name}.log"));
        let output = File::create(&log).map_err(|why| format!("{}: {why}", log.display()))?;
        let child = Command::new(environment.join("bin/python"))
            .arg(root().join(PROGRAM))
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|why| format!("xtask: cannot start the emulator: {why}"))?;
        Ok(Self { child, endpoint: format!("http://127.0.0.1:{port}"), log })
    }

    /// Waits until it accepts connections.
    fn wait(&self) -> Result {
        let address = self.endpoint.trim_start_matches("http://");
        let started = Instant::now();
        while started.elapsed() < START {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(100));
        }
        Err(format!("xtask: the emulator does not answer, see {}", self.log.display()))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // If these fail, it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
