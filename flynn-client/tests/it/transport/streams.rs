//! Streams use separate connections.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use flynn_client::apps::NewApp;
use flynn_client::rustls::pki_types::{CertificateDer, pem::PemObject};
use flynn_client::rustls::{ClientConfig, RootCertStore, crypto::ring};
use flynn_client::{Client, RetryPolicy};
use flynn_mock::MockController;
use futures_util::stream::{FuturesUnordered, iter};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::read;

/// A mock with TLS in a separate process. A limit of 1024 open files per process permits 500 connections, but not both
/// of their ends.
struct Process {
    child: Child,
    #[expect(dead_code, reason = "the child ends when it cannot write its output")]
    output: BufReader<ChildStdout>,
}

/// The prefix of the line in which the process prints the address of its mock.
const MARK: &str = "mock: ";

impl Process {
    fn start() -> (Self, Client) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "transport::streams::serves_as_the_process",
                "--ignored",
                "--nocapture",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let said = output.by_ref().lines().map(Result::unwrap).find_map(|line| {
            line.split_once(MARK).map(|(_, said)| serde_json::from_str(said).unwrap())
        });
        let (url, host, address, key, ca): (String, String, _, String, String) = said.unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder(url).key(key).resolve(host, address).rustls_config(config);
        // A call that was sent twice hit a broken connection.
        (Self { child, output }, client.retry(RetryPolicy::none()).build().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test, but the code that [`Process`] runs. It ends when its standard input ends.
#[test]
#[ignore = "the other tests start it"]
fn serves_as_the_process() {
    let mock = MockController::builder().tls().start_blocking();
    let host = format!("controller.{}", mock.domain());
    let said = serde_json::to_string(&(mock.url(), host, mock.addr(), mock.key(), mock.ca_pem()));
    println!("\n{MARK}{}", said.unwrap());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[tokio::test]
async fn five_hundred_open_streams_stop_no_call() {
    let (_process, client) = Process::start();
    let opened = iter(0..500).map(|_| client.events().stream().into_future());
    let streams: Vec<_> = opened.buffer_unordered(16).try_collect().await.unwrap();
    client.apps().create(NewApp::named("www")).timeout(Duration::from_secs(60)).await.unwrap();
    let mut streams: FuturesUnordered<_> =
        streams.into_iter().map(|mut stream| async move { stream.next().await }).collect();
    while let Some(event) = streams.next().await {
        event.unwrap().unwrap();
    }
}

#[tokio::test]
async fn streams_that_are_dropped_quickly_break_no_call() {
    let (_process, client) = Process::start();
    for n in 0..5 {
        client.apps().create(NewApp::named(format!("app-{n}"))).await.unwrap();
    }
    // HTTP/2 closes the connection for frames that arrive after the end of their stream.
    let mut drops = iter(0..2000).map(|_| client.events().past().count(5).stream().into_future());
    let mut drops = drops.by_ref().buffer_unordered(16);
    let mut calls = 0;
    let mut dropping = true;
    while dropping {
        let drop_some = async {
            for _ in 0..20 {
                let Some(stream) = drops.next().await else { return false };
                drop(stream.unwrap());
            }
            true
        };
        let (dropped, called) = tokio::join!(drop_some, client.apps().list().into_future());
        called.unwrap();
        calls += 1;
        dropping = dropped;
    }
    assert!(calls >= 100, "{calls}");
}

#[tokio::test]
async fn a_connection_ends_with_its_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder(url).no_proxy().retry(RetryPolicy::none()).build().unwrap();
    for answer in [
        // Read to its end, and dropped before it.
        "Content-Length: 20\r\n\r\ndata: {\"id\":1}\n\n\n\n\n\n",
        "\r\ndata: {\"id\":1}\n\n",
    ] {
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let request = read(&mut socket).await.unwrap();
            assert_eq!(request.header("connection"), Some("close"));
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
            socket.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
            socket
        };
        let (stream, mut socket) = tokio::join!(client.events().stream().into_future(), serve);
        let mut stream = stream.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
        if answer.starts_with("Content-Length") {
            assert!(stream.next().await.is_none());
        }
        drop(stream);
        let end = tokio::time::timeout(Duration::from_secs(60), socket.read(&mut [0; 1])).await;
        assert_eq!(end.expect("the connection is closed").unwrap(), 0);
    }
}
