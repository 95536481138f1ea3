//! A git server over HTTPS such as a cluster has: `git http-backend` behind TLS and a password.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flynn_tls::generate::Issued;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// The server; dropping it closes its sockets.
pub(crate) struct GitServer {
    pub(crate) addr: SocketAddr,
    key: Arc<Mutex<String>>,
    _runtime: Runtime,
}

impl GitServer {
    /// Serves the repositories under `root` with a certificate, to clients that have `key`.
    pub(crate) fn start(root: &Path, issued: &Issued, key: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(issued.chain(), issued.key_der())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let key = Arc::new(Mutex::new(key.to_owned()));
        let site = Arc::new(Site { root: root.to_owned(), key: Arc::clone(&key) });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, site) = (acceptor.clone(), Arc::clone(&site));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper::service::service_fn(move |request| {
                        let site = Arc::clone(&site);
                        async move { Ok::<_, Infallible>(site.answer(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    // A client that disconnects is not an error of the server.
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { addr, key, _runtime: runtime }
    }

    /// Replaces the key, as a rotation does.
    pub(crate) fn rotate_key(&self, key: &str) {
        key.clone_into(&mut self.key.lock().unwrap());
    }
}

struct Site {
    root: PathBuf,
    key: Arc<Mutex<String>>,
}

impl Site {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let expected = format!("user:{}", self.key.lock().unwrap());
        let expected = format!("Basic {}", STANDARD.encode(expected));
        if request.headers().get(AUTHORIZATION).is_none_or(|given| *given != *expected) {
            return Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .header(WWW_AUTHENTICATE, "Basic realm=git")
                .body(Full::default())
                .unwrap();
        }
        self.cgi(request).await
    }

    /// Runs `git http-backend` as a CGI program.
    async fn cgi(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let header = |name| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", head.uri.path())
            .env("QUERY_STRING", head.uri.query().unwrap_or_default())
            .env("REQUEST_METHOD", head.method.as_str())
            .env("CONTENT_TYPE", header(CONTENT_TYPE))
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header(CONTENT_ENCODING))
            .env("REMOTE_USER", "user")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let write = async move {
            stdin.write_all(&body).await.unwrap();
            drop(stdin);
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        let output = output.unwrap().stdout;
        let cut = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let mut response = Response::builder();
        for line in std::str::from_utf8(&output[..cut]).unwrap().lines() {
            let (name, value) = line.split_once(": ").unwrap();
            response = match name {
                "Status" => response.status(&value[..3]),
                _ => response.header(name, value),
            };
        }
        response.body(Full::from(Bytes::copy_from_slice(&output[cut + 4..]))).unwrap()
    }
}
