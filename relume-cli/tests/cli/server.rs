//! A small HTTP server that behaves as badly as a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// First byte of the range.
    pub(crate) start: Option<usize>,
    pub(crate) authorization: Option<String>,
}

/// What the server does about it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body after which the connection ends.
    pub(crate) cut: Option<usize>,
    /// Whether to wait, silent, before it ends.
    pub(crate) stall: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status, headers, body: body.to_vec(), cut: None, stall: false }
    }

    /// The file, from the byte that was asked for.
    pub(crate) fn file(asked: &Asked, file: &[u8]) -> Self {
        let tag = ("ETag", "\"v1\"");
        match asked.start {
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", file.len() - 1, file.len());
                Self::new(206, &[tag, ("Content-Range", &range)], &file[start..])
            }
            None => Self::new(200, &[tag], file),
        }
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn stall(mut self) -> Self {
        self.stall = true;
        self
    }
}

/// A server on this machine, which ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers every request by `answer`, which is told how many came before.
    pub(crate) fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = read(&stream) {
                    let before = seen.lock().unwrap().len();
                    seen.lock().unwrap().push(request.clone());
                    // A client that went away is no fault of the server.
                    let _ = send(stream, &request, &answer(before, &request));
                }
            }
        });
        Self { url, asked }
    }

    /// The requests of a method so far.
    pub(crate) fn asked(&self, method: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.method == method).cloned().collect()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut asked = Asked { method, path, ..Asked::default() };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "range" => {
                let range = value.trim().trim_start_matches("bytes=").trim_end_matches('-');
                asked.start = range.parse().ok();
            }
            "authorization" => asked.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Some(asked)
}

fn send(mut stream: TcpStream, asked: &Asked, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", answer.status);
    if !answer.headers.iter().any(|(name, _)| *name == "Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.method != "HEAD" {
        let end = answer.cut.unwrap_or(answer.body.len()).min(answer.body.len());
        stream.write_all(&answer.body[..end])?;
        stream.flush()?;
        if answer.stall {
            std::thread::sleep(Duration::from_secs(2));
        }
    }
    Ok(())
}
