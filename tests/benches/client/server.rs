//! The server of the benchmark: fixed answers, framed as a controller frames them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::Result;

/// Set for the process that is the server.
pub(crate) const ROLE: &str = "FLYNN_BENCH_ROLE";

/// The address on which a server process listens. It prints the address first.
pub(crate) fn url_of(child: &mut Child) -> Result<String> {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("http://{}", listener.local_addr()?);
    let answers = Arc::new([
        ("/apps?", answer(&(0..10_000).map(app).collect())),
        ("/apps/www ", answer(&app(0))),
        ("/routes ", answer(&(0..2_000).map(route).collect())),
        ("/events?", events()),
    ]);
    for stream in listener.incoming() {
        let (stream, answers) = (stream?, Arc::clone(&answers));
        std::thread::spawn(move || serve_one(stream, answers.as_slice()));
    }
    Ok(())
}

fn serve_one(mut stream: TcpStream, answers: &[(&str, Vec<u8>)]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if !buffer.ends_with(b"\r\n\r\n") {
            continue;
        }
        let request = String::from_utf8_lossy(&buffer);
        let path = request.strip_prefix("GET ").unwrap_or_default();
        if path.starts_with("/backup ") {
            backup(&mut stream, &request)?;
            buffer.clear();
            continue;
        }
        let found = answers.iter().find(|(start, _)| path.starts_with(start));
        stream.write_all(
            found.map_or(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", |(_, answer)| {
                answer
            }),
        )?;
        buffer.clear();
    }
}

/// Events of a stream.
pub(crate) const EVENTS: usize = 200_000;
/// Bytes of a backup.
pub(crate) const BACKUP: u64 = 1 << 30;

/// A stream that ends after [`EVENTS`] events of 400 bytes. A controller sends each as a chunk.
fn events() -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let mut stream = head.as_bytes().to_vec();
    for number in 0..EVENTS {
        let mut event = json!({
            "id": 1_000_000 + number,
            "app": id(1, 0),
            "object_type": "job",
            "object_id": id(5, 0),
            "data": {
                "id": format!("host0-{}", id(5, 0)), "host_id": "host0", "app": id(1, 0),
                "release": id(2, 0), "type": "web", "state": "up", "args": [""],
            },
            "created_at": "2026-11-22T21:54:49.834494Z",
        });
        let missing = 400 - "data: \n\n".len() - event.to_string().len();
        if let Some(arg) = event.pointer_mut("/data/args/0") {
            *arg = "x".repeat(missing).into();
        }
        stream.extend_from_slice(format!("190\r\ndata: {event}\n\n\r\n").as_bytes());
    }
    stream.extend_from_slice(b"0\r\n\r\n");
    stream
}

/// Answers with a backup without a record.
fn backup(stream: &mut TcpStream, request: &str) -> std::io::Result<()> {
    if request.to_ascii_lowercase().contains("accept: application/json") {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/tar\r\nContent-Length";
    stream.write_all(format!("{head}: {BACKUP}\r\n\r\n").as_bytes())?;
    let piece = vec![b'x'; 64 << 10];
    for _ in 0..BACKUP / piece.len() as u64 {
        stream.write_all(&piece)?;
    }
    Ok(())
}

/// Answers with JSON. Above 2 KB a controller sends one chunk.
fn answer(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    if body.len() < 2048 {
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    } else {
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
            .into_bytes()
    }
}

fn id(kind: u32, number: u32) -> String {
    format!("{kind:08x}-5bf5-447d-ac32-{number:012x}")
}

fn app(number: u32) -> Value {
    json!({
        "id": id(1, number),
        "name": if number == 0 { "www".to_owned() } else { format!("app-{number}") },
        "meta": {"gc.max_inactive_slug_releases": "10"},
        "strategy": "all-at-once",
        "release": id(2, number),
        "deploy_timeout": 120,
        "created_at": "2026-11-22T21:54:49.834494Z",
        "updated_at": "2026-11-22T21:54:51.482028Z",
    })
}

fn route(number: u32) -> Value {
    json!({
        "type": "http",
        "id": format!("http/{}", id(3, number)),
        "parent_ref": format!("controller/apps/{}", id(1, number)),
        "service": format!("app-{number}-web"),
        "leader": false,
        "drain_backends": true,
        "domain": format!("app-{number}.example.com"),
        "path": "/",
        "certificate": {
            "id": id(4, number),
            "cert": pem("CERTIFICATE", 36) + &pem("CERTIFICATE", 30),
            "key": pem("RSA PRIVATE KEY", 25),
            "created_at": "2026-11-22T21:54:49.834494Z",
            "updated_at": "2026-11-22T21:54:49.834494Z",
        },
        "created_at": "2026-11-22T21:54:49.834494Z",
        "updated_at": "2026-11-22T21:54:51.482028Z",
    })
}

/// Text of the size and shape of PEM.
fn pem(label: &str, lines: usize) -> String {
    let line = "MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n";
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", line.repeat(lines))
}
