use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flynn_tls::generate::{Ca, bootstrap};
use flynn_tls::rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};
use flynn_tls::rustls::server::WebPkiClientVerifier;
use flynn_tls::rustls::version::{TLS12, TLS13};
use flynn_tls::rustls::{ALL_VERSIONS, ProtocolVersion, RootCertStore, ServerConfig};
use flynn_tls::{ErrorKind, Probe, Roots, Time, probe, probe_many};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::support::{Server, serve, serve_at, server_config, unchecked_config};

fn at(server: &Server) -> Probe {
    Probe::new("www.example.com", 443).connect_to(server.address)
}

#[tokio::test]
async fn it_tells_what_is_presented() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com"]).unwrap();
    for (version, protocol) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut config = unchecked_config(issued.chain(), issued.key_der(), &[version]);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server = serve(config).await;
        let seen = at(&server).run().await.unwrap();
        assert_eq!((seen.pin(), seen.address()), (issued.pin(), server.address));
        assert_eq!(seen.chain(), issued.chain());
        assert_eq!(seen.leaf().unwrap().subject(), "CN=example.com");
        assert_eq!(seen.bundle().unwrap().certificates().len(), 2);
        assert_eq!(seen.protocol(), Some(protocol));
        assert_eq!(seen.alpn(), Some(&b"http/1.1"[..]));
        assert!(seen.cipher().is_some() && seen.key_proved() && seen.completed());
        let seen = at(&server).alpn::<&[u8]>([]).run().await.unwrap();
        assert_eq!(seen.alpn(), None);
    }
}

#[tokio::test]
async fn the_short_form_takes_an_address_and_a_name() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com"]).unwrap();
    for loopback in ["127.0.0.1", "::1", "[::1]"] {
        let ip = loopback.trim_matches(['[', ']']).parse().unwrap();
        let server = serve_at(SocketAddr::new(ip, 0), server_config(&issued)).await;
        // Over TLS an address may be requested too, although it is not a DNS name.
        for name in ["www.example.com", loopback] {
            let seen = probe(loopback, server.address.port(), name).await.unwrap();
            assert_eq!((seen.pin(), seen.address()), (issued.pin(), server.address));
        }
    }
}

#[tokio::test]
async fn each_node_is_asked_for_the_same_name() {
    let nodes = [bootstrap("example.com").unwrap(), bootstrap("example.com").unwrap()];
    let mut servers = Vec::new();
    for node in &nodes {
        servers.push(serve(server_config(&node.leaf)).await);
    }
    let all = probe_many(servers.iter().map(at), NonZeroUsize::MIN).await;
    let pins: Vec<_> = all.into_iter().map(|seen| seen.unwrap().pin()).collect();
    assert_eq!(pins, nodes.map(|node| node.leaf.pin()));
}

/// Counts the simultaneous connections, and does not answer before `gate` opens.
async fn counting(gate: Arc<Semaphore>, most: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let now = Arc::new(AtomicUsize::new(0));
        while let Ok((tcp, _)) = listener.accept().await {
            let (gate, now, most) = (gate.clone(), now.clone(), most.clone());
            tokio::spawn(async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                now.fetch_sub(1, Ordering::SeqCst);
                drop(tcp);
            });
        }
    });
    address
}

#[tokio::test]
async fn no_more_than_the_limit_run_at_once() {
    let (gate, most) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let address = counting(gate.clone(), most.clone()).await;
    let probes = (0..20).map(|i| Probe::new(&format!("host{i}.test"), 443).connect_to(address));
    let running = tokio::spawn(probe_many(probes.collect::<Vec<_>>(), 4.try_into().unwrap()));
    while most.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(20);
    let all = running.await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 4);
    // In the order of the probes, each with its own name.
    for (i, result) in all.into_iter().enumerate() {
        let e = result.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Handshake);
        assert!(e.to_string().contains(&format!("host{i}.test:443")), "{e}");
    }
}

/// Makes rustls panic in the middle of a handshake.
#[derive(Debug)]
struct NoLuck;

impl SecureRandom for NoLuck {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        panic!("out of luck")
    }
}

#[tokio::test]
async fn a_probe_that_panics_keeps_its_place() {
    let issued = Ca::new("mine").unwrap().issue(&["example.com"]).unwrap();
    let server = serve(server_config(&issued)).await;
    let broken = CryptoProvider { secure_random: &NoLuck, ..ring::default_provider() };
    let broken = Arc::new(broken);
    // It ends before all others that run concurrently.
    for (limit, place) in [(1, 0), (1, 2), (3, 0), (3, 1), (3, 2)] {
        let mut probes = [at(&server), at(&server), at(&server)];
        probes[place] = probes[place].clone().provider(broken.clone());
        let all = probe_many(probes, limit.try_into().unwrap()).await;
        for (i, result) in all.iter().enumerate() {
            assert_eq!(result.is_err(), i == place, "{limit} at a time, number {i}");
        }
        assert!(all[place].as_ref().unwrap_err().to_string().contains("panicked"));
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_the_timeout() {
    let address = counting(Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0))).await;
    let probe = Probe::new("slow.test", 443).connect_to(address);
    let start = tokio::time::Instant::now();
    let limit = Duration::from_secs(20);
    let e = probe.timeout(limit).run().await.unwrap_err();
    assert!(e.is_timeout() && start.elapsed() <= limit + Duration::from_millis(1), "{e}");
    assert!(e.to_string().contains("slow.test:443"), "{e}");
}

#[tokio::test]
async fn failures_have_their_kind() {
    // A socket that is bound but does not listen refuses, and keeps other processes from its port.
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = refusing.local_addr().unwrap();
    let e = Probe::new("a.test", 443).connect_to(free).run().await.unwrap_err();
    assert!(e.is_connect(), "{e}");
    let e = Probe::new("no such name", 443).run().await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Name);
    for length in [0, 256, 300] {
        let probe = Probe::new("a.test", 443).connect_to(free).alpn([vec![b'a'; length]]);
        let e = probe.run().await.unwrap_err();
        assert!(e.kind() == ErrorKind::Config && e.to_string().contains(&length.to_string()));
    }
    let e = Probe::new("a.test", 443).connect_to(free).alpn([vec![b'a'; 255]]).run().await;
    assert!(e.unwrap_err().is_connect());
}

/// Does this to the first client that connects.
async fn once<F: Future<Output = ()> + Send>(
    act: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { act(listener.accept().await.unwrap().0).await });
    address
}

/// Returns the error about a server that presents no certificate.
async fn refusal(address: SocketAddr) -> String {
    let e = Probe::new("a.test", 443).connect_to(address).run().await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Handshake, "{e}");
    e.to_string()
}

#[tokio::test]
async fn servers_that_show_no_certificate_are_told_apart() {
    for greeting in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n"] {
        let plain = once(move |mut tcp: TcpStream| async move {
            tcp.write_all(greeting.as_bytes()).await.unwrap();
        });
        let e = refusal(plain.await).await;
        assert!(e.contains("a.test:443") && e.contains("but not with TLS"), "{e}");
    }
    // The client hello is read first, otherwise the system would answer with a reset.
    let hello = async |tcp: &mut TcpStream| {
        assert!(tcp.read(&mut [0; 4096]).await.unwrap() > 0);
    };
    let gone = once(move |mut tcp| async move { hello(&mut tcp).await });
    assert!(refusal(gone.await).await.contains("closed the connection"));
    let reset = once(move |mut tcp| async move {
        hello(&mut tcp).await;
        tcp.set_zero_linger().unwrap();
    });
    assert!(refusal(reset.await).await.contains("closed the connection"));
    for (alert, says) in [
        (112, "no certificate for a.test"),
        (80, "check that it has a route"),
        (70, "neither TLS 1.2 nor 1.3"),
        (40, "refused the TLS handshake"),
    ] {
        let server = once(move |mut tcp| async move {
            hello(&mut tcp).await;
            tcp.write_all(&[21, 3, 3, 0, 2, 2, alert]).await.unwrap();
        });
        let e = refusal(server.await).await;
        assert!(e.contains(says), "{e}");
    }
}

/// The server's certificate is returned, even if the server asks for a client certificate.
#[tokio::test]
async fn a_server_that_asks_for_a_certificate_has_presented_its_own() {
    let ca = Ca::new("mine").unwrap();
    let issued = ca.issue(&["example.com"]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca.certificate_der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    for version in ALL_VERSIONS {
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.clone().into(), provider.clone())
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(issued.chain(), issued.key_der())
            .unwrap();
        let seen = at(&serve(config).await).run().await.unwrap();
        assert_eq!(seen.pin(), issued.pin());
        // Over TLS 1.2 the server sends the last message.
        assert_eq!(seen.completed(), version.version == ProtocolVersion::TLSv1_3);
        assert!(seen.key_proved());
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_shown_and_not_proved() {
    let ca = Ca::new("mine").unwrap();
    let (issued, other) = (ca.issue(&["a"]).unwrap(), ca.issue(&["b"]).unwrap());
    let config = unchecked_config(issued.chain(), other.key_der(), ALL_VERSIONS);
    let seen = at(&serve(config).await).run().await.unwrap();
    assert!(seen.pin() == issued.pin() && !seen.key_proved());
}

/// Returns the verdict of a client without a pin.
async fn verdict(config: ServerConfig, roots: Roots) -> Result<(), String> {
    let seen = at(&serve(config).await).run().await.unwrap();
    seen.verify(roots).map_err(|e| {
        assert_eq!(e.kind(), ErrorKind::Untrusted, "{e:#}");
        let why = e.to_string();
        why.strip_prefix("the certificate of www.example.com is not trusted: ").unwrap().to_owned()
    })
}

#[tokio::test]
async fn only_what_a_client_without_a_pin_accepts_is_verified() {
    let ca = Ca::new("public").unwrap();
    let roots = || Roots::from_pem(ca.certificate_pem()).unwrap();
    let good = ca.intermediate("between").unwrap().issue(&["www.example.com"]).unwrap();
    assert_eq!(verdict(server_config(&good), roots()).await, Ok(()));
    assert_eq!(
        verdict(server_config(&ca.issue(&["*.example.com"]).unwrap()), roots()).await,
        Ok(())
    );

    let day = |text: &str| text.parse::<Time>().unwrap();
    let valid = |from, to| {
        let leaf = ca.leaf(&["www.example.com"]).valid(day(from), day(to));
        server_config(&leaf.issue().unwrap())
    };
    let flynn = bootstrap("example.com").unwrap().leaf;
    let other = ca.issue(&["www.example.com"]).unwrap();
    let without_key = unchecked_config(good.chain(), other.key_der(), ALL_VERSIONS);
    let cut = ca.intermediate("between").unwrap().issue(&["www.example.com"]).unwrap();
    for (config, roots, says) in [
        (server_config(&flynn), roots(), "none of the trusted roots"),
        (server_config(&good), Roots::mozilla(), "none of the trusted roots"),
        (server_config(&cut.without_issuers()), roots(), "none of the trusted roots"),
        (server_config(&ca.issue(&["example.com"]).unwrap()), roots(), "does not cover the name"),
        (valid("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"), roots(), "expired"),
        (valid("2120-01-01T00:00:00Z", "2121-01-01T00:00:00Z"), roots(), "not valid yet"),
        (without_key, roots(), "did not prove that it has the certificate's key"),
    ] {
        let why = verdict(config, roots).await.unwrap_err();
        assert!(why.contains(says), "{why}, and not {says}");
    }
    let seen = at(&serve(server_config(&good)).await).run().await.unwrap();
    let nothing = seen.verify(RootCertStore::empty().into()).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::Config);
}
