//! `relume serve` as programs and browsers meet it: a real process on a port of its own.

mod attacks;
mod jobs;
mod load;
mod mirnet;
mod rest;
mod survival;
mod videos;
mod workflows;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Size};
use serde_json::Value;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that ends with the test.
pub(super) struct Served {
    process: Child,
    pub(super) address: String,
    /// What it printed first.
    pub(super) url: String,
}

impl Served {
    /// Starts one on a free port, with its data in `folder`.
    pub(super) fn start(folder: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_relume"))
            .args(["--quiet", "serve", "--port", "0", "--data"])
            .arg(folder.join("data"))
            .args(more)
            .env("RELUME_HOME", folder.join("home"))
            .env_remove("RELUME_TOKEN")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        let address = address.replace("0.0.0.0", "127.0.0.1");
        Self { process, address, url }
    }

    /// Ends it at once, as a power cut does.
    pub(super) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end; the exit code.
    #[cfg(unix)]
    pub(super) fn terminate(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a request and reads the answer to its end.
    pub(super) fn ask(&self, request: &Request) -> Answer {
        request.send(&self.address)
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask(&Request::new("GET", path))
    }

    /// Sends a form with photos and fields.
    pub(super) fn post(&self, path: &str, form: &Form) -> Answer {
        self.ask(&Request::new("POST", path).form(form))
    }

    /// Makes a job and returns it.
    #[track_caller]
    pub(super) fn create(&self, form: &Form) -> Value {
        let answer = self.post("/v1/jobs", form);
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    /// Waits until a job is finished and returns it.
    #[track_caller]
    pub(super) fn finished(&self, id: &str) -> Value {
        let start = Instant::now();
        loop {
            let job = self.get(&format!("/v1/jobs/{id}")).json();
            if !matches!(job["state"].as_str(), Some("queued" | "running")) {
                return job;
            }
            assert!(start.elapsed() < PATIENCE, "{job}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A request, written as it goes over the wire. HTTP/1.0: the answer ends with the connection.
#[derive(Clone)]
pub(super) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn new(method: &str, path: &str) -> Self {
        Self { line: format!("{method} {path} HTTP/1.0"), headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self
    }

    pub(super) fn form(self, form: &Form) -> Self {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let mut request = self.header("Content-Type", &kind);
        request.body.clone_from(&form.body);
        request.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        request
    }

    pub(super) fn head(&self, address: &str) -> String {
        let has = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut head = format!("{}\r\n", self.line);
        if !has("Host") {
            head += &format!("Host: {address}\r\n");
        }
        if !has("Content-Length") {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    pub(super) fn send(&self, address: &str) -> Answer {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(self.head(address).as_bytes()).unwrap();
        // A server that has refused already does not read on.
        let _ = stream.write_all(&self.body);
        Answer::read(stream)
    }
}

/// What the server said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn read(mut stream: impl Read) -> Self {
        let mut bytes = Vec::new();
        // The connection may be reset after a refusal; what came until then counts.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Asserts a refusal with this status, as RFC 9457 has it, whose detail names `part`.
    #[track_caller]
    pub(super) fn assert_problem(&self, status: u16, part: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string());
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{detail:?} lacks {part:?}");
    }
}

const BOUNDARY: &str = "a-boundary-that-no-photo-holds";

/// A form, as browsers send it.
#[derive(Clone, Default)]
pub(super) struct Form {
    body: Vec<u8>,
}

impl Form {
    pub(super) fn photo(bytes: &[u8]) -> Self {
        Self::default().file("photo", "night.png", bytes)
    }

    pub(super) fn file(mut self, field: &str, name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    pub(super) fn field(mut self, name: &str, value: &str) -> Self {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        self.body.extend_from_slice(part.as_bytes());
        self
    }
}

/// A dark photo with noise; PNG or JPEG, as the name says.
pub(super) fn night(folder: &Path, name: &str, (width, height): (usize, usize)) -> PathBuf {
    let image = Image::from_fn(Size::new(width, height), |x, y| {
        let noise = ((x * 7919) ^ (y * 104_729)) % 97;
        let edge = if (x / 16 + y / 16) % 2 == 0 { 0.09 } else { 0.03 };
        [edge + noise as f32 / 4000.0, edge, edge * 0.8]
    });
    let path = folder.join(name);
    Photo::from_image(image).save(&path, &SaveOptions::default()).unwrap();
    path
}

/// Bytes of a small dark photo.
pub(super) fn small(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(night(folder, name, (96, 64))).unwrap()
}

/// What the program itself makes of a photo.
pub(super) fn by_program(folder: &Path, name: &str, more: &[&str]) -> Vec<u8> {
    let path = Path::new(name);
    let extension = path.extension().unwrap().to_str().unwrap();
    let output = format!("{}.by-program.{extension}", path.file_stem().unwrap().to_str().unwrap());
    let arguments = [&["restore", name, "-o", &output, "--overwrite"], more].concat();
    let outcome = crate::run::relume(folder, &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    std::fs::read(folder.join(output)).unwrap()
}
