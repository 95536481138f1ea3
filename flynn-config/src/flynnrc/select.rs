//! Selects a cluster.

use super::{Cluster, FlynnRc};
use crate::{Error, ErrorKind};

impl FlynnRc {
    /// Returns the cluster named by the argument. Without an argument, returns the one named by `$FLYNN_CLUSTER`, or by
    /// `default`, or the first one.
    ///
    /// # Errors
    /// Fails with [`UnknownCluster`](ErrorKind::UnknownCluster) if there is no cluster with this name, with
    /// [`NoClusters`](ErrorKind::NoClusters) if the file has no clusters, and with
    /// [`Unsupported`](ErrorKind::Unsupported) for an entry of 2014 or 2015.
    pub fn select(&self, argument: Option<&str>) -> Result<&Cluster, Error> {
        self.select_from(argument, std::env::var("FLYNN_CLUSTER").ok().as_deref())
    }

    /// Like [`select`](Self::select), with the value of `$FLYNN_CLUSTER` as an argument.
    ///
    /// # Errors
    /// Returns the errors of [`select`](Self::select).
    pub fn select_from(
        &self,
        argument: Option<&str>,
        environment: Option<&str>,
    ) -> Result<&Cluster, Error> {
        let named = [argument, environment, Some(self.default_name())];
        let named = named.into_iter().flatten().find(|name| !name.is_empty());
        let cluster = match (named, self.clusters()) {
            (_, []) => return Err(self.no_clusters()),
            (Some(name), _) => self.cluster(name).ok_or_else(|| self.unknown(name))?,
            (None, [first, ..]) => first,
        };
        cluster.refuse_obsolete().map_err(|e| self.with_path(e))?;
        Ok(cluster)
    }

    /// Returns the cluster and the app of a git remote, `https://git.<domain>/<app>.git`.
    pub fn of_git_remote<'a>(&self, url: &'a str) -> Option<(&Cluster, &'a str)> {
        self.clusters().iter().find_map(|cluster| {
            let git_url = Some(cluster.git_url()).filter(|url| !url.is_empty())?;
            let app = url.strip_prefix(git_url)?.strip_prefix('/')?.strip_suffix(".git")?;
            (!app.is_empty()).then_some((cluster, app))
        })
    }

    /// Returns the error for an unknown cluster, which lists the known ones.
    pub(super) fn unknown(&self, name: &str) -> Error {
        let names: Vec<_> = self.clusters().iter().map(|c| format!("{:?}", c.name())).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = format!("no cluster is named {name:?}; the file has {known}");
        self.with_path(Error::new(ErrorKind::UnknownCluster, message))
    }

    fn no_clusters(&self) -> Error {
        self.with_path(if self.layout.has_servers {
            let message = "its [[server]] entries are from 2014 and not supported; run `flynn \
                           cluster add` for a newer cluster";
            Error::new(ErrorKind::Unsupported, message)
        } else {
            let message = "the file has no cluster; add one with `flynn cluster add`";
            Error::new(ErrorKind::NoClusters, message)
        })
    }

    /// Adds the path of the file to an error, if it has one.
    fn with_path(&self, error: Error) -> Error {
        match &self.path {
            Some(path) => error.of_file("use", path),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
default = "b"
[[cluster]]
Name = "a"
GitURL = "https://git.a.test"
[[cluster]]
Name = "b"
GitURL = "https://git.a.test:8443"
[[cluster]]
Name = "nogit"
GitURL = ""
"#;

    #[test]
    fn argument_then_environment_then_default_then_first() {
        let rc = FlynnRc::parse(TWO).unwrap();
        assert_eq!(rc.select_from(Some("a"), Some("b")).unwrap().name(), "a");
        assert_eq!(rc.select_from(None, Some("a")).unwrap().name(), "a");
        assert_eq!(rc.select_from(Some(""), Some("")).unwrap().name(), "b");
        let rc = FlynnRc::parse(&TWO.replace("default = \"b\"", "")).unwrap();
        assert_eq!(rc.select_from(None, None).unwrap().name(), "a");
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let rc = FlynnRc::parse(&TWO.replace("default = \"b\"", "default = \"c\"")).unwrap();
        let error = rc.select_from(None, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no cluster is named \"c\"; the file has \"a\", \"b\", \"nogit\""
        );
        assert!(rc.default_cluster().is_none());
        let error = FlynnRc::parse("").unwrap().select_from(Some("a"), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoClusters);
    }

    #[test]
    fn a_remote_names_cluster_and_app() {
        let rc = FlynnRc::parse(TWO).unwrap();
        let (cluster, app) = rc.of_git_remote("https://git.a.test:8443/my-app.git").unwrap();
        assert_eq!((cluster.name(), app), ("b", "my-app"));
        assert_eq!(rc.of_git_remote("https://git.a.test/x.git").unwrap().0.name(), "a");
        for other in ["https://git.a.test/x", "https://git.a.test/.git", "/x.git", "git@a.test:x"] {
            assert!(rc.of_git_remote(other).is_none(), "{other}");
        }
    }
}
