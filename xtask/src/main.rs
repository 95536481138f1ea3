//! The workspace's chores: `cargo xtask`, without arguments, lists them.

mod emulator;
mod fuzz;
mod tree;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

type Result<T = ()> = std::result::Result<T, String>;

const USAGE: &str = "\
usage: cargo xtask CHORE

  test          run all tests, build the feature sets, check the dependency trees
  test-aws      test the live calls of flynn-aws against an emulator; needs python3 with venv
  test-clients  drive `mock-controller` from Python, and from Node if it is installed
  tree          count each crate's dependencies and check that no banned one is among them
  conformance   check that the mock answers as a controller does; checks a real controller instead
                if FLYNN_TEST_CONTROLLER_URL and FLYNN_TEST_CONTROLLER_KEY are set
  replay DIR    send recorded exchanges of real controllers to the mock and compare
  bench [NAME]  run the benchmarks (client, config, mock, tls); prints `workload: ratio` lines
  torture       kill processes that save .flynnrc and .gitconfig, race 16 of them, fill the disk
  fuzz [SECS]   run each fuzz target for SECS seconds (default 120); needs nightly and cargo-fuzz
  long          torture, all tests with more cases, ten minutes per fuzz target, the benchmarks
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["test"] => test(),
        ["test-aws"] => emulator::test(),
        ["test-clients"] => test_clients(),
        ["tree"] => tree::check(),
        ["conformance"] => program("conformance", &[]),
        ["replay", dir] => program("replay", &[dir]),
        ["bench"] => bench(&["client", "config", "mock", "tls"]),
        ["bench", names @ ..] => bench(names),
        ["torture", rest @ ..] => program("torture", rest),
        ["fuzz"] => fuzz::run_all(120),
        ["fuzz", seconds] => seconds
            .parse()
            .map_err(|_| format!("fuzz: `{seconds}` is not a number of seconds"))
            .and_then(fuzz::run_all),
        ["long"] => long(),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The feature sets that must build in addition to the default one.
const FEATURE_SETS: [&[&str]; 7] = [
    &["-p", "flynn-client", "--no-default-features"],
    &["-p", "flynn-client", "--no-default-features", "--features", "aws-lc-rs,webpki-roots"],
    &["-p", "flynn-tls", "--no-default-features"],
    &["-p", "flynn-tls", "--no-default-features", "--features", "ring"],
    &["-p", "flynn-tls", "--no-default-features", "--features", "aws-lc-rs"],
    &["-p", "flynn-tls", "--features", "aws-lc-rs"],
    &["-p", "flynn-tls", "--features", "platform"],
];

fn test() -> Result {
    // The seed is fixed, so that a change does not fail for an old fault that a new random case finds. `long` uses
    // random seeds.
    let tests = |args: &[&str]| {
        let mut command = cargo_command(&[&["test", "--locked"], args].concat());
        run(command.env("PROPTEST_RNG_SEED", "1"))
    };
    tests(&["--workspace"])?;
    let mock = ["-p", "flynn-mock", "--features", "wiremock,controller"];
    tests(&[&mock[..], &["--test", "it", "--test", "control"]].concat())?;
    for features in FEATURE_SETS {
        cargo(&[&["check", "--quiet", "--locked"], features].concat())?;
    }
    tree::check()
}

/// Runs the test suites in other languages, which need only their standard libraries.
fn test_clients() -> Result {
    cargo(&["build", "--locked", "-p", "flynn-mock", "--features", "controller", "--bins"])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let program = target.unwrap_or_else(|| root().join("target")).join("debug/mock-controller");
    let suite = |interpreter: &str, arguments: &[&str]| {
        let mut command = Command::new(interpreter);
        command.args(arguments).current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1");
        run(command.env("MOCK_CONTROLLER", &program))
    };
    let clients = "flynn-mock/tests/clients";
    suite("python3", &["-m", "unittest", "discover", clients])?;
    match Command::new("node").arg("--version").output() {
        Ok(_) => suite("node", &["--test", clients]),
        Err(_) => Ok(()),
    }
}

fn long() -> Result {
    program("torture", &[])?;
    let mut tests = cargo_command(&["test", "--workspace", "--locked"]);
    run(tests.env("FLYNN_LONG", "1").env("PROPTEST_CASES", "2000"))?;
    cargo(&["test", "--locked", "-p", "flynn-tls", "--all-features"])?;
    fuzz::run_all(600)?;
    bench(&["client", "config", "mock", "tls"])
}

fn bench(names: &[&str]) -> Result {
    names.iter().try_for_each(|name| {
        // The libraries that the benchmark of flynn-config compares are slow to build.
        let features: &[_] = if *name == "config" { &["--features", "rivals"] } else { &[] };
        cargo(&[&["bench", "--quiet", "-p", "flynn-tests", "--bench", name], features].concat())
    })
}

/// Runs a program of `tests/src/bin`.
fn program(name: &str, args: &[&str]) -> Result {
    let run = ["run", "--quiet", "-p", "flynn-tests", "--bin", name, "--"];
    cargo(&[&run, args].concat())
}

fn cargo(args: &[&str]) -> Result {
    run(&mut cargo_command(args))
}

fn cargo_command(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

fn run(command: &mut Command) -> Result {
    eprintln!("xtask: {command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("xtask: {command:?}: {status}")),
        Err(why) => Err(format!("xtask: cannot start {command:?}: {why}")),
    }
}

/// Returns the workspace's root, the parent of this crate's folder.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_crates_bring_their_licences_and_a_page() {
        for name in tree::OURS {
            for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
                let path = root().join(name).join(file);
                assert!(path.is_file(), "{} is missing", path.display());
            }
        }
    }
}
