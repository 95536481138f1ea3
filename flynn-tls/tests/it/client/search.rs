use std::error::Error as StdError;
use std::net::SocketAddr;
use std::pin::Pin as StdPin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, io};

use flynn_tls::generate::{Ca, bootstrap};
use flynn_tls::rustls::{self, ALL_VERSIONS, CertificateError, ClientConfig, OtherError};
use flynn_tls::{ClientTls, Pin, PinMismatch, pin_mismatch, unverifiable};
use hyper::rt::ReadBufCursor;

use crate::support::{Server, say_hello, serve, server_config, unchecked_config};

/// A server, and a client that expects another pin.
async fn mismatched() -> (Server, ClientConfig) {
    let server = serve(server_config(&bootstrap("example.com").unwrap().leaf)).await;
    (server, ClientTls::pinned(Pin::from_der(b"x")).config().unwrap())
}

async fn mismatch() -> PinMismatch {
    let (server, config) = mismatched().await;
    let e = say_hello(Arc::new(config), server.address, "a.example.com").await.unwrap_err();
    pin_mismatch(&e).unwrap().clone()
}

/// Wraps it as rustls does.
fn carried(mismatch: PinMismatch) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(mismatch))))
}

async fn get(config: ClientConfig, address: SocketAddr) -> reqwest::Error {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .resolve("a.example.com", address)
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("https://a.example.com:{}/", address.port());
    client.get(url).send().await.unwrap_err()
}

#[tokio::test]
async fn through_reqwest() {
    let (server, config) = mismatched().await;
    let e = get(config, server.address).await;
    assert_eq!(pin_mismatch(&e).unwrap().server_name(), "a.example.com");
    assert!(unverifiable(&e).is_none());
    // As unrelated programs print it: complete, in one or two lines.
    let sentence = pin_mismatch(&e).unwrap().to_string();
    let chain: Vec<_> = std::iter::successors(e.source(), |&e| e.source()).collect();
    let printed = chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(printed.contains(&sentence), "{printed}");
    assert!(!printed.contains("PinSet") && !printed.contains("Evidence"), "{printed}");
    // As users store errors.
    let boxed: Box<dyn StdError + Send + Sync> = Box::new(e);
    assert!(pin_mismatch(&*boxed).is_some());
}

#[tokio::test]
async fn through_reqwest_for_a_certificate_that_cannot_be_verified() {
    let ca = Ca::new("x").unwrap();
    let issued = ca.leaf(&["a.example.com"]).critical_extension(&[1, 2, 3]).issue().unwrap();
    let server = serve(unchecked_config(issued.chain(), issued.key_der(), ALL_VERSIONS)).await;
    let e = get(ClientTls::pinned(issued.pin()).config().unwrap(), server.address).await;
    let found = unverifiable(&e).unwrap();
    assert_eq!(found.presented(), issued.pin());
    assert!(found.to_string().contains("UnsupportedCriticalExtension"), "{found}");
    assert_eq!(format!("{found:?}"), format!("Unverifiable({found})"));
    assert!(pin_mismatch(&e).is_none());
}

#[tokio::test]
async fn other_failures_are_neither() {
    let (server, _) = mismatched().await;
    let config = ClientTls::webpki().config().unwrap();
    let e = get(config, server.address).await;
    assert!(pin_mismatch(&e).is_none() && unverifiable(&e).is_none());
    let e = io::Error::from(io::ErrorKind::ConnectionReset);
    assert!(pin_mismatch(&e).is_none());
}

/// A connection that breaks with an error of TLS when it is read.
struct Broken(Option<PinMismatch>);

impl hyper::rt::Read for Broken {
    fn poll_read(
        mut self: StdPin<&mut Self>,
        _: &mut Context<'_>,
        _: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mismatch = self.0.take().unwrap();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, carried(mismatch))))
    }
}

impl hyper::rt::Write for Broken {
    fn poll_write(
        self: StdPin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: StdPin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: StdPin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn through_hyper() {
    let mismatch = mismatch().await;
    let io = Broken(Some(mismatch.clone()));
    let (_sender, connection) =
        hyper::client::conn::http1::handshake::<_, String>(io).await.unwrap();
    let e = connection.await.unwrap_err();
    assert_eq!(pin_mismatch(&e), Some(&mismatch));
}

#[tokio::test]
async fn through_io_errors_in_each_other_and_in_others() {
    #[derive(Debug)]
    struct Outer(io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    let mismatch = mismatch().await;
    let e = io::Error::other(carried(mismatch.clone()));
    let e = Outer(io::Error::other(e));
    assert_eq!(pin_mismatch(&e), Some(&mismatch));
    let bare = io::Error::other(mismatch.clone());
    assert_eq!(pin_mismatch(&bare), Some(&mismatch));
    assert_eq!(pin_mismatch(&mismatch), Some(&mismatch));
    let tls = rustls::Error::Other(OtherError(Arc::new(mismatch.clone())));
    assert_eq!(pin_mismatch(&tls), Some(&mismatch));
}
