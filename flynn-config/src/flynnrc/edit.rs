//! Adding, removing and choosing clusters, by the rules of `flynn cluster`.

use std::ops::Deref;

use super::cluster_edit::ClusterEdit;
use super::new_cluster::NewCluster;
use super::{Cluster, FlynnRc};
use crate::{Error, ErrorKind};

/// A `.flynnrc` under change, inside [`FlynnRc::edit`]; what it holds is read through [`FlynnRc`].
#[derive(Debug)]
pub struct FlynnRcEdit {
    rc: FlynnRc,
}

/// What adding a cluster did.
#[derive(Debug)]
#[must_use]
pub struct Added {
    /// The cluster is now the default: it is the only one, or replaced the default.
    pub is_default: bool,
    /// The cluster that gave way.
    pub replaced: Option<Cluster>,
}

/// What removing a cluster did.
#[derive(Debug)]
pub struct Removed {
    /// What was removed: its git blocks and CA file may go too.
    pub cluster: Cluster,
    /// The cluster that became the default because the removed one was it.
    pub new_default: Option<String>,
}

impl FlynnRcEdit {
    pub(super) fn new(rc: FlynnRc) -> Self {
        Self { rc }
    }

    pub(super) fn into_rc(self) -> FlynnRc {
        self.rc
    }

    /// Adds a cluster at the end, written as the original writes it. The first one becomes the
    /// default.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when another cluster has its name, git URL, controller
    /// URL or Docker URL; [`Invalid`](ErrorKind::Invalid) without a name or domain.
    pub fn add(&mut self, new: &NewCluster) -> Result<(), Error> {
        self.add_unless(new, false).map(drop)
    }

    /// [`add`](Self::add), but the one cluster that is in the way is removed (`-f`). The new one
    /// stands at the end even so, and inherits the default (which the original would leave
    /// pointing nowhere when the names differ).
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when several clusters are in the way.
    pub fn add_or_replace(&mut self, new: &NewCluster) -> Result<Added, Error> {
        self.add_unless(new, true)
    }

    fn add_unless(&mut self, new: &NewCluster, force: bool) -> Result<Added, Error> {
        let new = new.cluster();
        if new.name().is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "a cluster needs a name"));
        }
        if new.domain().is_none_or(str::is_empty) {
            return Err(Error::new(ErrorKind::Invalid, "a cluster needs a domain"));
        }
        let in_the_way: Vec<_> = self
            .clusters()
            .iter()
            .enumerate()
            .filter_map(|(index, old)| Some((index, conflict(old, new)?)))
            .collect();
        let mut replaced = None;
        match &*in_the_way {
            [] => {}
            [(index, _)] if force => {
                replaced = self.clusters().get(*index).cloned();
                self.rc.take_out(*index)?;
            }
            [(_, message)] => return Err(Error::new(ErrorKind::Conflict, message)),
            _ => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "the cluster's name or URLs conflict with several existing clusters",
                ));
            }
        }
        let was_default = replaced.as_ref().is_some_and(|old| old.name() == self.default_name());
        self.rc.append(new)?;
        if was_default || self.clusters().len() == 1 {
            self.rc.put_default(new.name())?;
        }
        Ok(Added { is_default: self.default_name() == new.name(), replaced })
    }

    /// Removes the first cluster of that name; `None` if there is none, which the original does
    /// not mind either. The first one left becomes the default if the removed one was it. After
    /// the last one `default` goes too, and so the whole file unless it holds something else.
    ///
    /// With the entry go its sub-tables, the comments on its lines, the comment lines directly
    /// above its header (those that open the file stay), and those directly below its last line
    /// unless they stand directly above the next header. A blank line sets a comment free.
    ///
    /// # Errors
    /// None that a text which was read can cause; the signature leaves room.
    pub fn remove(&mut self, name: &str) -> Result<Option<Removed>, Error> {
        let Some(index) = self.clusters().iter().position(|c| c.name() == name) else {
            return Ok(None);
        };
        let Some(cluster) = self.clusters().get(index).cloned() else { return Ok(None) };
        let was_default = self.default_name() == name;
        self.rc.take_out(index)?;
        let mut new_default = None;
        match self.clusters().first().map(|first| first.name().to_owned()) {
            None => self.rc.take_default()?,
            Some(first) if was_default => {
                self.rc.put_default(&first)?;
                new_default = Some(first);
            }
            Some(_) => {}
        }
        Ok(Some(Removed { cluster, new_default }))
    }

    /// Makes a cluster the default.
    ///
    /// # Errors
    /// [`UnknownCluster`](ErrorKind::UnknownCluster).
    pub fn set_default(&mut self, name: &str) -> Result<(), Error> {
        if self.cluster(name).is_none() {
            return Err(self.unknown(name));
        }
        self.rc.put_default(name)
    }

    /// One cluster, to be changed.
    ///
    /// # Errors
    /// [`UnknownCluster`](ErrorKind::UnknownCluster).
    pub fn cluster_mut(&mut self, name: &str) -> Result<ClusterEdit<'_>, Error> {
        let index = self.clusters().iter().position(|cluster| cluster.name() == name);
        let index = index.ok_or_else(|| self.unknown(name))?;
        Ok(ClusterEdit::new(&mut self.rc, index))
    }
}

impl Deref for FlynnRcEdit {
    type Target = FlynnRc;

    fn deref(&self) -> &FlynnRc {
        &self.rc
    }
}

/// Why two clusters cannot stand in one file, by the original's rules.
fn conflict(old: &Cluster, new: &Cluster) -> Option<String> {
    let taken = |url: &str| format!("a cluster with the URL {url:?} already exists");
    if old.name() == new.name() {
        Some(format!("cluster {:?} already exists", new.name()))
    } else if !old.git_url().is_empty() && old.git_url() == new.git_url() {
        Some(taken(new.git_url()))
    } else if old.controller_url() == new.controller_url() {
        Some(taken(new.controller_url()))
    } else if !old.docker_push_url().is_empty() && old.docker_push_url() == new.docker_push_url() {
        Some(taken(new.docker_push_url()))
    } else {
        None
    }
}
