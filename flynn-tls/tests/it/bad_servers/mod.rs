//! A table of servers, good ones and bad ones, each over TLS 1.2 and 1.3, by rustls and by
//! openssl, against every mode of the client: refused or accepted exactly as the mode promises.
//! An unexpected success fails as well as an unexpected refusal, and a refused server must not
//! have seen a byte of the request.

mod odd_chains;
mod odd_names;
mod scenarios;
mod servers;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use flynn_tls::rustls::ClientConfig;
use flynn_tls::rustls::pki_types::{CertificateDer, ServerName};
use flynn_tls::rustls::version::{TLS12, TLS13};
use flynn_tls::{Bundle, ClientTls, Pin, Roots, pin_mismatch, unverifiable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use scenarios::{Accept, Expect, HOST, Mismatch, Refuse, Scenario, Signer, Unverifiable};
use servers::Server;

fn to_pem(der: &CertificateDer<'_>) -> String {
    Bundle::from_der([der.clone().into_owned()]).unwrap().to_pem()
}

/// Each way to make a client, with what it promises about the scenario.
fn modes(scenario: &Scenario) -> Vec<(&'static str, ClientConfig, Expect)> {
    let pin = scenario.pin();
    let wrong = Pin::from_der(b"another certificate");
    let roots = || Roots::from_pem(scenario.ca.certificate_pem()).unwrap();
    let ca = || ClientTls::webpki().roots(roots());
    let both = ClientTls::pinned_and_webpki(pin).roots(roots());
    // The pin is checked first, then whether the certificate can be verified, then its chain.
    let pinned_and_chained = match scenario.pinned {
        Accept => scenario.chained,
        other => other,
    };
    let of_issuer = Pin::of(scenario.ca.certificate_der());
    [
        ("right pin", ClientTls::pinned(pin), scenario.pinned),
        ("old and new pin", ClientTls::pinned([wrong, pin]), scenario.pinned),
        ("wrong pin", ClientTls::pinned(wrong), Mismatch),
        ("pin of the CA", ClientTls::pinned(of_issuer), Mismatch),
        ("right pin and CA", both, pinned_and_chained),
        ("wrong pin and CA", ClientTls::pinned_and_webpki(wrong).roots(roots()), Mismatch),
        ("CA", ca(), scenario.chained),
        ("CA, any name", ca().dangerous().accept_other_names(), scenario.any_name),
        ("CA, any age", ca().dangerous().accept_expired(), scenario.any_age),
        ("public roots", ClientTls::webpki(), Refuse("")),
    ]
    .map(|(name, tls, promise)| (name, tls.config().unwrap(), promise))
    .into()
}

/// Shakes hands, sends the request, and waits for an answer.
async fn request(config: ClientConfig, address: SocketAddr, word: &str) -> std::io::Result<()> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(HOST).unwrap();
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    tls.write_all(word.as_bytes()).await?;
    tls.shutdown().await?;
    // Until the server closes the connection too. Only rustls answers.
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer).await;
    Ok(())
}

/// Checks the outcome against the expectation. Returns the difference.
fn judge(promise: Expect, outcome: &std::io::Result<()>, pin: Pin) -> Result<(), String> {
    let mismatch = outcome.as_ref().err().and_then(|e| pin_mismatch(e));
    let refused = outcome.as_ref().err().and_then(|e| unverifiable(e));
    let text = outcome.as_ref().err().map(ToString::to_string);
    let as_promised = match promise {
        Mismatch => mismatch.is_some_and(|m| m.presented() == pin) && refused.is_none(),
        Accept => outcome.is_ok(),
        Refuse(says) => {
            mismatch.is_none()
                && refused.is_none()
                && text.as_ref().is_some_and(|t| t.contains(says))
        }
        Unverifiable(says) => {
            mismatch.is_none() && refused.is_some_and(|u| u.to_string().contains(says))
        }
    };
    as_promised.then_some(()).ok_or_else(|| text.unwrap_or_else(|| "accepted".to_owned()))
}

/// Runs a server against all modes. Returns the unexpected outcomes.
async fn run(
    scenario: &Scenario,
    backend: &str,
    version: &str,
    (address, server): (SocketAddr, Server),
) -> String {
    let mut wrong = String::new();
    let mut accepted = Vec::new();
    let presented = Pin::from_der(&scenario.chain[0]);
    let modes = modes(scenario);
    let words: Vec<_> = (0..modes.len()).map(|i| format!("request-{i}-word\n")).collect();
    for ((mode, config, mut promise), word) in modes.into_iter().zip(&words) {
        // Over TLS 1.2 a server hides a certificate on a curve that is not offered for the key
        // exchange, so there is nothing to explain.
        if scenario.name == "P-521" && version == "1.2" {
            promise = Refuse("HandshakeFailure");
        }
        let outcome = request(config, address, word).await;
        accepted.push(outcome.is_ok());
        if let Err(why) = judge(promise, &outcome, presented) {
            let _ = writeln!(wrong, "{}, {backend}, TLS {version}, {mode}: {why}", scenario.name);
        }
    }
    let heard = server.heard().await;
    let expected: String = words
        .iter()
        .zip(&accepted)
        .filter_map(|(word, accepted)| accepted.then_some(word.as_str()))
        .collect();
    // openssl prints more than it received.
    let heard: String = match backend {
        "openssl" => heard.split_inclusive('\n').filter(|l| l.contains("request")).collect(),
        _ => heard,
    };
    if heard != expected {
        let _ = writeln!(wrong, "{}, {backend}, TLS {version}: heard {heard}", scenario.name);
    }
    wrong
}

/// Runs a scenario over both versions with every server that supports it.
async fn all_servers(scenario: Scenario) -> String {
    let connections = modes(&scenario).len();
    let mut wrong = String::new();
    if scenario.signer != Signer::Openssl {
        for (version, number) in [(&TLS12, "1.2"), (&TLS13, "1.3")] {
            let server = servers::rustls(&scenario, version, connections).await;
            wrong += &run(&scenario, "rustls", number, server).await;
        }
    }
    if scenario.signer != Signer::Rustls {
        // Together, because s_server takes its time between two connections.
        let (old, new) = tokio::join!(
            async {
                let server = servers::openssl(&scenario, "-tls1_2", connections).await;
                run(&scenario, "openssl", "1.2", server).await
            },
            async {
                let server = servers::openssl(&scenario, "-tls1_3", connections).await;
                run(&scenario, "openssl", "1.3", server).await
            }
        );
        wrong += &(old + &new);
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_is_refused_or_accepted_as_promised() {
    let scenarios = scenarios::scenarios();
    let servers_of = |s: &Scenario| if s.signer == Signer::Any { 4 } else { 2 };
    let bad = || scenarios.iter().filter(|s| s.chained != Accept);
    let (rows, bad_servers) = (bad().count(), bad().map(servers_of).sum::<usize>());
    let handshakes: usize = scenarios.iter().map(|s| servers_of(s) * modes(s).len()).sum();
    eprintln!(
        "{rows} bad of {}, {bad_servers} bad servers, {handshakes} handshakes",
        scenarios.len()
    );
    assert!(rows >= 40 && bad_servers >= 140);

    let mut running: JoinSet<String> = scenarios.into_iter().map(all_servers).collect();
    let mut wrong = String::new();
    while let Some(report) = running.join_next().await {
        wrong.push_str(&report.unwrap());
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
