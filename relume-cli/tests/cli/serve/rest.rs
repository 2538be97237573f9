//! Answers at once, lists, and what every answer carries.

use super::{Form, Request, Served, by_program, night, small};
use crate::run::folder;

#[test]
fn a_small_photo_is_restored_at_once_as_the_program_does_it() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    for (name, kind) in [("night.png", "image/png"), ("night.jpg", "image/jpeg")] {
        let photo = small(folder.path(), name);
        let form = Form::default().file("photo", name, &photo).field("strength", "0.5");
        let answer = served.post("/v1/restore", &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.body, by_program(folder.path(), name, &["--strength", "0.5"]), "{name}");
        let report: serde_json::Value =
            serde_json::from_str(answer.header("relume-report").unwrap()).unwrap();
        assert_eq!(report["report"]["strength"], 0.5);
        let saved = answer.header("content-disposition").unwrap();
        assert!(saved.contains("filename=\"night.relume."), "{saved}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path().join("data/jobs")).unwrap().collect();
    assert!(left.is_empty(), "an answer at once leaves nothing behind: {left:?}");
}

#[test]
fn a_photo_is_inspected_as_the_program_does_it() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let answer = served.post("/v1/inspect", &Form::photo(&photo)).json();
    let program =
        &crate::run::relume(folder.path(), &["inspect", "night.png", "--json"]).records()[0];
    for field in ["verdict", "reasons", "exposure", "noise", "size", "input"] {
        assert_eq!(answer[field], program[field], "{field}");
    }
}

#[test]
fn lists_health_and_description_answer() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let models = served.get("/v1/models").json();
    let find = |name: &str| models.as_array().unwrap().iter().find(|m| m["name"] == name).cloned();
    assert_eq!(find("lantern-s").unwrap()["ready"], true);
    assert_eq!(find("mirnet").unwrap()["ready"], false);
    assert!(find("clip").is_none(), "what makes no picture is not offered");
    assert!(served.get("/v1/metrics").json().as_array().unwrap().len() > 5);
    assert_eq!(served.get("/healthz").text(), "ok\n");
    let figures = served.get("/metrics").text();
    assert!(figures.contains("relume_requests_total") && !figures.contains("NaN"));
    let api = served.get("/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    let paths = api["paths"].as_object().unwrap();
    for path in [
        "/v1/restore",
        "/v1/jobs",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/frame",
        "/v1/workflows",
        "/v1/workflows/{name}",
        "/v1/workflows/check",
        "/v1/workflows/run",
        "/v1/nodes",
        "/enhance",
        "/batch_enhance",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
}

#[test]
fn the_page_comes_from_the_program_alone() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let mut bytes = 0;
    for path in ["/", "/docs.html", "/page.js", "/docs.js", "/shared.js", "/style.css", "/icon.svg"]
    {
        let answer = served.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let tag = answer.header("etag").unwrap().to_owned();
        let known = served.ask(&Request::new("GET", path).header("If-None-Match", &tag));
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        bytes += answer.body.len();
    }
    // Uncompressed already below what may go over the wire compressed.
    assert!(bytes < 200_000, "{bytes}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let form = Form::photo(&photo);
    let post = |form: &Form| served.post("/v1/restore", form);
    post(&Form::default()).assert_problem(400, "photo");
    post(&form.clone().field("strength", "2")).assert_problem(422, "0 to 1");
    post(&form.clone().field("model", "nobody")).assert_problem(422, "lantern-s");
    post(&form.clone().field("model", "mirnet")).assert_problem(422, "mirnet");
    post(&form.clone().field("colour", "red")).assert_problem(400, "colour");
    post(&form.clone().file("photo", "b.png", &photo)).assert_problem(413, "at most 1");
    post(&Form::photo(&photo[..photo.len() / 2])).assert_problem(422, "night.png");
    served.ask(&Request::new("POST", "/v1/restore")).assert_problem(415, "multipart");
    served.ask(&Request::new("PUT", "/v1/restore")).assert_problem(405, "methods");
    served.get("/v1/nothing").assert_problem(404, "docs.html");
    served.get("/v1/jobs?limit=x").assert_problem(400, "limit");
}

#[test]
fn too_many_pixels_for_an_answer_at_once_are_refused() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--max-megapixels", "1"]);
    let photo = std::fs::read(night(folder.path(), "large.png", (1200, 1000))).unwrap();
    served.post("/v1/restore", &Form::photo(&photo)).assert_problem(413, "1200×1000");
}

#[test]
fn progress_is_told_on_the_command_line_too() {
    let folder = folder();
    night(folder.path(), "night.png", (300, 200));
    let arguments = ["restore", "night.png", "--json", "--progress"];
    let records = crate::run::relume(folder.path(), &arguments).records();
    let percents: Vec<_> = records.iter().filter(|r| r["type"] == "progress").collect();
    assert!(!percents.is_empty());
    assert!(percents.iter().all(|r| r["input"] == "night.png"));
    assert_eq!(percents.last().unwrap()["percent"], 100);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_on_wish() {
    let folder = folder();
    night(folder.path(), "night.png", (1500, 1000));
    let limited = |megabytes| {
        crate::run::relume(folder.path(), &["inspect", "night.png", "--memory-limit", megabytes])
            .code
    };
    assert_eq!(limited("4000"), 0);
    assert_ne!(limited("30"), 0);
}
