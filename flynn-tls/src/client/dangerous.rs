use super::{ClientTls, Trust};

/// The ways to give up checks, from [`ClientTls::dangerous`].
///
/// ```
/// use flynn_tls::ClientTls;
///
/// // To go on working while a renewal is late, knowing what that gives up.
/// let config = ClientTls::webpki().dangerous().accept_expired().config()?;
/// # Ok::<(), flynn_tls::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "each of its methods gives the `ClientTls` back"]
pub struct Dangerous(pub(super) ClientTls);

impl Dangerous {
    /// Accepts a certificate whatever names it carries.
    ///
    /// Gives up: knowing *which* server of the trusted CAs answers. With public roots that is
    /// anybody on the internet who owns any domain; with a private CA, any of its servers.
    /// [`ClientTls::pinned`] has this anyway, and is not changed.
    pub fn accept_other_names(mut self) -> ClientTls {
        if let Trust::Chain { leniency, .. } = &mut self.0.trust {
            leniency.names = true;
        }
        self.0
    }

    /// Accepts certificates after their end, intermediates too. The whole chain is judged for a
    /// moment in the past at which none of them was over, so a leaf that ended before its
    /// intermediate was issued (anew) is still refused, as not valid yet.
    ///
    /// Gives up: protection from keys that were lost or sold long ago, since CAs forget about
    /// expired certificates. [`ClientTls::pinned`] has this anyway, and is not changed.
    pub fn accept_expired(mut self) -> ClientTls {
        if let Trust::Chain { leniency, .. } = &mut self.0.trust {
            leniency.expiry = true;
        }
        self.0
    }

    /// Accepts every certificate, pins and roots forgotten.
    ///
    /// Gives up: everything except that the server has the key of whatever it presents. Anyone
    /// on the way can read and change all traffic, and with it Flynn's controller key.
    pub fn accept_any_certificate(mut self) -> ClientTls {
        self.0.trust = Trust::Anyone;
        self.0
    }
}
