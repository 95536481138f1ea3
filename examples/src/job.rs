//! What shall be true at the end.

use std::net::SocketAddr;
use std::path::PathBuf;

use flynn_aws::blobstore::Backend;
use flynn_aws::dns::{DnsPlan, Domain};
use flynn_config::Locations;

/// What the steps work towards, checked as far as that goes without a network.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where the person's files are.
    pub locations: Locations,
    /// The cluster in `.flynnrc`; the default one when `None`.
    pub cluster: Option<String>,
    /// The domain that the cluster shall have.
    pub domain: Domain,
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The private key's file.
    pub key: PathBuf,
    /// The CA that the certificate leads to; a public one when `None`.
    pub ca: Option<PathBuf>,
    /// Where blobs shall go; `None` leaves them alone.
    pub backend: Option<Backend>,
    /// The DNS records to plan; `None` plans nothing.
    pub dns: Option<DnsPlan>,
    /// The folder for the policy and the DNS plan.
    pub documents: PathBuf,
    /// Where every name of the cluster is reached instead of asking DNS.
    pub connect_to: Option<SocketAddr>,
}
