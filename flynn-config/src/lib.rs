//! The files in a person's home that know about Flynn clusters, edited without a scratch.
//!
//! - [`FlynnRc`] is `~/.flynnrc`, the clusters with their keys and pins;
//! - [`GitConfig`] is `~/.gitconfig`, with the two blocks that a cluster has there;
//! - [`CaFiles`] is `~/.flynn/ca-certs`;
//! - [`credential`] is git's credential protocol, and the answers a Flynn cluster gives to it;
//! - [`Locations`] says where all that is, by the rules of the platform, each path overridable.
//!
//! Everything is read as the original CLI and git read it. A file is changed through one door,
//! [`FlynnRc::edit`] and [`GitConfig::edit`]: lock, read again, change only what was asked for,
//! write a new file, rename. Comments, order, spacing, line ends and unknown keys survive, and a
//! crash at any point leaves the old or the new file.
//!
//! All of it blocks, on files, locks and (for [`credential::reject`]) git: from async code, call
//! it on a thread for that, such as tokio's `spawn_blocking`.
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
mod save;
mod text;
mod url;

pub mod credential;
pub mod login;

pub use ca::CaFiles;
pub use client::ClientSettings;
pub use error::{Error, ErrorKind};
pub use file::{MAX_FILE_SIZE, read_file, write_file};
pub use flynnrc::{Added, Cluster, ClusterEdit, FlynnRc, FlynnRcEdit, NewCluster, Removed};
pub use gitconfig::{
    BlockChange, Environment, FlynnBlocks, GitConfig, GitConfigEdit, Helper, Includes, Plan,
    Setting, Value,
};
pub use locations::{Locations, Platform};
pub use save::LOCK_TIMEOUT;
/// Keys and tokens are its `SecretString`; its `ExposeSecret` reads them.
pub use secrecy;
