//! Conditions of `includeIf`.

use std::fs;
use std::path::Path;

use super::wildmatch::matches;
use crate::file;

/// The values that a condition depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct IncludeContext<'a> {
    pub(super) home: Option<&'a Path>,
    /// The repository's `.git` folder.
    pub(super) git_dir: Option<&'a Path>,
    /// The configuration file with the condition.
    pub(super) file: &'a Path,
}

impl IncludeContext<'_> {
    /// Returns whether a condition holds. An unknown one does not, as with git.
    pub(super) fn holds(&self, condition: &str) -> bool {
        let Some((kind, pattern)) = condition.split_once(':') else { return false };
        match kind {
            "gitdir" => self.in_repository(pattern, false),
            "gitdir/i" => self.in_repository(pattern, true),
            "onbranch" => self.on_branch(pattern),
            _ => false,
        }
    }

    /// Returns whether the pattern matches the real path of the repository or the given path.
    fn in_repository(&self, pattern: &str, fold_case: bool) -> bool {
        let (Some(git_dir), Some((folder, pattern))) = (self.git_dir, self.expanded(pattern))
        else {
            return false;
        };
        let pattern = with_folder(&pattern);
        let is_in = |git_dir: &Path| {
            let path = slashed(git_dir);
            let path = path.strip_suffix(b"/").unwrap_or(&path);
            // The folder of `./` has no wildcards.
            path.split_at_checked(folder.len()).is_some_and(|(start, rest)| {
                let same =
                    if fold_case { start.eq_ignore_ascii_case(&folder) } else { *start == *folder };
                same && matches(&pattern, rest, fold_case)
            })
        };
        fs::canonicalize(git_dir).is_ok_and(|real| is_in(&real)) || is_in(git_dir)
    }

    /// Returns whether the pattern matches the branch in `HEAD`, with or without commits.
    fn on_branch(&self, pattern: &str) -> bool {
        let head = self.git_dir.and_then(|dir| Some(file::read(&dir.join("HEAD")).ok()?.0));
        let branch = head.as_deref().and_then(|head| head.strip_prefix(b"ref:"));
        let branch = branch.and_then(|name| name.trim_ascii().strip_prefix(b"refs/heads/"));
        branch.is_some_and(|branch| matches(&with_folder(pattern.as_bytes()), branch, false))
    }

    /// Returns the literal start of a path pattern, and the pattern for the rest. `~/` is the real
    /// home and `./` the real folder of the file.
    fn expanded(&self, pattern: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let real = |path: &Path| fs::canonicalize(path).ok().map(|path| slashed(&path));
        if let Some(rest) = pattern.strip_prefix("~/") {
            let whole = [&*real(self.home?)?, b"/", rest.as_bytes()].concat();
            return Some((Vec::new(), whole));
        }
        if let Some(rest) = pattern.strip_prefix("./") {
            let mut folder = real(self.file)?;
            let slash = folder.iter().rposition(|&b| b == b'/')?;
            folder.truncate(slash + 1);
            let rest = if rest.is_empty() { "**" } else { rest };
            return Some((folder, rest.as_bytes().to_vec()));
        }
        let anywhere: &[u8] = if Path::new(pattern).is_absolute() { b"" } else { b"**/" };
        Some((Vec::new(), [anywhere, pattern.as_bytes()].concat()))
    }
}

/// A pattern that ends with a slash matches everything below.
fn with_folder(pattern: &[u8]) -> Vec<u8> {
    let below: &[u8] = if pattern.ends_with(b"/") { b"**" } else { b"" };
    [pattern, below].concat()
}

/// The bytes of a path; on Windows with forward slashes, and without the prefix of a real path.
fn slashed(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if cfg!(windows) {
        let bytes = bytes.strip_prefix(br"\\?\").unwrap_or(bytes);
        return bytes.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect();
    }
    bytes.to_vec()
}
