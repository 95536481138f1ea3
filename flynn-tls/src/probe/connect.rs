use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};

/// The time to try one of several addresses before the next.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn resolve(
    host: &str,
    port: u16,
    what: &str,
) -> Result<(TcpStream, SocketAddr), Error> {
    let addresses: Vec<_> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(e) => {
            let message = format!("the name {host:?} does not resolve");
            return Err(Error::because(ErrorKind::Connect, message, e));
        }
    };
    to(&addresses, what).await
}

/// Connects to the first address that answers, IPv4 or IPv6, in the resolver's order.
pub(super) async fn to(
    addresses: &[SocketAddr],
    what: &str,
) -> Result<(TcpStream, SocketAddr), Error> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (left, address) in (0..addresses.len()).rev().zip(addresses) {
        let connecting = TcpStream::connect(address);
        // The last address may take all the remaining time.
        let connected = if left == 0 {
            connecting.await
        } else {
            timeout(PATIENCE, connecting).await.unwrap_or_else(|e| Err(e.into()))
        };
        match connected {
            Ok(stream) => return Ok((stream, *address)),
            Err(e) => failure = e,
        }
    }
    Err(Error::because(ErrorKind::Connect, format!("cannot connect to {what}"), failure))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn listener(address: &str) -> (SocketAddr, TcpListener) {
        let listener = TcpListener::bind(address).await.unwrap();
        (listener.local_addr().unwrap(), listener)
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried_in_order() {
        let (open, _listener) = listener("[::1]:0").await;
        // Nothing listens there any more.
        let (closed_v4, _) = listener("127.0.0.1:0").await;
        let (closed_v6, _) = listener("[::1]:0").await;
        let e = to(&[closed_v4, closed_v6], "here").await.unwrap_err();
        assert!(e.is_connect() && e.to_string() == "cannot connect to here");
        assert_eq!(to(&[closed_v6, closed_v4, open], "here").await.unwrap().1, open);
        assert!(to(&[], "here").await.unwrap_err().is_connect());
    }
}
