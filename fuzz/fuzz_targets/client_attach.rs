//! Frames of an attached job: nothing panics, memory is bounded, and the sizes of the pieces do not matter.

#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::thread;

use flynn_client::jobs::{JobOutput, JobStream};
use flynn_client::{Client, ErrorKind, RetryPolicy};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// The pieces that the job sends next.
static FRAMES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Client::builder(url).no_proxy().retry(RetryPolicy::none()).build().unwrap()
});

/// Answers the reads of a release, and returns the connection of a job.
fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    loop {
        let (mut request, mut piece) = (Vec::new(), [0; 4096]);
        // A read ends with its head, the start of a job with its JSON.
        let end = |request: &[u8]| if request.starts_with(b"GET") { "\r\n\r\n" } else { "}" };
        while !request.ends_with(end(&request).as_bytes()) {
            let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
            request.extend_from_slice(&piece[..read]);
        }
        if request.starts_with(b"GET") {
            let release = r#"{"id":"r1"}"#;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", release.len());
            stream.write_all(format!("{head}{release}").as_bytes()).ok()?;
            continue;
        }
        let head = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: flynn-attach/0\r\n\r\n";
        stream.write_all(head.as_bytes()).ok()?;
        for piece in std::mem::take(&mut *FRAMES.lock().unwrap()) {
            stream.write_all(&piece).ok()?;
        }
        return None;
    }
}

/// The output of a job by stream, its other messages, and its end.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    data: [Vec<u8>; 3],
    rest: Vec<JobOutput>,
    end: Option<ErrorKind>,
}

fn run<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
    *FRAMES.lock().unwrap() = pieces.map(<[u8]>::to_vec).collect();
    RUNTIME.block_on(async {
        let (mut output, _input) =
            CLIENT.app("www").jobs().run(["x"]).attached().await.unwrap().split();
        let mut seen = Seen::default();
        while let Some(next) = output.next().await {
            match next {
                Ok(JobOutput::Data { stream, data }) => {
                    let at = match stream {
                        JobStream::Stdout => 0,
                        JobStream::Stderr => 1,
                        _ => 2,
                    };
                    seen.data[at].extend_from_slice(&data);
                }
                Ok(other) => seen.rest.push(other),
                Err(error) => seen.end = Some(error.kind()),
            }
        }
        seen
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((size, frames)) = data.split_first() else { return };
    // Each piece is written to a socket. More than 64 pieces would take nearly all the time.
    let size = (usize::from(size % 16) + 1).max(frames.len().div_ceil(64));
    let whole = run([frames].into_iter());
    assert!(whole.data.iter().map(Vec::len).sum::<usize>() <= frames.len());
    assert_eq!(whole, run(frames.chunks(size)));
});
