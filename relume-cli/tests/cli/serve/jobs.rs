//! Jobs: made, followed, cancelled, tried again, downloaded.

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::{Form, PATIENCE, Request, Served, by_program, night, small};
use crate::run::folder;

fn id(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

#[test]
fn a_result_equals_the_programs_byte_for_byte() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.jpg");
    let job = served.create(&Form::default().file("photo", "night.jpg", &photo));
    let job = served.finished(id(&job));
    assert_eq!((&job["state"], &job["progress"]), (&"done".into(), &1.0.into()), "{job}");
    let result = served.get(&format!("/v1/jobs/{}/result", id(&job)));
    assert_eq!(result.body, by_program(folder.path(), "night.jpg", &[]));
    assert_eq!(result.header("content-type"), Some("image/jpeg"));
    let original = served.get(&format!("/v1/jobs/{}/original", id(&job)));
    assert_eq!(original.body, photo);
    assert!(original.header("content-security-policy").unwrap().contains("sandbox"));
}

#[test]
fn several_photos_come_back_as_zip_and_one_bad_one_stops_nobody() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let broken = &photo[..photo.len() / 2];
    let form = Form::default()
        .file("photo", "a.png", &photo)
        .file("photo", "../a.png", &photo)
        .file("photo", "broken.png", broken);
    let job = served.create(&form);
    let job = served.finished(id(&job));
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["photos"][2]["state"], "failed");
    let error = job["photos"][2]["error"].as_str().unwrap();
    assert!(error.starts_with("broken.png"), "{error}");
    let answer = served.get(&format!("/v1/jobs/{}/result", id(&job)));
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.body)).unwrap();
    let expected = by_program(folder.path(), "night.png", &[]);
    for name in ["a.relume.png", "a.relume-2.png"] {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, expected, "{name}");
    }
    assert_eq!(archive.len(), 2);
    let second = served.get(&format!("/v1/jobs/{}/result?photo=1", id(&job)));
    assert_eq!(second.body, expected);
    served.get(&format!("/v1/jobs/{}/result?photo=2", id(&job))).assert_problem(409, "failed");
    served.get(&format!("/v1/jobs/{}/result?photo=3", id(&job))).assert_problem(404, "photo");
}

/// The data of server-sent events until the stream ends.
fn events(served: &Served, path: &str, last: Option<&str>) -> Vec<(u64, Value)> {
    let mut request = Request::new("GET", path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.head(&served.address).as_bytes()).unwrap();
    let (mut found, mut version) = (Vec::new(), 0);
    for line in BufReader::new(stream).lines().map(Result::unwrap) {
        if let Some(text) = line.strip_prefix("id:") {
            version = text.trim().parse().unwrap();
        }
        if let Some(text) = line.strip_prefix("data:") {
            found.push((version, serde_json::from_str(text).unwrap()));
        }
    }
    found
}

#[test]
fn events_tell_a_job_to_its_end_and_go_on_after_a_break() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = std::fs::read(night(folder.path(), "night.png", (700, 500))).unwrap();
    let job = served.create(&Form::photo(&photo));
    let path = format!("/v1/jobs/{}/events", id(&job));
    let told = events(&served, &path, None);
    let (last, end) = told.last().unwrap();
    assert_eq!(end["state"], "done");
    assert!(told.windows(2).all(|two| two[0].0 < two[1].0), "versions grow");
    let progress: Vec<_> = told.iter().map(|(_, job)| job["progress"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert!(progress.iter().any(|share| (0.01..0.99).contains(share)), "{progress:?}");
    let again = events(&served, &path, Some(&(last - 1).to_string()));
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].1["state"], "done");
}

#[test]
fn a_job_is_cancelled_tried_again_and_removed() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let large = std::fs::read(night(folder.path(), "large.png", (2600, 2000))).unwrap();
    let (running, waiting) =
        (served.create(&Form::photo(&large)), served.create(&Form::photo(&large)));
    for job in [&waiting, &running] {
        let path = format!("/v1/jobs/{}", id(job));
        assert_eq!(served.ask(&Request::new("DELETE", &path)).status, 202);
        assert_eq!(served.finished(id(job))["state"], "cancelled");
        served.get(&format!("{path}/result")).assert_problem(409, "cancelled");
    }
    let path = format!("/v1/jobs/{}", id(&running));
    assert_eq!(served.ask(&Request::new("POST", &format!("{path}/retry"))).status, 202);
    assert_eq!(served.finished(id(&running))["state"], "done");
    served.ask(&Request::new("POST", &format!("{path}/retry"))).assert_problem(409, "again");
    assert_eq!(served.ask(&Request::new("DELETE", &path)).status, 204);
    served.get(&path).assert_problem(404, "no such job");
    assert!(!folder.path().join("data/jobs").join(id(&running)).exists());
    assert_eq!(served.get("/v1/jobs").json().as_array().unwrap().len(), 1);
}

#[test]
fn a_key_makes_a_request_count_once() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let post = |form: &Form| {
        let request = Request::new("POST", "/v1/jobs").form(form);
        served.ask(&request.header("Idempotency-Key", "abc"))
    };
    let first = post(&Form::photo(&photo));
    let again = post(&Form::photo(&photo));
    assert_eq!((first.status, again.status), (202, 200));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(first.header("location"), again.header("location"));
    post(&Form::photo(&photo).field("strength", "0.1")).assert_problem(422, "Idempotency-Key");
    assert_eq!(served.get("/v1/jobs").json().as_array().unwrap().len(), 1);
}

#[test]
fn two_jobs_of_one_name_do_not_meet() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let (one, other) = (small(folder.path(), "night.png"), night(folder.path(), "b.png", (64, 96)));
    let other = std::fs::read(other).unwrap();
    let jobs = [&one, &other].map(|photo| served.create(&Form::photo(photo)));
    let results = jobs.map(|job| {
        let job = served.finished(id(&job));
        served.get(&format!("/v1/jobs/{}/result", id(&job))).body
    });
    assert_eq!(results[0], by_program(folder.path(), "night.png", &[]));
    assert_eq!(results[1], by_program(folder.path(), "b.png", &[]));
}
