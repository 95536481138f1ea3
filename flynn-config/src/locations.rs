//! The paths of the files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::login::Tokens;
use crate::{CaFiles, Error, ErrorKind};

/// The platform whose rules determine the paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// Linux, macOS and other Unixes: all files are under `~`.
    Unix,
    /// Windows: Flynn's files are under `%APPDATA%\flynn`.
    Windows,
}

impl Platform {
    /// Returns the platform that this program runs on.
    pub const fn current() -> Self {
        if cfg!(windows) { Self::Windows } else { Self::Unix }
    }
}

/// The paths of the user's files.
///
/// You can change each path, so that a test does not touch a real home folder.
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
    /// Returns the paths of the current user.
    ///
    /// # Errors
    /// Fails with [`NotFound`](ErrorKind::NotFound) if there is no home folder.
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| match name {
            // Without the variable, ask the system for the home folder.
            "HOME" => std::env::var_os("HOME")
                .filter(|home| !home.is_empty())
                .or_else(|| std::env::home_dir().map(PathBuf::into_os_string)),
            _ => std::env::var_os(name),
        };
        Self::resolve(Platform::current(), variable, Path::exists)
    }

    /// Returns the paths for a platform and its environment variables.
    ///
    /// - `.flynnrc`: `$FLYNNRC`, or else `~/.flynnrc` (Windows: `%APPDATA%\flynn\flynnrc`)
    /// - Flynn's folder: `~/.flynn` (Windows: `%APPDATA%\flynn`)
    /// - git configuration: `$GIT_CONFIG_GLOBAL`, or else `~/.gitconfig`, or
    ///   `$XDG_CONFIG_HOME/git/config` if only that file `exists`
    /// - home: `HOME` (Windows: also `USERPROFILE`, or `HOMEDRIVE` and `HOMEPATH`)
    ///
    /// # Errors
    /// Fails with [`NotFound`](ErrorKind::NotFound) if there is no home folder.
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
        let home = home
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no home folder; set HOME"))?;
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

    /// Returns the usual paths in a home folder. Ignores the environment.
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

    /// Sets the path of `.flynnrc`.
    pub fn with_flynnrc(self, path: impl Into<PathBuf>) -> Self {
        Self { flynnrc: path.into(), ..self }
    }

    /// Sets the folder of CA files and tokens.
    pub fn with_flynn_dir(self, path: impl Into<PathBuf>) -> Self {
        Self { flynn_dir: path.into(), ..self }
    }

    /// Sets the path of the git configuration.
    pub fn with_gitconfig(self, path: impl Into<PathBuf>) -> Self {
        Self { gitconfig: path.into(), ..self }
    }

    /// Returns the home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the path of `.flynnrc`.
    pub fn flynnrc(&self) -> &Path {
        &self.flynnrc
    }

    /// Returns the folder of CA files and tokens, `~/.flynn`.
    pub fn flynn_dir(&self) -> &Path {
        &self.flynn_dir
    }

    /// Returns the path of the git configuration that `git config --global` writes.
    pub fn gitconfig(&self) -> &Path {
        &self.gitconfig
    }

    /// Returns the CA files, `~/.flynn/ca-certs`.
    pub fn ca_files(&self) -> CaFiles {
        CaFiles::new(self.flynn_dir.join("ca-certs"))
    }

    /// Returns the cached tokens, `~/.flynn/tokens`.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.flynn_dir.join("tokens"))
    }
}

/// Joins paths by the rules of `platform`, which can be another one than the current.
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
