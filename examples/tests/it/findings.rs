//! `doctor` gives one finding per cause, and advice that is safe to follow.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;

use flynn_client::apps::NewApp;
use flynn_client::routes::NewRoute;
use flynn_mock::ServerAge;
use flynn_tls::generate::{Ca, Issued};
use flynn_tls::pki_types::{CertificateDer, PrivateKeyDer};
use flynn_tls::{Bundle, Cause};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::program::{real_arguments, run, stdout};
use crate::world::World;

/// Returns the output of `doctor`.
fn doctor(world: &World, address: SocketAddr, more: &[&str]) -> Output {
    let address = address.to_string();
    let arguments = ["--cluster", "production", "--connect-to", &address];
    let arguments: Vec<String> =
        arguments.iter().chain(more).map(|argument| (*argument).to_owned()).collect();
    run(env!("CARGO_BIN_EXE_doctor"), world.demo.home(), &arguments)
}

fn findings(output: &Output, severity: &str) -> Vec<String> {
    let shown = stdout(output);
    shown.lines().filter(|line| line.starts_with(severity)).map(str::to_owned).collect()
}

/// Puts a certificate on every system route and on the router.
async fn install(world: &World, issued: &Issued) {
    let client = world.demo.mock.client();
    let (chain, key) = (issued.chain_pem_without_root(), issued.key_pem());
    // The client trusts the controller's current certificate, so the router comes first.
    let env = [("TLSCERT", chain.as_str()), ("TLSKEY", key.as_str())];
    client.app("router").env().set(env).await.unwrap();
    let apps = client.apps().list().await.unwrap();
    let (controller, others): (Vec<_>, Vec<_>) =
        apps.into_iter().partition(|app| app.name == "controller");
    for app in others.into_iter().chain(controller) {
        let routes = client.app(app.id).routes();
        for route in routes.list().await.unwrap() {
            if route.certificate.is_some() {
                routes.update(&route).certificate(&chain, &key).await.unwrap();
            }
        }
    }
    let rc = world.read(".flynnrc");
    let at = rc.find("Name = \"production\"").unwrap();
    let (before, entry) = rc.split_at(at);
    let entry: Vec<String> = entry
        .lines()
        .map(|line| {
            let pin = || format!("  TLSPin = \"{}\"", issued.pin());
            if line.contains("TLSPin") { pin() } else { line.to_owned() }
        })
        .collect();
    world.demo.write(".flynnrc", &(before.to_owned() + &entry.join("\n") + "\n")).unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_domain_is_one_finding() {
    let world = World::new(ServerAge::V2021).await;
    let ca = Ca::new("Example Trust Root").unwrap();
    install(&world, &ca.issue(&["other.example.net", "*.other.example.net"]).unwrap()).await;
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    let about: Vec<String> = findings(&output, "error")
        .into_iter()
        .filter(|finding| finding.contains("other.example.net"))
        .collect();
    assert_eq!(about.len(), 1, "{}", stdout(&output));
    assert!(about[0].contains("install-certificate --cluster production"), "{}", about[0]);
    assert!(about[0].len() < 500, "{}", about[0]);
}

#[tokio::test]
async fn hosts_that_cannot_be_reached_are_one_finding() {
    let world = World::new(ServerAge::V2021).await;
    // Names of a second cluster under the domain, for which the router has no certificate.
    let client = world.demo.mock.client();
    client.apps().create(NewApp::named("shop")).await.unwrap();
    let issued = Ca::new("x").unwrap().issue(&["*.old.example.com"]).unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let route = NewRoute::http(format!("{name}.old.example.com"))
            .certificate(issued.chain_pem(), issued.key_pem());
        client.app("shop").routes().create(route).await.unwrap();
    }
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    let warnings = findings(&output, "warning");
    let about: Vec<_> = warnings.iter().filter(|found| found.contains("f.old.example")).collect();
    assert_eq!(about.len(), 1, "{}", stdout(&output));
    assert!(about[0].contains("and 3 more"), "{}", about[0]);
}

#[tokio::test]
async fn a_private_ca_without_ca_is_told_about_the_option() {
    let world = World::new(ServerAge::V2021).await;
    let ca = Ca::new("Example Trust Root").unwrap();
    install(&world, &ca.issue(&["old.example.com", "*.old.example.com"]).unwrap()).await;
    world.demo.write("ca.pem", &ca.certificate_pem()).unwrap();
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    assert!(stdout(&output).contains("doctor --ca FILE"), "{}", stdout(&output));
    let told = doctor(&world, world.demo.mock.addr(), &["--ca", "ca.pem"]);
    assert!(!stdout(&told).contains("doctor --ca FILE"), "{}", stdout(&told));
}

/// git trusts only the CAs in the file of `sslCAInfo`.
#[tokio::test]
async fn a_ca_file_that_does_not_fit_is_found() {
    let world = World::new(ServerAge::V2021).await;
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    assert!(!stdout(&output).contains("sslCAInfo"), "{}", stdout(&output));
    let other = Ca::new("Flynn Ephemeral CA").unwrap().certificate_pem();
    world.demo.write(".flynn/ca-certs/production.pem", &other).unwrap();
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    let errors = findings(&output, "error");
    let about: Vec<_> = errors.iter().filter(|found| found.contains("sslCAInfo")).collect();
    assert_eq!(about.len(), 1, "{}", stdout(&output));
    assert!(about[0].contains("production.pem"), "{}", about[0]);
}

#[tokio::test]
async fn a_stale_password_of_another_helper_is_found() {
    let world = World::new(ServerAge::V2021).await;
    let url = format!("https://git.old.example.com:{}", world.demo.mock.addr().port());
    let store = url.replace("https://", "https://user:old-key@").replace(':', "%3a");
    let store = store.replacen("%3a", ":", 2);
    world.demo.write("store", &format!("{store}\n")).unwrap();
    let config = world.read(".gitconfig");
    let helper =
        format!("[credential]\n\thelper = store --file={}\n", world.path("store").display());
    world.demo.write(".gitconfig", &(helper + &config)).unwrap();
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    assert!(stdout(&output).contains("git credential reject"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("old-key"), "{}", stdout(&output));
}

/// A server that answers in place of the controller.
struct Impostor(Arc<CertifiedKey>);

impl std::fmt::Debug for Impostor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Impostor")
    }
}

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

async fn impostor(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let resolver = Impostor(Arc::new(CertifiedKey::new(chain, key)));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that checks the pin does not get past the handshake.
            assert!(acceptor.accept(stream).await.is_err());
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_does_not_lead_to_an_impostor() {
    let world = World::new(ServerAge::V2021).await;
    let names = ["controller.old.example.com", "*.old.example.com"];
    let own = Ca::new("Somebody").unwrap();
    let issued = own.issue(&names).unwrap();
    let public = Bundle::from_pem(include_bytes!("../data/letsencrypt.org.pem")).unwrap();
    let public = public.certificates().iter().map(|one| one.der().to_vec().into()).collect();
    let self_signed = flynn_tls::generate::broken(flynn_tls::Code::SelfSigned, "old.example.com");
    let self_signed = self_signed.unwrap();
    let bundle = Bundle::from_pem(&self_signed.chain_pem).unwrap();
    let leaf = vec![bundle.leaf().der().to_vec().into()];
    let key =
        flynn_tls::pki_types::pem::PemObject::from_pem_slice(self_signed.key_pem().as_bytes());
    for (impostor, cause) in [
        (impostor(leaf, key.unwrap()).await, None),
        (impostor(issued.chain(), issued.key_der()).await, None),
        (impostor(public, issued.key_der()).await, Some(Cause::OtherServer)),
    ] {
        // The name of the controller leads to the impostor, at the port of the controller's URL.
        let (rc, port) = (world.read(".flynnrc"), format!(":{}\"", world.demo.mock.addr().port()));
        world
            .demo
            .write(".flynnrc", &rc.replace(&port, &format!(":{}\"", impostor.port())))
            .unwrap();
        for program in ["doctor", "productionize", "routes"] {
            let address = impostor.to_string();
            let mut arguments = real_arguments(&world);
            let program = match program {
                "doctor" => {
                    arguments =
                        ["--cluster", "production", "--connect-to"].map(Into::into).to_vec();
                    arguments.push(address);
                    env!("CARGO_BIN_EXE_doctor")
                }
                "routes" => {
                    arguments =
                        ["--cluster", "production", "--connect-to"].map(Into::into).to_vec();
                    arguments.push(address);
                    env!("CARGO_BIN_EXE_routes")
                }
                _ => {
                    *arguments.last_mut().unwrap() = address;
                    env!("CARGO_BIN_EXE_productionize")
                }
            };
            let home = world.demo.home().to_owned();
            let output =
                tokio::task::spawn_blocking(move || run(program, &home, &arguments)).await.unwrap();
            let shown = stdout(&output) + &String::from_utf8(output.stderr.clone()).unwrap();
            assert_eq!(output.status.code(), Some(1), "{program}: {shown}");
            // A remedy that stores the pin first asks for a comparison.
            let lower = shown.to_lowercase();
            if let Some(at) = lower.find("store") {
                assert!(lower[..at].contains("compute the pin"), "{program}: {shown}");
            }
            assert!(!lower.contains("write its pin"), "{program}: {shown}");
            if let Some(cause) = cause {
                assert!(shown.contains(cause.remedy()), "{program}: {shown}");
            }
        }
        world.demo.write(".flynnrc", &rc).unwrap();
    }
    world.demo.mock.requests().assert_none();
}

/// A domain that an attacker has chosen stays one word in the shell, and is printed escaped.
#[tokio::test]
async fn commands_are_quoted_and_text_is_escaped() {
    let mock = flynn_mock::MockController::builder().bootstrapped("old.example.com");
    let world = World::of(
        flynn_examples::demo::Demo::start_on(mock, ServerAge::V2021).await.unwrap(),
        &flynn_examples::cli::Arguments::default(),
    );
    let client = world.demo.mock.client();
    let domain = "h.test; touch x #\u{1b}[2J\u{202e}";
    client.app("controller").env().set([("DEFAULT_ROUTE_DOMAIN", domain)]).await.unwrap();
    let output = doctor(&world, world.demo.mock.addr(), &[]);
    let shown = stdout(&output);
    assert!(shown.contains("touch x"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    for line in shown.lines().filter(|line| line.contains("--domain ")) {
        assert!(line.contains("--domain \"h.test; touch x #"), "{line}");
    }
    assert!(shown.contains("--domain "), "{shown}");
}
