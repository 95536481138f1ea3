//! Explains failed handshakes.

use std::io;

use rustls::{AlertDescription, Error as Tls};

/// Explains the failure of a handshake without a certificate. `what` is the server, `name` the
/// requested name.
pub(super) fn explain(e: &io::Error, what: &str, name: &str) -> String {
    let tls = e.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    match (tls, e.kind()) {
        (Some(Tls::InvalidMessage(_)), _) => {
            format!("{what} answers, but not with TLS: check the port")
        }
        (Some(Tls::AlertReceived(alert)), _) => match alert {
            // Flynn's router answers with an internal error if it has no route.
            AlertDescription::UnrecognisedName | AlertDescription::InternalError => {
                format!(
                    "{what} has no certificate for {name}: check that it has a route for this name"
                )
            }
            AlertDescription::ProtocolVersion => {
                format!("{what} supports neither TLS 1.2 nor 1.3")
            }
            _ => format!("{what} refused the TLS handshake"),
        },
        (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            format!("{what} closed the connection during the TLS handshake")
        }
        _ => format!("the TLS handshake with {what} failed"),
    }
}
