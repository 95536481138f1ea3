//! The tables of the cluster, ids and names.

pub(crate) mod ids;
pub(crate) mod names;
pub(crate) mod state;
