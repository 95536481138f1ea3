//! The two servers: rustls in this process, and `openssl s_server`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;

use flynn_tls::rustls::crypto::ring;
use flynn_tls::rustls::pki_types::CertificateDer;
use flynn_tls::rustls::server::{ClientHello, ResolvesServerCert};
use flynn_tls::rustls::sign::CertifiedKey;
use flynn_tls::rustls::{ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::scenarios::Scenario;

/// Everything that clients sent inside of TLS, once so many connections are over.
pub(crate) enum Server {
    Rustls(JoinHandle<String>),
    Openssl(Box<Openssl>),
}

pub(crate) struct Openssl {
    child: Child,
    out: BufReader<ChildStdout>,
    _stdin: ChildStdin,
    _files: TempDir,
}

impl Server {
    pub(crate) async fn heard(self) -> String {
        match self {
            Self::Rustls(task) => task.await.unwrap(),
            Self::Openssl(mut server) => {
                let mut heard = Vec::new();
                server.out.read_to_end(&mut heard).await.unwrap();
                server.child.wait().await.unwrap();
                String::from_utf8_lossy(&heard).into_owned()
            }
        }
    }
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub(crate) async fn rustls(
    scenario: &Scenario,
    version: &'static SupportedProtocolVersion,
    connections: usize,
) -> (SocketAddr, Server) {
    let provider = ring::default_provider();
    let chain = scenario.chain.iter().cloned().map(CertificateDer::from).collect();
    let key = provider.key_provider.load_private_key(scenario.issued.key_der()).unwrap();
    // Not `with_single_cert`, which would notice a key that is not the certificate's.
    let resolver = Always(Arc::new(CertifiedKey::new(chain, key)));
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut heard = String::new();
        for _ in 0..connections {
            let (tcp, _) = listener.accept().await.unwrap();
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                let mut request = [0; 64];
                while let Ok(n @ 1..) = tls.read(&mut request).await {
                    heard.push_str(&String::from_utf8_lossy(&request[..n]));
                    let _ = tls.write_all(b"ok").await;
                }
            }
        }
        heard
    });
    (address, Server::Rustls(task))
}

pub(crate) async fn openssl(
    scenario: &Scenario,
    version: &str,
    connections: usize,
) -> (SocketAddr, Server) {
    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: String| std::fs::write(files.path().join(name), pem).unwrap();
    let pem = |der: &[Vec<u8>]| -> String {
        let bundle = der.iter().map(|d| CertificateDer::from(d.clone()));
        bundle.map(|d| super::to_pem(&d)).collect()
    };
    write("cert.pem", pem(&scenario.chain[..1]));
    write("key.pem", scenario.issued.key_pem());
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", version, "-cert", "cert.pem"]);
    command.args(["-key", "key.pem", "-cipher", "ALL:@SECLEVEL=0"]);
    command.args(["-naccept", &connections.to_string()]);
    if scenario.chain.len() > 1 {
        write("chain.pem", pem(&scenario.chain[1..]));
        command.args(["-cert_chain", "chain.pem"]);
    }
    command.current_dir(files.path()).kill_on_drop(true);
    // An end of its input would make it hang up.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // The tests need openssl.
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let stdin = child.stdin.take().unwrap();
    let address = loop {
        let mut line = String::new();
        let read = out.read_line(&mut line).await.unwrap();
        assert!(read > 0, "openssl s_server does not start for {}", scenario.name);
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.trim().parse().unwrap();
        }
    };
    (address, Server::Openssl(Box::new(Openssl { child, out, _stdin: stdin, _files: files })))
}
