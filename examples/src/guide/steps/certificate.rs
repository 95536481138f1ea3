//! Checks the new certificate before anything changes.

use flynn_tls::{Code, Requirements, check};

use crate::session::Session;
use crate::step::Look;
use anyhow::{Result, bail};

/// Checks that the certificate covers the apex and everything under it, that the key is its own, that the leaf comes
/// first, that it is in date, and that the chain is complete.
///
/// # Errors
/// Returns the first finding that makes the certificate unusable, and the number of others.
pub fn look(session: &mut Session) -> Result<Look> {
    let domain = session.job.domain.as_str();
    let new = session.certificate()?;
    let mut required = Requirements::new().domain(domain);
    if let Some(ca) = &new.ca {
        required = required.from_ca(ca.roots.clone());
    }
    let report = check(&new.bundle, Some(&new.key), &required);
    // The cluster gets canonical PEM, however the files are written.
    let mut errors = report.errors().filter(|found| found.code != Code::NotCanonicalPem);
    if let Some(error) = errors.next() {
        let more = match errors.count() {
            0 => String::new(),
            more => format!(" (and {more} more, see check-certificate)"),
        };
        bail!(
            "{} cannot be used: [{}] {}: {}{more}",
            new.path.display(),
            error.code,
            error.subject,
            error.explanation
        );
    }
    let leaf = new.bundle.leaf();
    let now =
        format!("covers {domain} and *.{domain}, its key fits, good until {}", leaf.not_after());
    let facts = [
        format!("{}, issued by {}", leaf.subject(), leaf.issuer()),
        format!("chain of {}, pin {}", new.bundle.certificates().len(), new.pin),
    ];
    let warnings = report.findings().iter().filter(|found| found.code != Code::NotCanonicalPem);
    let warnings = warnings.map(ToString::to_string);
    let before = new.path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Look::holds(now).before(before).details(facts).details(warnings))
}
