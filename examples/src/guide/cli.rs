//! Options that several programs share, and the report of a wrong command line.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitCode, Termination};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::error::ErrorKind;
use clap::{Args, Parser, ValueEnum};
use flynn_client::Client;
use flynn_client::apps::AppHandle;
use flynn_mock::ServerAge;

use crate::blocking::blocking;
use crate::connect::Connected;
use crate::login;
use crate::output;
use crate::text::printable;

/// The end of `--help` of the programs made of steps.
pub const AFTER_HELP: &str = "\
You can run it again at any time, also after a failure or a kill. It checks every step first, waits for a deployment \
or migration that is still running, and does only what is missing. Each file is replaced in one step, so a killed run \
leaves the old file or the new one. Temporary files of a killed run are removed. If git was killed too, remove its \
.gitconfig.lock.

A step that fails stops only the steps that need it.

Exit status: 0 if everything holds (with --dry-run: if everything could be read), 1 otherwise.";

/// The cluster, and whether to change it.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// A cluster of your ~/.flynnrc (or $FLYNNRC); without it the program runs on a mock
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Reach every name of the cluster at this IP:PORT instead of asking DNS, for example before the new domain is
    /// delegated
    #[arg(long, value_name = "IP:PORT", requires = "cluster")]
    pub connect_to: Option<SocketAddr>,
    /// Print what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The server that the mock imitates
    #[arg(long, value_name = "RELEASE", conflicts_with = "cluster")]
    pub server: Option<Server>,
}

/// A cluster to connect to.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// A cluster of your ~/.flynnrc [default: $FLYNN_CLUSTER, then the default cluster]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Reach every name of the cluster at this IP:PORT instead of asking DNS
    #[arg(long, value_name = "IP:PORT")]
    pub connect_to: Option<SocketAddr>,
}

impl Connection {
    /// Reads the files and sets up the client of the controller. Nothing is sent yet, unless a login has expired: it is
    /// renewed.
    ///
    /// # Errors
    /// Fails if the file, the cluster or its key is missing or not valid, or if the login cannot be renewed.
    pub async fn open(&self) -> Result<Connected> {
        let connect_to = self.connect_to;
        let (locations, cluster) = login::cluster(self.cluster.clone(), connect_to).await?;
        blocking(move || Connected::new(locations, cluster, connect_to)).await
    }

    /// [`open`](Self::open) for programs that need only the client.
    ///
    /// # Errors
    /// Returns the errors of [`open`](Self::open).
    pub async fn client(&self) -> Result<Client> {
        Ok(self.open().await?.client)
    }
}

impl From<Connection> for Target {
    fn from(Connection { cluster, connect_to }: Connection) -> Self {
        Self { cluster, connect_to, ..Self::default() }
    }
}

/// An app of a cluster to connect to.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct AppOptions {
    /// The cluster.
    #[command(flatten)]
    pub connection: Connection,
    /// The app
    pub app: String,
}

impl AppOptions {
    /// Reads the files, and returns a client and the app.
    ///
    /// # Errors
    /// Fails if the cluster has no such app or does not answer, or with the errors of [`Connection::client`].
    pub async fn open(&self) -> Result<(Client, AppHandle)> {
        let client = self.connection.client().await?;
        let app = client.app(self.app.as_str());
        if app.get_opt().await?.is_none() {
            bail!("there is no app {:?}", self.app);
        }
        Ok((client, app))
    }
}

/// Options of programs that change an app.
#[derive(Args, Debug, Clone, PartialEq, Eq)]
pub struct ChangeOptions {
    /// Print the changes and make none
    #[arg(long)]
    pub dry_run: bool,
    /// Stop waiting for the deployment after this many seconds; the deployment continues
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

impl ChangeOptions {
    /// Returns the longest time to wait.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// The server that a mock imitates.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// v20161015.2, the server of the guide
    #[value(name = "2016")]
    V2016,
    /// v20210218.0, the last release
    #[value(name = "2021")]
    V2021,
    /// The fork as of June 2026
    #[value(name = "fork-2026-06")]
    Fork2026June,
    /// The fork as of September 2026
    #[value(name = "fork-2026-09")]
    Fork2026September,
}

impl From<Server> for ServerAge {
    fn from(server: Server) -> Self {
        match server {
            Server::V2016 => Self::V2016,
            Server::V2021 => Self::V2021,
            Server::Fork2026June => Self::Fork2026June,
            Server::Fork2026September => Self::Fork2026September,
        }
    }
}

/// The files of a new certificate.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateOptions {
    /// The certificate in PEM for the domain and its wildcard: the leaf first, then the intermediates
    #[arg(long = "cert", id = "cert", value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The CA of the certificate, if it is not publicly trusted
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub ca: Option<PathBuf>,
    /// Also replace certificates that the cluster itself obtains and renews by ACME
    #[arg(long, requires = "cert")]
    pub detach_managed: bool,
}

impl CertificateOptions {
    /// Returns the options for these files. Certificates that the cluster manages are not replaced.
    pub fn of_files(chain: PathBuf, key: PathBuf, ca: Option<PathBuf>) -> Self {
        Self { certificate: Some(chain), key: Some(key), ca, detach_managed: false }
    }
}

/// The options of an installation of a certificate.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct InstallOptions {
    /// The cluster.
    #[command(flatten)]
    pub target: Target,
    /// The domain that the certificate is for [default: the cluster's]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// The certificate.
    #[command(flatten)]
    pub certificate: CertificateOptions,
}

impl From<InstallOptions> for Arguments {
    fn from(InstallOptions { target, domain, certificate }: InstallOptions) -> Self {
        Self { target, domain, certificate, ..Self::default() }
    }
}

/// The S3 bucket of the blobstore.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobstoreOptions {
    /// An S3 bucket for the blobs. The key is read from $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY; without them the
    /// role of the EC2 instances is used
    #[arg(long, value_name = "NAME", requires = "region")]
    pub bucket: Option<String>,
    /// The region of the bucket, such as eu-west-1
    #[arg(long, value_name = "REGION", requires = "bucket")]
    pub region: Option<String>,
}

/// The options of all programs made of steps. Each program has some of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// The cluster.
    pub target: Target,
    /// The new domain of the cluster.
    pub domain: Option<String>,
    /// The new certificate.
    pub certificate: CertificateOptions,
    /// The bucket for its blobs.
    pub blobstore: BlobstoreOptions,
    /// The app for the root domain; `www` if `None`.
    pub app: Option<String>,
    /// The public address of every node.
    pub nodes: Vec<IpAddr>,
    /// The folder for the policy and the DNS plan.
    pub out: Option<PathBuf>,
}

/// The report of a wrong command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongCall {
    /// Prints the error in one line and exits with 1.
    OneLine,
    /// Prints the usage and exits with 2, for programs whose exit status 1 is a result.
    Usage,
}

/// The `main` of a program: parses its options, runs it, and reports an error in one line.
pub fn main<P, T, F>(run: impl FnOnce(P) -> F) -> ExitCode
where
    P: Parser,
    T: Termination,
    F: Future<Output = Result<T>>,
{
    let options = match parse::<P>(WrongCall::OneLine) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let done = tokio::runtime::Runtime::new().context("cannot start").and_then(|runtime| {
        let done = runtime.block_on(run(options));
        // Do not wait for a read of standard input: it cannot be cancelled.
        runtime.shutdown_background();
        done
    });
    output::exit(P::command().get_name(), done.map(Termination::report))
}

/// Reads the command line of this process.
///
/// # Errors
/// Returns the exit status once `--help` or the reason is printed.
pub fn parse<P: Parser>(wrong: WrongCall) -> Result<P, ExitCode> {
    P::try_parse().map_err(|error| {
        let program = P::command().get_name().to_owned();
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            let help = output::line(error.to_string().trim_end());
            return output::exit(&program, help.map(Termination::report));
        }
        if wrong == WrongCall::OneLine {
            output::complain(&program, format_args!("{} (see --help)", in_one_line(&error)));
            return ExitCode::FAILURE;
        }
        let (usage, why) = (P::command().render_usage(), in_one_line(&error));
        output::complain(&program, format_args!("{why}\n{usage}\nMore: {program} --help"));
        ExitCode::from(2)
    })
}

/// Returns the error of a command line, without the usage.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let lines: Vec<&str> = what.lines().map(str::trim).collect();
    printable(&lines.join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser, Debug)]
    struct All {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        certificate: CertificateOptions,
        #[command(flatten)]
        blobstore: BlobstoreOptions,
    }

    #[test]
    fn options_that_belong_together_are_asked_for_in_one_line() {
        for (line, says) in [
            ("--nonsense", "--nonsense"),
            ("word", "word"),
            ("--server 2020", "2016, 2021, fork-2026-06, fork-2026-09"),
            ("--cert c.pem", "--key"),
            ("--key k.pem", "--cert"),
            ("--cluster c --bucket b", "--region"),
            ("--cluster c --server 2016", "--server"),
            ("--region r", "--bucket"),
            ("--ca r.pem", "--cert"),
            ("--connect-to 127.0.0.1:1", "--cluster"),
        ] {
            let words = ["all"].into_iter().chain(line.split_whitespace());
            let error = in_one_line(&All::try_parse_from(words).unwrap_err());
            assert!(error.contains(says) && !error.contains('\n'), "{line}: {error}");
        }
    }
}
