use rcgen::{DistinguishedName, DnType};

use super::ca::params;
use super::leaf::set_validity;
use super::{Ca, Issued};
use crate::error::Error;
use crate::{KeyKind, Time};

/// What a Flynn bootstrap leaves: a CA of its own and the certificate that all system routes
/// share.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// `O=Flynn, OU=Flynn Ephemeral CA`; its certificate is what `GET /ca-cert` answers.
    pub ca: Ca,
    /// For the domain and its wildcard. It shows no issuer, as the real one.
    pub leaf: Issued,
}

/// The certificates of a fresh cluster at `domain`: valid for five years, names `domain` and
/// `*.domain`, the leaf served without its CA (from Flynn's `pkg/tlscert` and `pkg/certgen`; the
/// real ones have RSA-2048 keys, these are P-256 so that tests start at once).
///
/// # Errors
/// [`ErrorKind::Generate`](crate::ErrorKind::Generate) when the domain is not ASCII.
pub fn bootstrap(domain: &str) -> Result<Bootstrap, Error> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Flynn");
    subject.push(DnType::OrganizationalUnitName, "Flynn Ephemeral CA");
    let now = Time::now();
    let mut params = params(subject);
    set_validity(&mut params, now, now.plus_days(5 * 365));
    let ca = Ca::of_params(params, &KeyKind::P256, None)?;
    let leaf = ca
        .leaf(&[domain, &format!("*.{domain}")])
        .organization("Flynn")
        .valid(now, now.plus_days(5 * 365))
        .issue()?
        .without_issuers();
    Ok(Bootstrap { ca, leaf })
}
