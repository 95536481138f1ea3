//! The cost of `flynn-tls`: its CPU time divided by that of the same work done with the raw
//! libraries, in the same run and thread.

#![expect(clippy::indexing_slicing, reason = "a wrong index may end a benchmark")]

mod ratio;

use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flynn_tls::generate::Ca;
use flynn_tls::{Bundle, ClientTls, Pin, PrivateKey, Requirements, Roots, check};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use sha2::{Digest as _, Sha256};

use ratio::{Rounds, cpu_time};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const ROUNDS: usize = 15;
const HOST: &str = "www.letsencrypt.org";
const PUBLIC: &[u8] = include_bytes!("../../flynn-tls/tests/data/letsencrypt.org.pem");
/// A time at which the public chain was valid: 2026-08-01.
const THEN: i64 = 1_785_542_400;

fn main() -> Result {
    pins()?;
    bundles()?;
    handshakes()
}

fn pins() -> Result {
    let certificate = CertificateDer::from_pem_slice(PUBLIC)?;
    let ours = || Ok(usize::from(Pin::of(black_box(&certificate)).as_bytes()[0]));
    let bare = || {
        let hash: [u8; 32] = Sha256::digest(black_box(&*certificate)).into();
        Ok(usize::from(hash[0]))
    };
    compare("pin of a certificate / bare SHA-256", 20_000, ours, bare)?;
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().ok_or("TLS 1.3")?.common.hash_provider;
    let assembly = || Ok(usize::from(hash.hash(black_box(&certificate)).as_ref()[0]));
    compare("pin of a certificate / ring's SHA-256", 20_000, ours, assembly)?;

    // The pipe consists of other processes, so this compares elapsed time.
    let pem = std::str::from_utf8(PUBLIC)?;
    let start = Instant::now();
    let mine = Pin::from_pem(pem)?;
    let ours = start.elapsed();
    let start = Instant::now();
    let theirs = openssl_pin(PUBLIC)?;
    let pipe = start.elapsed();
    assert_eq!(mine.to_string(), theirs);
    println!("pin of a file / the openssl pipe: {:.5}", ours.as_secs_f64() / pipe.as_secs_f64());
    eprintln!("    ours {ours:?}, the pipe {pipe:?} (by the clock)");
    Ok(())
}

fn openssl_pin(pem: &[u8]) -> Result<String> {
    let pipe = "openssl x509 -outform DER | openssl dgst -binary -sha256 | openssl base64";
    let mut shell = Command::new("sh")
        .args(["-c", pipe])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    shell.stdin.take().ok_or("no stdin")?.write_all(pem)?;
    Ok(String::from_utf8(shell.wait_with_output()?.stdout)?.trim().to_owned())
}

/// Compares parsing four certificates and running all checks with verification alone.
fn bundles() -> Result {
    let roots: Arc<RootCertStore> =
        Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    let raw_parse = || {
        let mut seen = 0;
        for der in CertificateDer::pem_slice_iter(black_box(PUBLIC)) {
            let der = der?;
            seen += x509_parser::parse_x509_certificate(&der)?.1.extensions().len();
        }
        Ok(seen)
    };
    let expected = raw_parse()?;
    let parse = || {
        let bundle = Bundle::from_pem(black_box(PUBLIC))?;
        assert_eq!(bundle.certificates().len(), 4);
        Ok(expected)
    };
    compare("parse a 4-certificate bundle / x509-parser", 500, parse, raw_parse)?;

    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(THEN.unsigned_abs()));
    let raw_check = || {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(PUBLIC).collect::<Result<_, _>>()?;
        for der in &chain {
            black_box(x509_parser::parse_x509_certificate(der)?);
        }
        let leaf = ParsedCertificate::try_from(&chain[0])?;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, &chain[1..], at, algorithms)?;
        verify_server_name(&leaf, &ServerName::try_from(HOST)?)?;
        Ok(1)
    };
    let wanted =
        Requirements::new().name(HOST).publicly_trusted().at(flynn_tls::Time::from_unix(THEN));
    let ours = || {
        let report = check(&Bundle::from_pem(black_box(PUBLIC))?, None, &wanted);
        assert!(report.is_clean(), "{report}");
        Ok(1)
    };
    compare("parse and check a 4-certificate bundle / parse and webpki", 200, ours, raw_check)
}

/// Runs both ends of a connection in one thread, without a network.
fn handshakes() -> Result {
    let root = Ca::new("Benchmark root")?;
    let issued = root.intermediate("Benchmark CA")?.issue(&["*.example.com"])?;
    let key = PrivateKey::from_pem(issued.key_pem())?.secret_der().clone_key();
    let chain = issued.chain()[..2].to_vec();
    let server = Arc::new(server(chain, key)?);

    let pinned = client(ClientTls::pinned(issued.pin()))?;
    let ours = client(ClientTls::webpki().roots(Roots::from_pem(root.certificate_pem())?))?;
    let mut store = RootCertStore::empty();
    store.add(root.certificate_der().clone())?;
    let provider = Arc::new(ring::default_provider());
    let mut raw = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    raw.resumption = rustls::client::Resumption::disabled();
    let raw = Arc::new(raw);

    let webpki = || shake_hands(&raw, &server);
    compare("pinned handshake / WebPKI handshake", 50, || shake_hands(&pinned, &server), webpki)?;
    compare("our WebPKI handshake / rustls's own", 50, || shake_hands(&ours, &server), webpki)
}

fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}

fn client(tls: ClientTls) -> Result<Arc<ClientConfig>> {
    let mut config = tls.config()?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn shake_hands(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Result<usize> {
    let name = ServerName::try_from("www.example.com")?;
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut wire)?;
        }
        let mut unread = wire.as_slice();
        while !unread.is_empty() {
            server.read_tls(&mut unread)?;
            server.process_new_packets()?;
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire)?;
        }
        let mut unread = wire.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread)?;
            client.process_new_packets()?;
        }
        wire.clear();
    }
    Ok(1)
}

/// Runs each side this number of times per round.
fn compare(
    workload: &str,
    repeat: usize,
    ours: impl Fn() -> Result<usize>,
    theirs: impl Fn() -> Result<usize>,
) -> Result {
    let each = |time: Duration| time / u32::try_from(repeat).unwrap_or(u32::MAX);
    let mut rounds = Rounds::default();
    for round in 0..=ROUNDS {
        let start = cpu_time();
        let mut ours_seen = 0;
        for _ in 0..repeat {
            ours_seen += ours()?;
        }
        let middle = cpu_time();
        let mut theirs_seen = 0;
        for _ in 0..repeat {
            theirs_seen += theirs()?;
        }
        let end = cpu_time();
        assert_eq!(ours_seen, theirs_seen, "{workload}");
        // The first round warms up.
        if round > 0 {
            rounds.add(each(middle.saturating_sub(start)), each(end.saturating_sub(middle)));
        }
    }
    rounds.print(workload);
    Ok(())
}
