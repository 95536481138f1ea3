//! A mocked cluster, and the home folder of its user.

use std::fs;
use std::path::Path;

use flynn_aws::blobstore::Blobstore;
use flynn_mock::{Builder, Command, Delays, Input, MockController, Output, Program, ServerAge};
use flynn_tls::generate::Ca;
use jiff::SignedDuration;
use tempfile::TempDir;

use crate::blocking::blocking;
use crate::job::CertificateFiles;
use anyhow::{Context as _, Result};

/// The domain that the mocked cluster was bootstrapped with.
pub const OLD_DOMAIN: &str = "old.example.com";
/// The domain that it gets by default.
pub const NEW_DOMAIN: &str = "new.example.com";
/// The cluster's name in `.flynnrc`.
pub const CLUSTER: &str = "production";

const FLYNNRC: &str = include_str!("demo/flynnrc");
const GITCONFIG: &str = include_str!("demo/gitconfig");

/// A mocked cluster over real TLS, and a home directory with real files. Both are removed on drop.
pub struct Demo {
    /// The cluster.
    pub mock: MockController,
    home: TempDir,
}

impl Demo {
    /// Bootstraps a cluster and writes a realistic `.flynnrc` and `.gitconfig`, with comments,
    /// other clusters and other sections.
    ///
    /// # Errors
    /// Fails if a file cannot be written.
    pub async fn start(age: ServerAge) -> Result<Self> {
        Self::start_on(MockController::builder().programs(program), age).await
    }

    /// [`start`](Self::start) with a mock of your own, and [`program`] or other programs. Its domain, age, TLS and
    /// delays are set here.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub async fn start_on(builder: Builder, age: ServerAge) -> Result<Self> {
        let mock = builder
            .bootstrapped(OLD_DOMAIN)
            .server(age)
            .tls()
            // Deployments and migrations take time, but less than on a real cluster.
            .delays(delays())
            .start()
            .await;
        blocking(move || {
            let home = tempfile::tempdir().context("cannot make a temporary home")?;
            let demo = Self { mock, home };
            demo.write_files()?;
            Ok(demo)
        })
        .await
    }

    fn write_files(&self) -> Result<()> {
        let with_port = format!("{OLD_DOMAIN}:{}", self.mock.addr().port());
        let fill = |template: &str| {
            template
                .replace("{DOMAIN}", &with_port)
                .replace("{KEY}", self.mock.key())
                .replace("{PIN}", &self.mock.pin().to_string())
                .replace("{HOME}", &self.home().to_string_lossy())
        };
        self.write(".flynnrc", &fill(FLYNNRC))?;
        self.write(".gitconfig", &fill(GITCONFIG))?;
        let certificates = Path::new(".flynn/ca-certs");
        fs::create_dir_all(self.home().join(certificates)).context("cannot make the CA store")?;
        self.write(certificates.join("production.pem"), &self.mock.ca_pem())
    }

    /// Returns the home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file of the home folder.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn write(&self, name: impl AsRef<Path>, text: &str) -> Result<()> {
        let path = self.home().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Creates a CA with an intermediate, and a wildcard certificate for a domain like one that you buy. Writes
    /// `certificate.pem` with the chain, `certificate.key`, and `ca.pem` with the root, which is not publicly trusted.
    ///
    /// # Errors
    /// Fails if it cannot be created or written.
    pub fn buy_certificate(&self, domain: &str) -> Result<CertificateFiles> {
        let what = "cannot make a certificate";
        let root = Ca::new("Example Trust Root").context(what)?;
        let ca = root.intermediate("Example Trust Services").context(what)?;
        let issued = ca.issue(&[domain, &format!("*.{domain}")]).context(what)?;
        self.write("certificate.pem", &issued.chain_pem_without_root())?;
        self.write("certificate.key", &issued.key_pem())?;
        self.write("ca.pem", &root.certificate_pem())?;
        let file = |name: &str| self.home().join(name);
        Ok(CertificateFiles {
            chain: file("certificate.pem"),
            key: file("certificate.key"),
            ca: Some(file("ca.pem")),
        })
    }
}

fn delays() -> Delays {
    let mut delays = Delays::default();
    delays.start = SignedDuration::from_millis(5);
    delays.stop = SignedDuration::from_millis(5);
    delays.resume = SignedDuration::from_millis(30);
    delays
}

/// Runs the one-off jobs of a mocked cluster. The blobstore's migration follows its env, as the real one does. Other
/// commands behave as in every mock.
pub fn program(command: &Command) -> Box<dyn Program> {
    if !command.args.first().is_some_and(|arg| arg.starts_with("/bin/flynn-blobstore")) {
        return command.default_program();
    }
    let log = migrate(command);
    Box::new(move |input| match input {
        Input::Start => vec![Output::Stderr(log.clone().into()), Output::Exit(0)],
        _ => Vec::new(),
    })
}

/// Returns the log of `flynn-blobstore migrate` with two files in Postgres. With a broken configuration the real
/// command prints nothing and exits with status 0.
fn migrate(command: &Command) -> String {
    let blobstore = Blobstore::read(&command.env);
    if !blobstore.starts() {
        return String::new();
    }
    let target = blobstore.default_backend();
    let mut log = Vec::new();
    for found in blobstore.backends() {
        let kind = found.backend.as_ref().map_or("", |backend| backend.kind().token());
        log.push(format!("Configured additional backend: {} ({kind})", found.name));
    }
    if target != "postgres" {
        for (at, file) in ["/slugs/www.tgz", "/layers/base.squashfs"].iter().enumerate() {
            log.push(format!(
                "[{}/2] Moving {file} (9d5cbdc5-0{at}, 4096 bytes) from postgres to {target}",
                at + 1
            ));
        }
    }
    log.push("Finished with no errors.".to_owned());
    let stamped: Vec<String> =
        log.iter().map(|line| format!("2016/10/15 12:00:00 {line}\n")).collect();
    stamped.concat()
}
