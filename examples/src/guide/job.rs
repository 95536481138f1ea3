//! The state that a run works towards.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use flynn_aws::ClusterSpec;
use flynn_aws::blobstore::{Backend, S3Backend};
use flynn_aws::dns::Domain;
use flynn_aws::spec::{NodeSpec, Nodes};
use flynn_config::{Cluster, Locations};
use secrecy::{ExposeSecret, SecretString};

use crate::cli::Arguments;
use crate::demo::{self, Demo};
use crate::reach::Reach;
use crate::step::Step;
use anyhow::{Context as _, Result, bail};

/// The backend's name, as in the guide.
const BACKEND: &str = "s3main";

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The CA that the chain leads to; a public one if `None`.
    pub ca: Option<PathBuf>,
}

impl CertificateFiles {
    fn given(arguments: &Arguments) -> Option<Self> {
        let options = arguments.certificate.clone();
        let (chain, key) = options.certificate.zip(options.key)?;
        Some(Self { chain, key, ca: options.ca })
    }
}

/// The state that the steps work towards, checked as far as possible without a network.
#[derive(Debug, Clone)]
pub struct Job {
    /// The user's files.
    pub locations: Locations,
    /// The new domain of the cluster.
    pub domain: Domain,
    /// The new certificate; `None` for steps that do not need one.
    pub certificate: Option<CertificateFiles>,
    /// The backend that blobs move to; `None` leaves them where they are.
    pub backend: Option<Backend>,
    /// Keep the key or role of a backend that the cluster already has, because no key was given.
    pub keeps_access: bool,
    /// The DNS records to plan, if any.
    pub dns: Option<ClusterSpec>,
    /// Replace certificates that the cluster manages by ACME.
    pub detach_managed: bool,
    /// The app for the root domain.
    pub app: String,
    /// The folder for the policy and the DNS plan.
    pub documents: PathBuf,
    /// The address to use for every name of the cluster, instead of asking DNS.
    pub connect_to: Option<SocketAddr>,
}

impl Job {
    /// Returns the job for a cluster of the user's `.flynnrc`.
    ///
    /// # Errors
    /// Fails if the command line is wrong or lacks an option that these steps need.
    pub fn real(
        locations: Locations,
        cluster: &Cluster,
        arguments: &Arguments,
        steps: &[Step],
    ) -> Result<Self> {
        let certificate = CertificateFiles::given(arguments);
        if certificate.is_none() && steps.contains(&Step::Certificate) {
            bail!("--cluster needs --cert and --key");
        }
        let domain = match &arguments.domain {
            Some(domain) => domain.parse().context("cannot use --domain")?,
            None if steps.contains(&Step::Domain) => {
                bail!("--cluster needs --domain");
            }
            None => present_domain(&locations, cluster)?,
        };
        let (backend, keeps_access) =
            match (&arguments.blobstore.bucket, &arguments.blobstore.region) {
                (Some(bucket), Some(region)) => {
                    let key = key_of_environment()?;
                    (Some(backend(bucket, region, key.as_ref())?), key.is_none())
                }
                _ if steps.contains(&Step::Blobstore) && !steps.contains(&Step::Domain) => {
                    bail!("--cluster needs --bucket and --region");
                }
                _ => (None, true),
            };
        Ok(Self {
            locations,
            dns: plan(&domain, &arguments.nodes)?,
            domain,
            certificate,
            backend,
            keeps_access,
            detach_managed: arguments.certificate.detach_managed,
            app: arguments.app.clone().unwrap_or_else(|| "www".to_owned()),
            documents: arguments.out.clone().unwrap_or_else(|| PathBuf::from(".")),
            connect_to: arguments.target.connect_to,
        })
    }

    /// Returns the job for a mock, with made-up values for all options that are not given.
    ///
    /// # Errors
    /// Fails if an option is not valid.
    pub fn demo(arguments: &Arguments, demo: &Demo) -> Result<Self> {
        let domain = arguments.domain.as_deref().unwrap_or(demo::NEW_DOMAIN);
        let domain: Domain = domain.parse().context("cannot use --domain")?;
        let certificate = match CertificateFiles::given(arguments) {
            Some(given) => given,
            None => demo.buy_certificate(domain.as_str())?,
        };
        let bucket = arguments.blobstore.bucket.as_deref().unwrap_or("example-flynn-blobs");
        let region = arguments.blobstore.region.as_deref().unwrap_or("us-east-1");
        let mut nodes = arguments.nodes.clone();
        if nodes.is_empty() {
            // Addresses of a network that is reserved for documentation.
            nodes = (10..13).map(|host| IpAddr::from([203, 0, 113, host])).collect();
        }
        Ok(Self {
            locations: Locations::in_home(demo.home()),
            dns: plan(&domain, &nodes)?,
            domain,
            certificate: Some(certificate),
            backend: Some(backend(bucket, region, None)?),
            keeps_access: true,
            detach_managed: arguments.certificate.detach_managed,
            app: arguments.app.clone().unwrap_or_else(|| "www".to_owned()),
            documents: arguments.out.clone().unwrap_or_else(|| demo.home().to_owned()),
            connect_to: Some(demo.mock.addr()),
        })
    }
}

/// Returns the cluster's domain from `.flynnrc`, without its port.
fn present_domain(locations: &Locations, cluster: &Cluster) -> Result<Domain> {
    let reach = Reach::of(cluster, locations, None)?;
    let host = reach.controller_host();
    host.strip_prefix("controller.")
        .unwrap_or(host)
        .parse()
        .with_context(|| format!("cannot use the ControllerURL of cluster {:?}", cluster.name()))
}

/// An access key's id and secret.
type Key = (String, SecretString);

fn key_of_environment() -> Result<Option<Key>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Ok(Some((id, secret.into()))),
        (None, None) => Ok(None),
        _ => bail!("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: one is not set"),
    }
}

/// Returns an S3 backend with this key, or with the role of the EC2 instances.
fn backend(bucket: &str, region: &str, key: Option<&Key>) -> Result<Backend> {
    let s3 = match key {
        Some((id, secret)) => S3Backend::with_key(bucket, region, id, secret.expose_secret()),
        None => S3Backend::with_ec2_role(bucket, region),
    };
    s3.and_then(|s3| Backend::new(BACKEND, s3)).context("cannot use the bucket")
}

fn plan(domain: &Domain, nodes: &[IpAddr]) -> Result<Option<ClusterSpec>> {
    if nodes.is_empty() {
        return Ok(None);
    }
    let nodes = nodes.iter().map(|ip| Ok(NodeSpec::new(ip.to_string(), (*ip).try_into()?)));
    let nodes: Result<Vec<NodeSpec>, flynn_aws::Error> = nodes.collect();
    let nodes = nodes.and_then(Nodes::try_from).context("cannot plan the DNS records")?;
    Ok(Some(ClusterSpec::new(domain.clone(), nodes)))
}
