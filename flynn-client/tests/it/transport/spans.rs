use std::io;
use std::sync::{Arc, Mutex};

use crate::server::{Server, Step, json};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_is_a_span_without_ids_or_secrets() {
    use tracing_subscriber::fmt::format::FmtSpan;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let server = Server::play([Step::Drop, json(200, r#"{"id":"r","env":{"A":"s3cret"}}"#)]).await;
    let client = server.builder().key("k3y-s3cret").build().unwrap();
    client.app("www").release().await.unwrap();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let close = log.lines().find(|line| line.contains("close")).unwrap();
    for part in [
        "flynn_call",
        "method=GET",
        "path=\"/apps/{app}/release\"",
        "status=200",
        "attempts=2",
        "request_id=",
    ] {
        assert!(close.contains(part), "{part}: {close}");
    }
    assert!(log.contains("will be sent again"));
    assert!(!log.contains("s3cret") && !log.contains("www"), "{log}");
}
