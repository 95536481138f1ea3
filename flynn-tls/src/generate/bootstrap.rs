use rcgen::{DistinguishedName, DnType};

use super::ca::params;
use super::leaf::set_validity;
use super::{Ca, Issued};
use crate::error::Error;
use crate::{KeyKind, Time};

/// The certificates of a Flynn bootstrap, created by [`bootstrap`]: the cluster's CA, and the
/// certificate that all system routes share.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The CA, `O=Flynn, OU=Flynn Ephemeral CA`. `GET /ca-cert` returns its certificate.
    pub ca: Ca,
    /// The certificate for the domain and its wildcard, without its CA in the chain.
    pub leaf: Issued,
}

/// Creates the certificates of a new cluster at `domain`, like Flynn's `pkg/tlscert` and
/// `pkg/certgen`: valid for five years, for `domain` and `*.domain`, and served without the CA. Real
/// ones have RSA 2048 keys; these have P-256 keys, because they are faster to make.
///
/// # Errors
/// Fails with [`ErrorKind::Generate`](crate::ErrorKind::Generate) if the domain is not ASCII.
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
