//! What `productionize` is asked to do.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use flynn_mock::ServerAge;
use lexopt::prelude::*;

use crate::failure::{Context, Failure, Result};

/// The text of `--help`.
pub const HELP: &str = "\
Puts a Flynn cluster into production, step by step: domain, certificate, routes, pin,
S3 blobstore, root domain, git, DNS, status. What holds already is left alone.

usage: productionize [OPTIONS]
       productionize --cluster NAME --domain D --cert F --key F [OPTIONS]

Without --cluster it works on a mocked cluster, a home folder and a certificate that it makes
itself and throws away, so that you can watch.

  --cluster NAME     a cluster of your ~/.flynnrc (or $FLYNNRC)
  --domain D         the domain that the cluster shall have
  --cert F           its certificate in PEM: for D and *.D, the leaf first, then the intermediates
  --key F            the certificate's private key in PEM
  --ca F             the CA that the certificate leads to, when it is not a public one
  --bucket B         an S3 bucket for the blobs; the key is taken from AWS_ACCESS_KEY_ID and
                     AWS_SECRET_ACCESS_KEY, without them the role of the EC2 instances is used
  --region R         the bucket's region, such as eu-west-1
  --node-ip IP...    the public address of every node, for the DNS plan
  --out DIR          where the policy and the DNS plan are written (default: this folder)
  --connect-to ADDR  reach every name of the cluster at this IP:PORT instead of asking DNS, for
                     instance before the new domain is delegated
  --dry-run          print what would be done, change nothing anywhere
  --server AGE       what the mock is: 2016 (v20161015.2, the default) or 2021 (v20210218.0)
  --help             this text

Exit status: 0 everything holds (a dry run: could be read), 1 something is wrong.
";

/// The command line, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// `--help`.
    pub help: bool,
    /// `--cluster`; without it there is a mock.
    pub cluster: Option<String>,
    /// `--domain`.
    pub domain: Option<String>,
    /// `--cert`.
    pub certificate: Option<PathBuf>,
    /// `--key`.
    pub key: Option<PathBuf>,
    /// `--ca`.
    pub ca: Option<PathBuf>,
    /// `--bucket`.
    pub bucket: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--node-ip`.
    pub nodes: Vec<IpAddr>,
    /// `--out`.
    pub out: Option<PathBuf>,
    /// `--connect-to`.
    pub connect_to: Option<SocketAddr>,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--server`.
    pub server: Option<ServerAge>,
}

impl Arguments {
    /// Reads a command line without the program's name.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let mut parser = lexopt::Parser::from_args(line);
        let mut arguments = Self::default();
        let hint = "cannot understand the command line (see --help)";
        while arguments.take_next(&mut parser).context(hint)? {}
        if !arguments.help {
            arguments.check()?;
        }
        Ok(arguments)
    }

    /// Reads one option with its values; `false` at the end.
    fn take_next(&mut self, parser: &mut lexopt::Parser) -> Result<bool, lexopt::Error> {
        let name = match parser.next()? {
            None => return Ok(false),
            Some(Short('h')) => "help".to_owned(),
            Some(Long(name)) => name.to_owned(),
            Some(other) => return Err(other.unexpected()),
        };
        match name.as_str() {
            "help" => self.help = true,
            "cluster" => self.cluster = Some(parser.value()?.string()?),
            "domain" => self.domain = Some(parser.value()?.string()?),
            "cert" => self.certificate = Some(parser.value()?.into()),
            "key" => self.key = Some(parser.value()?.into()),
            "ca" => self.ca = Some(parser.value()?.into()),
            "bucket" => self.bucket = Some(parser.value()?.string()?),
            "region" => self.region = Some(parser.value()?.string()?),
            "out" => self.out = Some(parser.value()?.into()),
            "connect-to" => self.connect_to = Some(parser.value()?.parse()?),
            "dry-run" => self.dry_run = true,
            "node-ip" => {
                for value in parser.values()? {
                    // Commas are what people write between addresses.
                    for address in value.string()?.split(',') {
                        self.nodes.push(OsString::from(address).parse()?);
                    }
                }
            }
            "server" => {
                self.server = Some(parser.value()?.parse_with(|age| match age {
                    "2016" => Ok(ServerAge::V2016),
                    "2021" => Ok(ServerAge::V2021),
                    _ => Err("2016 or 2021 is wanted"),
                })?);
            }
            _ => return Err(lexopt::Error::UnexpectedOption(format!("--{name}"))),
        }
        Ok(true)
    }

    fn check(&self) -> Result<()> {
        let refuse = |why: &str| Err(Failure::new(why));
        if self.certificate.is_some() != self.key.is_some() {
            return refuse("--cert and --key belong together");
        }
        if self.ca.is_some() && self.certificate.is_none() {
            return refuse("--ca is given without --cert");
        }
        if self.region.is_some() && self.bucket.is_none() {
            return refuse("--region is given without --bucket");
        }
        if self.cluster.is_none() {
            return if self.connect_to.is_some() {
                refuse("--connect-to is for real clusters: add --cluster")
            } else {
                Ok(())
            };
        }
        if self.server.is_some() {
            return refuse("--server is for the mock, --cluster for a real cluster: leave one out");
        }
        if self.bucket.is_some() && self.region.is_none() {
            return refuse("--bucket needs --region");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments> {
        Arguments::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn everything_is_understood() {
        let line = "--cluster c --domain d.test --cert c.pem --key=k.pem --ca r.pem --bucket b --region r \
                    --node-ip 192.0.2.1 192.0.2.2,192.0.2.3 --node-ip 2001:db8::1 --dry-run \
                    --connect-to 127.0.0.1:443 --out o";
        let read = parse(line).unwrap();
        assert_eq!(read.cluster.as_deref(), Some("c"));
        assert_eq!(read.nodes.len(), 4);
        assert!(read.dry_run && !read.help);
        assert_eq!(parse("--server 2021").unwrap().server, Some(ServerAge::V2021));
        assert_eq!(parse("").unwrap(), Arguments::default());
    }

    #[test]
    fn what_makes_no_sense_is_one_line() {
        for (line, says) in [
            ("--nonsense", "--nonsense"),
            ("word", "word"),
            ("--node-ip x", "x"),
            ("--server 2020", "2016 or 2021"),
            ("--cert c.pem", "--key"),
            ("--cluster c --domain d --cert c --key k --bucket b", "--region"),
            ("--cluster c --domain d --cert c --key k --server 2016", "--server"),
            ("--region r", "--bucket"),
            ("--ca r.pem", "--cert"),
            ("--connect-to 127.0.0.1:1", "--cluster"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{line}: {error}");
        }
    }
}
