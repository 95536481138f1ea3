//! Where the files are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::login::Tokens;
use crate::{CaFiles, Error, ErrorKind};

/// The rules by which paths are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// Linux, macOS and the other Unixes: everything under `~`.
    Unix,
    /// Windows: Flynn's files under `%APPDATA%\flynn`.
    Windows,
}

impl Platform {
    /// The platform that this program runs on.
    pub const fn current() -> Self {
        if cfg!(windows) { Self::Windows } else { Self::Unix }
    }
}

/// Where the files of one person are; each path can be overridden, so that a test never touches
/// a real home.
///
/// ```
/// use flynn_config::Locations;
///
/// let locations = Locations::in_home("/home/ann").with_gitconfig("/etc/gitconfig");
/// assert_eq!(locations.flynnrc().to_str(), Some("/home/ann/.flynnrc"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Locations {
    home: PathBuf,
    flynnrc: PathBuf,
    flynn_dir: PathBuf,
    gitconfig: PathBuf,
}

impl Locations {
    /// The locations of the person running this program.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when no home folder is known.
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| match name {
            // The system knows the home of a person whose environment does not.
            "HOME" => std::env::var_os("HOME")
                .filter(|home| !home.is_empty())
                .or_else(|| std::env::home_dir().map(PathBuf::into_os_string)),
            _ => std::env::var_os(name),
        };
        Self::resolve(Platform::current(), variable, Path::exists)
    }

    /// The locations that given environment variables lead to, by the rules of a platform.
    ///
    /// The original: `$FLYNNRC`, else `~/.flynnrc`; `~/.flynn`; on Windows
    /// `%APPDATA%\flynn\flynnrc` and `%APPDATA%\flynn`. git: `$GIT_CONFIG_GLOBAL`, else
    /// `~/.gitconfig`, or `$XDG_CONFIG_HOME/git/config` where that `exists` and the other does
    /// not. The home on Windows: `HOME`, `USERPROFILE`, `HOMEDRIVE` and `HOMEPATH`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when no home folder can be told.
    pub fn resolve(
        platform: Platform,
        variable: impl Fn(&str) -> Option<OsString>,
        exists: impl Fn(&Path) -> bool,
    ) -> Result<Self, Error> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = match platform {
            Platform::Unix => set("HOME"),
            Platform::Windows => set("HOME").or_else(|| set("USERPROFILE")).or_else(|| {
                let mut drive = variable("HOMEDRIVE")?;
                drive.push(variable("HOMEPATH")?);
                Some(PathBuf::from(drive))
            }),
        };
        let home =
            home.ok_or_else(|| Error::new(ErrorKind::NotFound, "no home folder: HOME is not set"))?;
        let mut locations = Self::of_home(platform, home, set("APPDATA"));
        if let Some(flynnrc) = set("FLYNNRC") {
            locations.flynnrc = flynnrc;
        }
        let xdg = set("XDG_CONFIG_HOME").map_or_else(
            || join(platform, &locations.home, &[".config", "git", "config"]),
            |xdg| join(platform, &xdg, &["git", "config"]),
        );
        match set("GIT_CONFIG_GLOBAL") {
            Some(global) => locations.gitconfig = global,
            None if !exists(&locations.gitconfig) && exists(&xdg) => locations.gitconfig = xdg,
            None => {}
        }
        Ok(locations)
    }

    /// The usual places in a home folder (on Windows with `AppData\Roaming` in it), whatever the
    /// environment says.
    pub fn in_home(home: impl Into<PathBuf>) -> Self {
        Self::of_home(Platform::current(), home.into(), None)
    }

    fn of_home(platform: Platform, home: PathBuf, app_data: Option<PathBuf>) -> Self {
        let gitconfig = join(platform, &home, &[".gitconfig"]);
        let (flynnrc, flynn_dir) = match platform {
            Platform::Unix => {
                (join(platform, &home, &[".flynnrc"]), join(platform, &home, &[".flynn"]))
            }
            Platform::Windows => {
                let app_data =
                    app_data.unwrap_or_else(|| join(platform, &home, &["AppData", "Roaming"]));
                let dir = join(platform, &app_data, &["flynn"]);
                (join(platform, &dir, &["flynnrc"]), dir)
            }
        };
        Self { home, flynnrc, flynn_dir, gitconfig }
    }

    /// Another `.flynnrc`.
    pub fn with_flynnrc(self, path: impl Into<PathBuf>) -> Self {
        Self { flynnrc: path.into(), ..self }
    }

    /// Another folder for CA files and tokens.
    pub fn with_flynn_dir(self, path: impl Into<PathBuf>) -> Self {
        Self { flynn_dir: path.into(), ..self }
    }

    /// Another git configuration.
    pub fn with_gitconfig(self, path: impl Into<PathBuf>) -> Self {
        Self { gitconfig: path.into(), ..self }
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The `.flynnrc`.
    pub fn flynnrc(&self) -> &Path {
        &self.flynnrc
    }

    /// The folder of CA files and tokens, `~/.flynn`.
    pub fn flynn_dir(&self) -> &Path {
        &self.flynn_dir
    }

    /// The git configuration that `git config --global` writes.
    pub fn gitconfig(&self) -> &Path {
        &self.gitconfig
    }

    /// The CA files, `~/.flynn/ca-certs`.
    pub fn ca_files(&self) -> CaFiles {
        CaFiles::new(self.flynn_dir.join("ca-certs"))
    }

    /// The cached OAuth tokens, `~/.flynn/tokens`.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.flynn_dir.join("tokens"))
    }
}

/// Joins by the rules of `platform`, which need not be the one this runs on.
fn join(platform: Platform, base: &Path, parts: &[&str]) -> PathBuf {
    if platform == Platform::current() {
        return parts.iter().fold(base.to_owned(), |path, part| path.join(part));
    }
    let separator = if platform == Platform::Windows { "\\" } else { "/" };
    let mut path = base.as_os_str().to_owned();
    for part in parts {
        path.push(separator);
        path.push(part);
    }
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(platform: Platform, variables: &[(&str, &str)], there: &[&str]) -> Locations {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Locations::resolve(platform, variable, |path| there.iter().any(|p| path == Path::new(p)))
            .unwrap()
    }

    fn flynnrc(platform: Platform, variables: &[(&str, &str)]) -> String {
        resolve(platform, variables, &[]).flynnrc().to_str().unwrap().to_owned()
    }

    #[test]
    fn flynnrc_by_platform() {
        let unix = [("HOME", "/home/ann"), ("APPDATA", "/x")];
        assert_eq!(flynnrc(Platform::Unix, &unix), "/home/ann/.flynnrc");
        let mac = [("HOME", "/Users/ann"), ("FLYNNRC", "/elsewhere/rc")];
        assert_eq!(flynnrc(Platform::Unix, &mac), "/elsewhere/rc");
        let roaming = r"C:\Users\ann\AppData\Roaming";
        let windows = [("USERPROFILE", r"C:\Users\ann"), ("APPDATA", roaming), ("FLYNNRC", "")];
        let locations = resolve(Platform::Windows, &windows, &[]);
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        assert_eq!(text(locations.flynnrc()), format!(r"{roaming}\flynn\flynnrc"));
        assert_eq!(text(locations.flynn_dir()), format!(r"{roaming}\flynn"));
        assert_eq!(text(locations.gitconfig()), r"C:\Users\ann\.gitconfig");
        let drive = [("HOMEDRIVE", "D:"), ("HOMEPATH", r"\ann")];
        let expected = r"D:\ann\AppData\Roaming\flynn\flynnrc";
        assert_eq!(flynnrc(Platform::Windows, &drive), expected);
    }

    #[test]
    fn gitconfig_as_git_finds_it() {
        let home = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
        let find = |variables: &[_], there: &[_]| {
            resolve(Platform::Unix, variables, there).gitconfig().to_owned()
        };
        assert_eq!(find(&home, &[]), Path::new("/h/.gitconfig"));
        assert_eq!(find(&home, &["/x/git/config"]), Path::new("/x/git/config"));
        let both = ["/x/git/config", "/h/.gitconfig"];
        assert_eq!(find(&home, &both), Path::new("/h/.gitconfig"));
        assert_eq!(
            find(&home[..1], &["/h/.config/git/config"]),
            Path::new("/h/.config/git/config")
        );
        let global = [("HOME", "/h"), ("GIT_CONFIG_GLOBAL", "/g")];
        assert_eq!(find(&global, &both), Path::new("/g"));
    }

    #[test]
    fn no_home_is_an_error() {
        let error = Locations::resolve(Platform::Unix, |_| None, |_| false).unwrap_err();
        assert!(error.is_not_found());
    }
}
