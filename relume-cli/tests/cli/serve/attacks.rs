//! What hostile pages, programs and files try.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Answer, Form, Request, Served, by_program, small};
use crate::hostile::huge_png;
use crate::run::folder;

#[test]
fn a_foreign_host_is_misdirected() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--allow-host", "photos.example"]);
    let ask = |path: &str, host: &str| served.ask(&Request::new("GET", path).header("Host", host));
    for path in ["/", "/v1/jobs", "/healthz"] {
        ask(path, "evil.example").assert_problem(421, "--allow-host");
        ask(path, "127.0.0.1.evil.example:7860").assert_problem(421, "--allow-host");
        assert_eq!(ask(path, "photos.example").status, 200, "{path}");
        assert_eq!(ask(path, "localhost:7860").status, 200, "{path}");
    }
}

#[test]
fn other_sites_cannot_post_or_read() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let form = Form::photo(&small(folder.path(), "night.png"));
    let post = |header: &str, value: &str| {
        served.ask(&Request::new("POST", "/v1/jobs").form(&form).header(header, value))
    };
    post("Origin", "http://evil.example").assert_problem(403, "other sites");
    post("Origin", "null").assert_problem(403, "other sites");
    post("Origin", "http://127.0.0.1:1").assert_problem(403, "other sites");
    post("Sec-Fetch-Site", "cross-site").assert_problem(403, "other sites");
    post("Sec-Fetch-Site", "same-site").assert_problem(403, "other sites");
    let image = Request::new("GET", "/v1/jobs").header("Sec-Fetch-Site", "cross-site");
    served.ask(&image).assert_problem(403, "other sites");
    assert_eq!(post("Origin", &format!("http://{}", served.address)).status, 202);
    let answer = served.get("/v1/jobs");
    assert!(answer.header("access-control-allow-origin").is_none());
    assert_eq!(answer.json().as_array().unwrap().len(), 1);
}

#[test]
fn beyond_this_machine_the_token_is_asked_for() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--host", "0.0.0.0"]);
    let token = served.url.split("#token=").nth(1).expect("a token in the printed address");
    served.get("/v1/jobs").assert_problem(401, "Bearer");
    served.get("/openapi.json").assert_problem(401, "Bearer");
    assert_eq!(served.get("/").status, 200);
    let with = |name: &str, value: &str| {
        served.ask(&Request::new("GET", "/v1/jobs").header(name, value)).status
    };
    assert_eq!(with("Authorization", &format!("Bearer {token}")), 200);
    assert_eq!(with("Authorization", &format!("Bearer {}", &token[1..])), 401);
    let session = Request::new("POST", "/v1/session");
    served.ask(&session).assert_problem(401, "Bearer");
    let session = served.ask(&session.header("Authorization", &format!("Bearer {token}")));
    let cookie = session.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(with("Cookie", cookie.split(';').next().unwrap()), 200);
    let weak = ["serve", "--port", "0", "--token", "guess"];
    crate::run::relume(folder.path(), &weak).assert_one_error(2, &["16 characters"]);
}

#[test]
fn names_lead_nowhere() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    for name in ["../../../evil.png", "/tmp/evil.png", "..\\..\\evil.png", "a/../../evil.png"] {
        let job = served.create(&Form::default().file("photo", name, &photo));
        let job = served.finished(job["id"].as_str().unwrap());
        assert_eq!(job["photos"][0]["name"], "evil.png", "{name}");
        assert_eq!(job["photos"][0]["result"], "evil.relume.png", "{name}");
    }
    assert!(
        !folder.path().join("evil.png").exists() && !folder.path().join("data/evil.png").exists()
    );
}

#[test]
fn ids_are_not_guessed_and_no_paths() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let job = served.create(&Form::photo(&small(folder.path(), "night.png")));
    assert_eq!(job["id"].as_str().unwrap().len(), 32);
    let paths = [
        "/v1/jobs/1",
        "/v1/jobs/..",
        "/v1/jobs/%2e%2e/result",
        "/v1/jobs/..%2f..%2fjobs.sqlite/result",
        "/v1/jobs/%2Fetc%2Fpasswd/original",
        "/v1/jobs/00000000000000000000000000000000",
        "/../../etc/passwd",
        "/assets/../../jobs.sqlite",
    ];
    for path in paths {
        assert_eq!(served.get(path).status, 404, "{path}");
    }
}

#[test]
fn what_is_no_photo_is_refused_and_leaves_nothing() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let post = |name: &str, bytes: &[u8]| {
        let form = Form::default().file("photo", name, bytes);
        [served.post("/v1/jobs", &form), served.post("/v1/restore", &form)]
    };
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let cases: [(&str, &[u8]); 5] = [
        ("a.svg", svg),
        ("a.png", svg),
        ("a.jpg", b"<!doctype html><script>alert(1)</script>"),
        ("a.png", b"GIF89a\x01\0\x01\0\0\0\0;;;;;;"),
        ("a.jpg", b""),
    ];
    for (name, bytes) in cases {
        post(name, bytes).iter().for_each(|answer| answer.assert_problem(415, name));
    }
    post("a.png", &huge_png()).iter().for_each(|answer| answer.assert_problem(413, "60000×60000"));
    let left: Vec<_> = std::fs::read_dir(folder.path().join("data/jobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_file_that_is_two_things_is_a_photo_and_nothing_else() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let mut photo = small(folder.path(), "night.jpg");
    photo.extend_from_slice(b"<html><script>alert(1)</script></html>");
    std::fs::write(folder.path().join("two.jpg"), &photo).unwrap();
    let job = served.create(&Form::default().file("photo", "page.html", &photo));
    let job = served.finished(job["id"].as_str().unwrap());
    for what in ["original", "result"] {
        let answer = served.get(&format!("/v1/jobs/{}/{what}", job["id"].as_str().unwrap()));
        assert_eq!(answer.header("content-type"), Some("image/jpeg"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
        assert!(answer.header("content-security-policy").unwrap().contains("sandbox"));
    }
    let result = served.get(&format!("/v1/jobs/{}/result", job["id"].as_str().unwrap()));
    assert_eq!(result.body, by_program(folder.path(), "two.jpg", &[]));
}

#[test]
fn ten_gigabytes_are_refused_early() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--max-upload", "1"]);
    // What is announced is refused before anything of it came.
    let request = Request::new("POST", "/v1/jobs").form(&Form::default());
    let head =
        request.head(&served.address).replace("Content-Length: ", "Content-Length: 99999999");
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    Answer::read(stream).assert_problem(413, "1 MB");
    // What is not announced is refused when it is too much.
    let mut photo = small(folder.path(), "night.png");
    photo.resize(3_000_000, 0);
    let form = Form::photo(&photo);
    let chunked = Request::new("POST", "/v1/jobs").form(&form);
    let head = chunked.head(&served.address).replace("HTTP/1.0", "HTTP/1.1");
    let head: String = head
        .lines()
        .filter(|line| !line.starts_with("Content-Length"))
        .collect::<Vec<_>>()
        .join("\r\n");
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        head.trim_end().to_owned() + "\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    for piece in form.body.chunks(60_000) {
        let sent = write!(stream, "{:x}\r\n", piece.len())
            .and_then(|()| stream.write_all(piece))
            .and_then(|()| stream.write_all(b"\r\n"));
        if sent.is_err() {
            break;
        }
    }
    assert_eq!(Answer::read(stream).status, 413);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("data/jobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_head_of_a_part_cannot_fill_the_memory() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--max-upload", "400"]);
    let head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 300000000\r\n\r\n\
                --B\r\nX: ";
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'a'; 1 << 20];
    // The server refuses long before all of it came.
    let sent = (0..280).take_while(|_| stream.write_all(&piece).is_ok()).count();
    let answer = Answer::read(stream);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("head without an end"), "{}", answer.text());
    assert!(sent < 100, "{sent} MB were taken");
    let many = (0..1200).fold(Form::default(), |form, _| form.field("model", "sem"));
    served.post("/v1/jobs", &many).assert_problem(413, "parts");
}

#[test]
fn slow_clients_hold_nobody_up() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--patience", "1"]);
    let form = Form::photo(&small(folder.path(), "night.png"));
    let mut slow: Vec<_> = (0..20).map(|_| TcpStream::connect(&served.address).unwrap()).collect();
    let request = Request::new("POST", "/v1/jobs").form(&form);
    for (number, stream) in slow.iter_mut().enumerate() {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = request.head(&served.address);
        // Half of them stop in the head, half in the body.
        let end = if number % 2 == 0 { head.len() / 2 } else { head.len() };
        stream.write_all(&head.as_bytes()[..end]).unwrap();
    }
    let start = Instant::now();
    assert_eq!(served.get("/healthz").status, 200);
    assert!(start.elapsed() < Duration::from_secs(5));
    Answer::read(slow.swap_remove(1)).assert_problem(408, "in time");
    let mut closed = slow.swap_remove(0);
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut closed, &mut rest).expect("closed by the server");
}
