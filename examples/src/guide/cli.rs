//! Options that several programs share, and how a wrong command line is reported.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, ValueEnum};
use flynn_mock::ServerAge;

use crate::output;
use crate::text::printable;

/// The end of `--help` of the programs made of steps.
pub const AFTER_HELP: &str = "\
Run it again after a failure, or after it was interrupted or killed: it looks at every step first, waits for a
deployment or migration that is still running, and does only what is missing. Files are replaced whole, so a killed
run leaves the old or the new one.

Exit status: 0 if everything holds (with --dry-run: if everything could be read), 1 if not.";

/// Which cluster, and whether to change it.
#[derive(Args, Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// A cluster of your ~/.flynnrc (or $FLYNNRC); without it the program shows itself on a mock
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
    #[arg(long, value_name = "YEAR", conflicts_with = "cluster")]
    pub server: Option<Server>,
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
}

impl From<Server> for ServerAge {
    fn from(server: Server) -> Self {
        match server {
            Server::V2016 => Self::V2016,
            Server::V2021 => Self::V2021,
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
}

/// Where the blobstore keeps its files.
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

/// Everything that the programs made of steps can be asked for; each has a part of it as its options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// Which cluster.
    pub target: Target,
    /// The domain that the cluster shall have.
    pub domain: Option<String>,
    /// The certificate that it shall have.
    pub certificate: CertificateOptions,
    /// The bucket for its blobs.
    pub blobstore: BlobstoreOptions,
    /// The public address of every node.
    pub nodes: Vec<IpAddr>,
    /// The folder for the policy and the DNS plan.
    pub out: Option<PathBuf>,
}

/// How a program reports a wrong command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongCall {
    /// In one line, with exit status 1.
    OneLine,
    /// With its usage and exit status 2, for programs whose status 1 is an answer.
    Usage,
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
            return output::exit(&program, help.map(|()| ExitCode::SUCCESS).map_err(Into::into));
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

/// What is wrong with a command line, without the usage.
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
            ("--server 2020", "2016, 2021"),
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
