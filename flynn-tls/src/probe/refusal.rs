//! Why a handshake came to nothing, in words.

use std::io;

use rustls::{AlertDescription, Error as Tls};

/// What the failure of a handshake in which no certificate was seen means; `what` is the server,
/// `name` the one asked for.
pub(super) fn explain(e: &io::Error, what: &str, name: &str) -> String {
    let tls = e.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    match (tls, e.kind()) {
        (Some(Tls::InvalidMessage(_)), _) => format!("{what} answers, but does not speak TLS"),
        (Some(Tls::AlertReceived(alert)), _) => match alert {
            // Flynn's router answers with an internal error where it has no route.
            AlertDescription::UnrecognisedName | AlertDescription::InternalError => {
                format!("{what} presents no certificate for the name {name}: it may have no route")
            }
            AlertDescription::ProtocolVersion => {
                format!("{what} speaks neither TLS 1.2 nor 1.3")
            }
            _ => format!("{what} refuses the TLS handshake"),
        },
        (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            format!("{what} hung up during the TLS handshake")
        }
        _ => format!("the TLS handshake with {what} failed"),
    }
}
