//! The two blocks of a cluster in `~/.gitconfig`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::helper::{KEY_FROM_VARIABLE, is_variable};
use super::include::expanded;
use super::parse::Section;
use super::value::unescaped;
use super::{File, GitConfig};
use crate::url::is_same_url;

/// The settings of a cluster's git URL, which `flynn cluster add` writes:
///
/// ```text
/// [http "https://git.example.com"]
///     sslCAInfo = /home/ann/.flynn/ca-certs/default.pem
/// [credential "https://git.example.com"]
///     helper = /usr/local/bin/flynn git-credentials
/// ```
///
/// Includes the sections of equivalent URLs: in another case, with a slash at the end, or with the default port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlynnBlocks {
    /// The `sslCAInfo` settings as they are written. git uses the last one.
    pub ca_files: Vec<Setting>,
    /// The `helper` settings in the order in which git asks them. An empty one cancels the helpers before it.
    pub helpers: Vec<Setting>,
    ca_file: Option<PathBuf>,
}

/// A setting of a Flynn block.
///
/// `Debug` shows only Flynn's helpers, because others can contain a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The key, with the section spelled as in the file.
    pub key: String,
    /// The value.
    pub value: String,
    /// The included file with the setting, which an edit does not change. `None` for the file itself.
    pub included_from: Option<PathBuf>,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, included_from } = self;
        let is_helper = key.ends_with(".helper");
        let value = if is_helper { shown_helper(value) } else { value };
        f.debug_struct("Setting")
            .field("key", key)
            .field("value", &value)
            .field("included_from", included_from)
            .finish()
    }
}

impl FlynnBlocks {
    /// Returns the CA file that git uses for the URL, with the home folder for `~/`.
    ///
    /// `~/` stays if no home is known (after [`GitConfig::parse`]). `~name/`, the home of another
    /// user, always stays.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Returns true if git asks the original CLI or `git-credential-flynn` for the password.
    pub fn has_flynn_helper(&self) -> bool {
        self.flynn_helper().is_some()
    }

    /// Returns the last of Flynn's helpers that git asks for the password.
    pub fn flynn_helper(&self) -> Option<&Setting> {
        let mut live = self.helpers.iter().rev().take_while(|setting| !setting.value.is_empty());
        live.find(|setting| is_flynn_helper(&setting.value))
    }

    /// Returns true if there are no settings.
    pub fn is_empty(&self) -> bool {
        self.ca_files.is_empty() && self.helpers.is_empty()
    }
}

impl GitConfig {
    /// Returns the settings of a cluster's git URL, including those in included files.
    pub fn flynn_blocks(&self, git_url: &str) -> FlynnBlocks {
        let ca_files = self.settings("http", git_url, "sslCAInfo");
        let ca_file = ca_files.last().map(|setting| {
            let path = Path::new(&setting.value);
            expanded(path, self.home.as_deref()).unwrap_or_else(|_| path.to_owned())
        });
        let helpers = self.settings("credential", git_url, "helper");
        FlynnBlocks { ca_files, helpers, ca_file }
    }

    fn settings(&self, base: &str, git_url: &str, variable: &str) -> Vec<Setting> {
        let own = self.files.first().map(std::ptr::from_ref);
        let settings = self.variables().filter_map(|entry| {
            if !entry.name().eq_ignore_ascii_case(variable.as_bytes()) {
                return None;
            }
            let file = entry.file;
            let section = file.parsed.sections.get(entry.variable.section?)?;
            let section = file.name_about(section, base, git_url)?;
            let value = entry.value().to_string_lossy().into_owned();
            Some(Setting {
                key: format!("{section}.{variable}"),
                value,
                included_from: (own != Some(std::ptr::from_ref(file)))
                    .then(|| file.path.clone().unwrap_or_default()),
            })
        });
        settings.collect()
    }
}

impl File {
    /// Returns the indices and names of the sections about `git_url`.
    pub(super) fn sections_about(&self, base: &str, git_url: &str) -> Vec<(usize, String)> {
        let sections = self.parsed.sections.iter().enumerate();
        let about = |(index, section)| Some((index, self.name_about(section, base, git_url)?));
        sections.filter_map(about).collect()
    }

    /// Returns the name of a section, if it is `[base "URL"]` with a URL that git considers equal to `git_url`.
    fn name_about(&self, section: &Section, base: &str, git_url: &str) -> Option<String> {
        let spelled = self.text.get(section.base.clone())?;
        let raw = self.text.get(section.subsection.clone()?)?;
        if !spelled.eq_ignore_ascii_case(base.as_bytes()) {
            return None;
        }
        let subsection = unescaped(raw);
        let subsection = std::str::from_utf8(&subsection).ok()?;
        is_same_url(subsection, git_url).then(|| format!("{base}.{subsection}"))
    }
}

/// Returns the text of a helper that is safe to show. Helpers other than Flynn's can contain a password, as can a
/// variable that is set for it.
pub(super) fn shown_helper(value: &str) -> &str {
    let may = match value.strip_prefix(KEY_FROM_VARIABLE) {
        Some(rest) => reads_a_variable(rest),
        None => is_flynn_helper(value) && !value.contains('='),
    };
    if may { value } else { "..." }
}

/// Returns whether the rest of a helper is as [`Helper::key_from_variable`](super::Helper::key_from_variable) writes
/// it.
fn reads_a_variable(rest: &str) -> bool {
    let name = rest.strip_prefix(" \"${").and_then(|rest| rest.strip_suffix("}\"; }; f"));
    name.is_some_and(is_variable)
}

pub(super) fn is_flynn_helper(value: &str) -> bool {
    let value = value.trim_end();
    let program = value.trim_end_matches(['\'', '"']);
    let program = program.strip_suffix(".exe").unwrap_or(program);
    value == "flynn"
        || value.starts_with(KEY_FROM_VARIABLE)
        || value.ends_with(" git-credentials")
        || program.ends_with("git-credential-flynn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitconfig::Helper;

    #[test]
    fn what_may_hold_a_password_is_not_shown() {
        for hidden in [
            "!f() { echo password=hunter2; }; f",
            "!KEY=hunter2 flynn git-credentials",
            &format!("{KEY_FROM_VARIABLE} hunter2; }}; f"),
            &format!("{KEY_FROM_VARIABLE} \"${{A:-hunter2}}\"; }}; f"),
        ] {
            assert_eq!(shown_helper(hidden), "...", "{hidden}");
        }
        let from_variable = Helper::key_from_variable("FLYNN_KEY").unwrap();
        for shown in ["flynn", "/usr/bin/flynn git-credentials", from_variable.as_str()] {
            assert_eq!(shown_helper(shown), shown);
        }
    }

    #[test]
    fn flynns_helper_is_the_last_one_that_git_still_asks() {
        let helper = |text: &str| {
            let config = format!("[credential \"https://git.a.test\"]\n{text}");
            let blocks = GitConfig::parse(&config).unwrap().flynn_blocks("https://git.a.test");
            blocks.flynn_helper().map(|setting| setting.value.clone())
        };
        assert_eq!(helper("helper = flynn\nhelper = cache\n").as_deref(), Some("flynn"));
        assert_eq!(helper("helper = flynn\nhelper =\nhelper = cache\n"), None);
        assert_eq!(helper("helper = cache\n"), None);
    }
}
