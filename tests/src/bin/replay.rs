//! Replays recorded exchanges of real controllers against the mock: `replay [--all] DIR`.

use std::path::Path;
use std::process::ExitCode;

use flynn_tests::replay::{Report, replay};

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let all = args.iter().any(|arg| arg == "--all");
    args.retain(|arg| arg != "--all");
    let [dir] = args.as_slice() else {
        eprintln!("usage: replay [--all] DIR\n\nDIR holds YEAR/RUN/NN-SCENARIO.jsonl");
        return ExitCode::FAILURE;
    };
    match replay(Path::new(dir)) {
        Ok(outcomes) => {
            print!("{}", Report { outcomes, all });
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("replay: {why:#}");
            ExitCode::FAILURE
        }
    }
}
