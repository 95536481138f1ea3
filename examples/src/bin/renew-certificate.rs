//! A hook for certbot, acme.sh and lego: installs the certificate that they have renewed.

use std::env::var_os;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_examples::cli::{self, Arguments, CertificateOptions};
use flynn_examples::program;
use flynn_examples::screen::Screen;
use flynn_examples::step::Step;

/// Installs a renewed certificate on a Flynn cluster. A hook for certbot, acme.sh and lego:
///
/// certbot renew --deploy-hook 'renew-certificate --cluster production';
/// acme.sh --install-cert --reloadcmd 'renew-certificate --cluster production';
/// lego renew --renew-hook 'renew-certificate --cluster production'
#[derive(Parser)]
#[command(name = "renew-certificate", after_help = cli::AFTER_HELP)]
struct Options {
    #[command(flatten)]
    connection: cli::Connection,
    /// The CA of the certificate, if it is not publicly trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn main() -> ExitCode {
    cli::main(run)
}

async fn run(Options { connection, ca }: Options) -> Result<()> {
    let (chain, key) = files().context(
        "run it as a hook of certbot, acme.sh or lego: no certificate is in the environment",
    )?;
    let certificate = CertificateOptions::of_files(chain, key, ca);
    let arguments = Arguments { target: connection.into(), certificate, ..Arguments::default() };
    program::on_cluster(arguments, &Step::INSTALL_CERTIFICATE, Screen::stdout()).await
}

/// The chain and the key, as each tool names them in the environment of its hooks.
fn files() -> Option<(PathBuf, PathBuf)> {
    if let Some(folder) = var_os("RENEWED_LINEAGE") {
        let folder = Path::new(&folder); // certbot
        return Some((folder.join("fullchain.pem"), folder.join("privkey.pem")));
    }
    [("CERT_FULLCHAIN_PATH", "CERT_KEY_PATH"), ("LEGO_CERT_PATH", "LEGO_CERT_KEY_PATH")]
        .into_iter()
        .find_map(|(chain, key)| Some((var_os(chain)?.into(), var_os(key)?.into())))
}
