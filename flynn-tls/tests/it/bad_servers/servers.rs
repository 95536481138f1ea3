//! The two servers: rustls in this process, and `openssl s_server`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;

use flynn_tls::rustls::SupportedProtocolVersion;
use flynn_tls::rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::scenarios::Scenario;
use crate::support::unchecked_config;

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

pub(crate) async fn rustls(
    scenario: &Scenario,
    version: &'static SupportedProtocolVersion,
    connections: usize,
) -> (SocketAddr, Server) {
    let chain = scenario.chain.iter().cloned().map(CertificateDer::from).collect();
    let config = unchecked_config(chain, scenario.issued.key_der(), &[version]);
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
