//! Runs the fuzz targets of `fuzz/`.

use std::fs;
use std::process::Command;

use crate::{Result, root, run};

/// Runs every target for this number of seconds. Stops at the first crash.
pub(crate) fn run_all(seconds: u32) -> Result {
    for target in targets()? {
        let limit = format!("-max_total_time={seconds}");
        // `$CARGO` would not do: only rustup's `cargo` understands `+nightly`.
        run(Command::new("cargo")
            .args(["+nightly", "fuzz", "run", &target, "--", &limit])
            .current_dir(root()))?;
    }
    Ok(())
}

/// Returns the names of the files in `fuzz/fuzz_targets`, sorted.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
