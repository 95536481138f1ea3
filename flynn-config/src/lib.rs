//! Reads and edits the files in your home folder that configure Flynn clusters.
//!
//! - [`FlynnRc`] – `~/.flynnrc`, the clusters with their keys and pins
//! - [`GitConfig`] – `~/.gitconfig`, with the two blocks of a cluster
//! - [`CaFiles`] – `~/.flynn/ca-certs`
//! - [`login`] – keys, personal access tokens and the tokens of `flynn login`
//! - [`credential`] – git's credential protocol, and the answers of a Flynn cluster
//! - [`Locations`] – the paths of these files, by the rules of the platform
//!
//! All files are read as the original CLI and git read them. [`FlynnRc::edit`] and
//! [`GitConfig::edit`] change a file under a lock and replace it in one step. They change only the
//! bytes that they must: comments, order, spacing, line ends and unknown keys stay. A crash leaves
//! the old file or the new one.
//!
//! All functions block, on files, locks and (in [`credential`]) on git. From async code, call them
//! on a blocking thread, such as with tokio's `spawn_blocking`.
//!
//! ```
//! # let home = tempfile::tempdir().unwrap();
//! use flynn_config::{BlockChange, FlynnRc, GitConfig, Helper, Locations, NewCluster};
//!
//! let files = Locations::in_home(home.path());
//! FlynnRc::edit(files.flynnrc(), |rc| {
//!     rc.add(&NewCluster::from_domain("default", "example.com", "the key", "the pin"))
//! })?;
//! let rc = FlynnRc::load(files.flynnrc())?;
//! let cluster = rc.select_from(None, None)?;
//!
//! let ca_file = files.ca_files().write(cluster.name(), "-----BEGIN CERTIFICATE-----\n")?;
//! let helper = Helper::flynn_cli("/usr/local/bin/flynn".as_ref());
//! let change = BlockChange::Install { ca_file: Some(ca_file), helper };
//! GitConfig::edit(files.gitconfig(), |git| {
//!     let plan = git.plan(cluster.git_url(), change)?;
//!     print!("{plan}");
//!     git.apply(&plan)
//! })?;
//! # Ok::<(), flynn_config::Error>(())
//! ```

mod ca;
mod client;
mod error;
mod file;
mod flynnrc;
mod gitconfig;
mod locations;
mod text;
mod url;

pub mod credential;
pub mod login;

pub use ca::CaFiles;
pub use client::ClientSettings;
pub use error::{Error, ErrorKind};
pub use file::{LOCK_TIMEOUT, MAX_FILE_SIZE, read_file, write_file};
pub use flynnrc::{Added, Cluster, ClusterEdit, FlynnRc, FlynnRcEdit, NewCluster, Removed};
pub use gitconfig::{
    BlockChange, Environment, FlynnBlocks, GitConfig, GitConfigEdit, Helper, Includes, Plan,
    Setting, Value,
};
pub use locations::{Locations, Platform};
/// Keys and tokens are [`SecretString`](secrecy::SecretString)s. Read them with
/// [`ExposeSecret`](secrecy::ExposeSecret).
pub use secrecy;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
