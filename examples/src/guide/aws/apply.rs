//! Applies a plan step by step. The undo file is written before each step.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use flynn_aws::blobstore::AccessKey;
use flynn_aws::live::{iam, route53, s3};
use flynn_aws::plan::{Action, IamAction, Observed, Plan, Service, Step};
use flynn_aws::{ClusterSpec, Region};
use secrecy::ExposeSecret as _;

use crate::output;

/// A client per service.
pub struct Clients {
    /// The client for the bucket, in its region.
    pub s3: s3::Client,
    /// The client for the user or role.
    pub iam: iam::Client,
    /// The client for records and health checks.
    pub route53: route53::Client,
}

impl Clients {
    /// Creates clients as the AWS CLI does: credentials, proxy and `AWS_ENDPOINT_URL` come from the environment and
    /// `~/.aws`. TLS is rustls on ring.
    pub async fn from_env(spec: &ClusterSpec) -> Self {
        let blobstore = spec.blobstore.as_ref();
        let region = blobstore.map_or("us-east-1", |blobstore| blobstore.region.as_str());
        let global = blobstore.map_or("us-east-1", |blobstore| global_region(&blobstore.region));
        let config = defaults(region).load().await;
        let global = config.to_builder().region(aws_config::Region::new(global)).build();
        Self {
            s3: s3::Client::new(&config),
            iam: iam::Client::new(&global),
            route53: route53::Client::new(&global),
        }
    }

    /// Creates a client for a bucket with the given key.
    pub async fn for_bucket(region: &Region, key: &AccessKey) -> s3::Client {
        use s3::sdk::config::Credentials;
        let secret = key.secret.expose_secret();
        let key = Credentials::new(&key.id, secret, None, None, "the blobstore's key");
        let config = defaults(region.as_str()).credentials_provider(key).load().await;
        s3::Client::new(&config)
    }

    /// Reads the state of AWS, and adds outputs of the AWS CLI for EC2.
    ///
    /// # Errors
    /// Fails if a call fails or a file cannot be used. The error names it.
    pub async fn observe(&self, spec: &ClusterSpec, files: &[PathBuf]) -> Result<Observed> {
        let mut observed = super::read_observed(spec, files)?;
        s3::observe(&self.s3, spec, &mut observed).await?;
        iam::observe(&self.iam, spec, &mut observed).await?;
        route53::observe(&self.route53, spec, &mut observed).await?;
        Ok(observed)
    }

    /// Applies one step. Steps of EC2 are commands for you to run.
    async fn apply(&self, step: &Step) -> Result<Option<AccessKey>> {
        match step.service() {
            Service::S3 => s3::apply(&self.s3, step).await?,
            Service::Iam => return Ok(iam::apply(&self.iam, step).await?),
            Service::Route53 => route53::apply(&self.route53, step).await?,
            _ => {}
        }
        Ok(None)
    }
}

/// The configuration of the AWS CLI, with our HTTP client and TLS.
fn defaults(region: &str) -> aws_config::ConfigLoader {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .region(aws_config::Region::new(region.to_owned()))
}

/// The region of the services that have one endpoint per partition.
fn global_region(region: &Region) -> &'static str {
    match region.partition() {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// Asks a question on the terminal.
///
/// # Errors
/// Fails if there is no terminal.
pub fn confirm(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask on: use --yes to apply without asking");
    }
    output::write(format!("{question} [y/N] ").as_bytes())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Returns whether this program applies the step itself.
pub fn is_live(step: &Step) -> bool {
    matches!(step.service(), Service::S3 | Service::Iam | Service::Route53)
}

/// Applies the live steps of a plan in order. Writes each step's inverse to the undo file before the step runs.
///
/// # Errors
/// Fails at the first step that fails. The steps before it are done. Run the program again to continue.
pub async fn apply(
    clients: &Clients,
    plan: &Plan,
    undo_file: &Path,
    key_file: Option<&Path>,
) -> Result<()> {
    let steps: Vec<&Step> = plan.steps.iter().filter(|step| is_live(step)).collect();
    if steps.iter().any(|step| creates_key(step)) {
        let what = "the plan creates an access key: name a new file for it with --key-file";
        check_new(key_file.context(what)?)?;
    }
    let mut undo = append_private(undo_file)?;
    for (at, step) in steps.iter().enumerate() {
        let number = format!("[{}/{}]", at + 1, steps.len());
        output::line(format_args!("{number} {}", step.sentence()))?;
        if let Some(inverse) = step.inverse() {
            let line = serde_json::to_string(&inverse).context("cannot write the inverse")?;
            let written = writeln!(undo, "{line}").and_then(|()| undo.sync_all());
            written.with_context(|| format!("cannot write {}", undo_file.display()))?;
        }
        // Not earlier: a run that ends before must not leave a file that stops the next one.
        let mut key = match key_file.filter(|_| creates_key(step)) {
            Some(path) => Some((path, create_private(path)?)),
            None => None,
        };
        let done = clients.apply(step).await;
        if let (Err(_), Some((path, _))) = (&done, &key) {
            // The file is still empty.
            let _ = fs::remove_file(path);
        }
        let new = done.with_context(|| {
            format!(
                "step {} of {} failed; run the same command again to continue, or `aws-apply SPEC --undo {}` to undo",
                at + 1,
                steps.len(),
                undo_file.display()
            )
        })?;
        if let (Some(new), Some((path, file))) = (new, &mut key) {
            write_key(file, &new).with_context(|| format!("cannot write {}", path.display()))?;
            output::line(format_args!("        key {} is in {}", new.id, path.display()))?;
        }
    }
    if steps.is_empty() {
        return Ok(());
    }
    output::line(format_args!(
        "{} steps done; `aws-apply SPEC --undo {}` undoes them",
        steps.len(),
        undo_file.display()
    ))?;
    Ok(())
}

fn creates_key(step: &Step) -> bool {
    matches!(step.action, Action::Iam(IamAction::CreateAccessKey { .. }))
}

/// Undoes the steps of an undo file, last step first. Removes each undone step from the file.
///
/// # Errors
/// Fails at the first step that cannot be undone. Run it again to continue.
pub async fn undo(clients: &Clients, path: &Path) -> Result<()> {
    let steps = read_undo(path)?;
    let total = steps.len();
    for done in 0..total {
        let Some((step, rest)) = steps.get(..total - done).and_then(<[Step]>::split_last) else {
            break;
        };
        output::line(format_args!("[{}/{total}] {}", done + 1, step.sentence()))?;
        clients.apply(step).await.with_context(|| {
            format!("step {} of {total} failed; run the same command again to continue", done + 1)
        })?;
        let lines: Result<Vec<String>, _> = rest.iter().map(serde_json::to_string).collect();
        let text: String =
            lines.context("cannot write the undo file")?.into_iter().map(|l| l + "\n").collect();
        flynn_config::write_file(path, text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    output::line("everything is undone")?;
    Ok(())
}

/// Reads an undo file. Ignores a last line that a crash has truncated, because its step did not run.
///
/// # Errors
/// Fails if the file cannot be read or a line is damaged; the error names the line.
pub fn read_undo(path: &Path) -> Result<Vec<Step>> {
    let text = super::read_text(path)?;
    let mut steps = Vec::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(step) => steps.push(step),
            Err(_) if !line.ends_with('\n') => {}
            Err(_) => bail!("cannot use {}: line {} is not a step", path.display(), at + 1),
        }
    }
    Ok(steps)
}

/// Checks that a file does not exist and can be created.
fn check_new(path: &Path) -> Result<()> {
    if path.exists() {
        bail!("cannot create {}, which must not exist", path.display());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))
        .map(drop)
        .with_context(|| format!("cannot create {}", path.display()))
}

/// Creates a new file that only its owner can read.
fn create_private(path: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot create {}, which must not exist", path.display()))
}

/// Opens a file that only its owner can read, for appending.
fn append_private(path: &Path) -> Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a key as environment variables that the AWS CLI and these programs read.
fn write_key(file: &mut File, key: &AccessKey) -> std::io::Result<()> {
    let secret = key.secret.expose_secret();
    writeln!(file, "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={secret}", key.id)?;
    file.sync_all()
}
