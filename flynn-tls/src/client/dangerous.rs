use super::{ClientTls, Trust};

/// Disables checks. Returned by [`ClientTls::dangerous`].
///
/// ```
/// use flynn_tls::ClientTls;
///
/// // Keep working while a renewal is late.
/// let config = ClientTls::webpki().dangerous().accept_expired().config()?;
/// # Ok::<(), flynn_tls::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "its methods return the `ClientTls`"]
pub struct Dangerous(pub(super) ClientTls);

impl Dangerous {
    /// Accepts certificates for other names.
    ///
    /// You no longer know *which* server answers. With public roots it can be anyone who owns a
    /// domain; with a private CA, any of its servers. [`ClientTls::pinned`] does not check names
    /// anyway.
    pub fn accept_other_names(mut self) -> ClientTls {
        if let Trust::Chain { leniency, .. } = &mut self.0.trust {
            leniency.names = true;
        }
        self.0
    }

    /// Accepts expired certificates, including intermediates. The chain is verified for a time in
    /// the past at which none of them had expired; a leaf that expired before its intermediate was
    /// issued is still refused.
    ///
    /// You lose protection from keys that leaked long ago, because CAs do not revoke expired
    /// certificates. [`ClientTls::pinned`] does not check dates anyway.
    pub fn accept_expired(mut self) -> ClientTls {
        if let Trust::Chain { leniency, .. } = &mut self.0.trust {
            leniency.expiry = true;
        }
        self.0
    }

    /// Accepts every certificate, without pins and roots.
    ///
    /// Anyone on the network can read and change all traffic, including Flynn's controller key.
    pub fn accept_any_certificate(mut self) -> ClientTls {
        self.0.trust = Trust::Anyone;
        self.0
    }
}
