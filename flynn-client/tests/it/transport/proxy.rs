use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flynn_client::RetryPolicy;
use flynn_mock::MockController;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::server::{Seen, Server, json, read};

/// An HTTP proxy that tunnels everything to one address.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Seen>>>,
    freeze: Arc<Notify>,
    #[expect(dead_code, reason = "ends the proxy when dropped")]
    tasks: JoinSet<()>,
}

async fn proxy_to(target: SocketAddr) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::<Mutex<Vec<Seen>>>::default();
    let freeze = Arc::<Notify>::default();
    let (log, frozen) = (Arc::clone(&asked), Arc::clone(&freeze));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut tunnels = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let (log, frozen) = (Arc::clone(&log), Arc::clone(&frozen));
            tunnels.spawn(async move {
                let request = read(&mut client).await.unwrap();
                log.lock().unwrap().push(request);
                let mut server = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    () = frozen.notified() => std::future::pending().await,
                }
            });
        }
    });
    Proxy { address, asked, freeze, tasks }
}

#[tokio::test]
async fn a_pin_holds_through_a_proxy() {
    let mock = MockController::builder().bootstrapped("example.com").tls().start().await;
    let proxy = proxy_to(mock.addr()).await;
    let through = format!("http://me:pw@{}", proxy.address);
    let client = mock.client_builder().proxy(through).build().unwrap();
    assert!(!client.apps().list().await.unwrap().is_empty());
    // Upgraded connections use the proxy too.
    let job = client.app("blobstore").jobs().run(["exit", "3"]).attached().await.unwrap();
    assert_eq!(job.output().await.unwrap().exit_status, 3);
    {
        let asked = proxy.asked.lock().unwrap();
        assert_eq!(
            asked[0].line(),
            format!("CONNECT controller.example.com:{}", mock.addr().port())
        );
        assert_eq!(asked[0].header("proxy-authorization"), Some("Basic bWU6cHc="));
        assert_eq!(asked[0].header("authorization"), None);
    }

    let other = MockController::builder().bootstrapped("example.com").tls().start().await;
    let astray = proxy_to(other.addr()).await;
    let client = mock.client_builder().proxy(format!("http://{}", astray.address)).build().unwrap();
    let error = client.apps().list().await.unwrap_err();
    assert!(error.is_tls() && error.attempts() == 1, "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("TLS failed: controller.example.com:"), "{text}");
    assert!(text.contains("pin") && text.contains(&mock.pin().to_string()), "{text}");
    assert!(other.requests().is_empty(), "the key did not leave");
}

/// Calls share one HTTP/2 connection. If it dies silently, the next attempt needs another.
#[tokio::test]
async fn a_connection_that_went_dead_is_given_up() {
    const ATTEMPT: Duration = Duration::from_secs(60);
    let mock = MockController::builder().bootstrapped("example.com").tls().start().await;
    let proxy = proxy_to(mock.addr()).await;
    let client = mock
        .client_builder()
        .proxy(format!("http://{}", proxy.address))
        .attempt_timeout(ATTEMPT)
        .retry(RetryPolicy::default().max_elapsed(10 * ATTEMPT))
        .build()
        .unwrap();
    client.apps().list().await.unwrap();
    proxy.freeze.notify_waiters();
    // The first attempt begins before the clock moves, and the second has the whole time again.
    let (list, ()) = tokio::join!(client.apps().list().into_future(), async {
        tokio::time::pause();
        tokio::time::advance(ATTEMPT).await;
        tokio::time::resume();
    });
    list.unwrap();
    assert_eq!(proxy.asked.lock().unwrap().len(), 2, "another connection");
}

#[tokio::test]
async fn odd_proxies_are_refused_without_showing_their_password() {
    let server = Server::play([json(200, "[]")]).await;
    for proxy in ["https://me:s3cret@proxy", "socks5://me:s3cret@proxy", "http://me:s3cret@:99999"]
    {
        let error = server.builder().proxy(proxy).build().unwrap_err();
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
    }
}

/// A child process of this test, since the environment is the process's.
const CHILD: &str = "FLYNN_TEST_PROXY_CHILD";

/// Makes the call that `CHILD` names. Does nothing unless it is set.
#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let answer = flynn_client::Client::builder(url).build().unwrap().ping().await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn the_environment_says_which_proxy() {
    // Plain HTTP is not tunnelled, so the proxy answers itself.
    let proxy = Server::answering(|_| json(200, "")).await;
    let address = proxy.address.to_string();
    for (no_proxy, is_asked) in [
        ("", true),
        ("example.com", true),
        ("controller.invalid:81", true),
        ("controller.invalid:80", false),
        ("*", false),
    ] {
        let before = proxy.seen().len();
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", "transport::proxy::child"]).env_clear();
        let child = child.env("HTTP_PROXY", &address).env("NO_PROXY", no_proxy);
        let output = child.env(CHILD, "http://controller.invalid").output().await.unwrap();
        // The name does not resolve, so only the proxy can answer.
        assert_eq!(output.status.success(), is_asked, "{no_proxy:?} {output:?}");
        let asked = &proxy.seen()[before..];
        assert_eq!(asked.len(), usize::from(is_asked), "{no_proxy:?}");
        assert!(asked.iter().all(|seen| seen.line() == "GET http://controller.invalid/ping"));
    }
}
