//! Workflows: listed, checked, saved, run.

use serde_json::Value;

use super::{Form, Request, Served, small};
use crate::run::{folder, relume};

const MINE: &str = "name = \"evening\"\n\n[[node]]\nid = \"photo\"\nkind = \"input\"\n\n[[node]]\n\
                    id = \"seen\"\nkind = \"diagnose\"\nimage = \"photo\"\n\n[[node]]\nid = \"tones\"\n\
                    kind = \"curve\"\nimage = \"photo\"\ngamma = 0.6\n\n[[node]]\nid = \"sheet\"\n\
                    kind = \"compare\"\nfirst = \"photo\"\nsecond = \"tones\"\n\n[[node]]\n\
                    id = \"better\"\nkind = \"choose\"\non = \"seen.verdict\"\n\
                    cases = { fine = \"photo\" }\notherwise = \"tones\"\n\n[[node]]\nid = \"result\"\n\
                    kind = \"output\"\nimage = \"better\"\n\n[[node]]\nid = \"both\"\n\
                    kind = \"output\"\nimage = \"sheet\"\nsuffix = \"sheet\"\nformat = \"jpg\"\n";

fn with_body(method: &str, path: &str, text: &str) -> Request {
    Request::new(method, path).header("Content-Type", "text/plain").body(text.as_bytes())
}

#[test]
fn workflows_and_nodes_are_listed() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let all = served.get("/v1/workflows").json();
    let find = |name: &str| all.as_array().unwrap().iter().find(|w| w["name"] == name).cloned();
    let photo = find("photo").unwrap();
    assert_eq!(
        (&photo["own"], &photo["takes"], &photo["ready"]),
        (&false.into(), &"photo".into(), &true.into())
    );
    assert_eq!(find("video-night").unwrap()["takes"], "video");
    assert_eq!(find("event").unwrap()["ready"], false);
    let shown = served.get("/v1/workflows/photo").json();
    assert!(shown["text"].as_str().unwrap().contains("[[node]]"));
    assert_eq!(shown["file"]["node"][0]["kind"], "input");
    served.get("/v1/workflows/nobody").assert_problem(404, "GET /v1/workflows");
    served.get("/v1/workflows/..%2fjobs").assert_problem(404, "no such workflow");
    let nodes = served.get("/v1/nodes").json();
    let nodes = nodes.as_array().unwrap();
    assert_eq!(nodes.len(), relume::workflow::NODES.len());
    let model = nodes.iter().find(|node| node["name"] == "model").unwrap();
    let setting = |name: &str| {
        let all = model["settings"].as_array().unwrap();
        all.iter().find(|setting| setting["name"] == name).cloned().unwrap()
    };
    assert_eq!(
        (&setting("strength")["minimum"], &setting("strength")["maximum"]),
        (&0.0.into(), &1.0.into())
    );
    assert_eq!(
        (&setting("brightness")["minimum"], &setting("model")["default"]),
        (&0.02.into(), &"lantern-s".into())
    );
    assert_eq!(model["schema"]["properties"]["kind"]["const"], "model");
    assert_eq!(model["inputs"][0]["type"], "image");
}

#[test]
fn a_check_names_line_and_remedy_of_everything_that_is_wrong() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let check = |text: &str| served.ask(&with_body("POST", "/v1/workflows/check", text));
    let good = check(MINE);
    assert_eq!(good.status, 200, "{}", good.text());
    let good = good.json();
    assert_eq!(
        (&good["name"], &good["takes"], &good["nodes"]),
        (&"evening".into(), &"photo".into(), &7.into())
    );
    assert_eq!(good["file"]["node"][4]["cases"]["fine"], "photo");
    let broken =
        check(&MINE.replace("image = \"photo\"\ngamma = 0.6", "image = \"phto\"\ngamma = 60"));
    broken.assert_problem(422, "phto");
    let faults = broken.json()["faults"].clone();
    let lines: Vec<_> =
        faults.as_array().unwrap().iter().map(|fault| fault["line"].as_u64()).collect();
    assert_eq!(lines, [Some(15), Some(16)], "{faults}");
    assert!(faults[0]["message"].as_str().unwrap().contains("did you mean \"photo\""));
    check("name = ").assert_problem(422, "TOML");
    check("").assert_problem(422, "no node");
    check(&"x".repeat(300_000)).assert_problem(413, "bytes");
    served
        .ask(&Request::new("POST", "/v1/workflows/check").body(b"\xff\xfe"))
        .assert_problem(400, "UTF-8");
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    check(&deep).assert_problem(422, "nested");
}

#[test]
fn a_workflow_is_saved_found_again_after_a_restart_and_removed() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let put = |served: &Served, name: &str, text: &str| {
        served.ask(&with_body("PUT", &format!("/v1/workflows/{name}"), text))
    };
    assert_eq!(put(&served, "evening", MINE).status, 201);
    assert_eq!(put(&served, "evening", &MINE.replace("0.6", "0.7")).status, 200);
    put(&served, "photo", MINE).assert_problem(409, "belongs to relume");
    put(&served, "Even%20ing", MINE).assert_problem(422, "small letters");
    put(&served, "..%2f..%2fevil", MINE).assert_problem(422, "small letters");
    put(&served, "broken", "name = ").assert_problem(422, "TOML");
    served.kill();
    let served = Served::start(folder.path(), &[]);
    let found = served.get("/v1/workflows/evening").json();
    assert!(found["text"].as_str().unwrap().contains("gamma = 0.7"));
    assert_eq!(found["own"], true);
    let path = "/v1/workflows/evening";
    assert_eq!(served.ask(&Request::new("DELETE", path)).status, 204);
    served.ask(&Request::new("DELETE", path)).assert_problem(404, "no such workflow");
    served.ask(&Request::new("DELETE", "/v1/workflows/night")).assert_problem(409, "relume");
}

#[test]
fn a_run_gives_the_programs_bytes_at_once_and_as_a_job() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    std::fs::write(folder.path().join("evening.toml"), MINE).unwrap();
    let changed = ["run", "evening.toml", "night.png", "--set", "tones.gamma=0.5"];
    let done = relume(folder.path(), &changed);
    assert_eq!(done.code, 0, "{}", done.words);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let form = Form::photo(&photo).field("text", MINE).field("set", "tones.gamma=0.5");
    let at_once = served.post("/v1/workflows/run?wait=true", &form);
    assert_eq!(at_once.status, 200, "{}", at_once.text());
    assert_eq!(at_once.body, read("night.relume.png"));
    assert_eq!(at_once.header("content-type"), Some("image/png"));
    let report: Value = serde_json::from_str(at_once.header("relume-report").unwrap()).unwrap();
    let nodes = report["nodes"].as_array().unwrap();
    assert!(nodes.iter().any(|node| node["id"] == "seen"), "{report}");
    let answer = served.post("/v1/workflows/run", &form.clone().file("photo", "b.png", &photo));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = served.finished(answer.json()["id"].as_str().unwrap());
    assert_eq!(
        (&job["state"], &job["settings"]["workflow"]),
        (&"done".into(), &"evening".into()),
        "{job}"
    );
    let names = |item: usize| job["photos"][item]["outputs"].clone();
    assert_eq!(names(0)[0]["name"], "night.relume.png");
    assert_eq!(names(0)[1]["name"], "night.relume.sheet.jpg");
    let path = format!("/v1/jobs/{}/result", job["id"].as_str().unwrap());
    assert_eq!(served.get(&format!("{path}?photo=0")).body, read("night.relume.png"));
    let sheet = served.get(&format!("{path}?photo=0&output=1"));
    assert_eq!(
        (sheet.body, sheet.head.contains("image/jpeg")),
        (read("night.relume.sheet.jpg"), true)
    );
    served.get(&format!("{path}?photo=0&output=2")).assert_problem(404, "no such file");
    let archive = served.get(&path).body;
    let archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    assert_eq!(archive.len(), 4);
    let named = Form::photo(&photo).field("workflow", "night");
    let by_name = served.post("/v1/workflows/run?wait=true", &named);
    relume(folder.path(), &["run", "night", "night.png", "-o", "named.png"]);
    assert_eq!(by_name.body, read("named.png"));
}

#[test]
fn what_cannot_run_is_refused_before_it_waits() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let secret = folder.path().join("night.png");
    let post = |form: &Form| {
        [served.post("/v1/workflows/run", form), served.post("/v1/workflows/run?wait=true", form)]
    };
    let steal = format!(
        "node = [{{id = 'photo', kind = 'input'}}, {{id = 's', kind = 'input', file = '{}'}}, \
         {{id = 'b', kind = 'compare', first = 'photo', second = 's'}}, \
         {{id = 'r', kind = 'output', image = 'b'}}]",
        secret.display()
    );
    let form = Form::photo(&photo);
    for (form, status, part) in [
        (form.clone(), 400, "name a workflow"),
        (form.clone().field("workflow", "nobody"), 404, "no such workflow"),
        (form.clone().field("text", "name = "), 422, "TOML"),
        (form.clone().field("text", &steal), 422, "came without files"),
        (
            form.clone()
                .field("workflow", "night")
                .field("set", "joint.model=/etc/passwd.safetensors"),
            422,
            "came without files",
        ),
        (form.clone().field("workflow", "event"), 422, "mirnet"),
        (form.clone().field("workflow", "video-night"), 422, "takes videos"),
        (form.clone().field("workflow", "night").field("strength", "1"), 400, "strength"),
        (Form::default().field("workflow", "night"), 400, "no photo"),
    ] {
        for answer in post(&form) {
            answer.assert_problem(status, part);
            assert!(!answer.text().contains("data/jobs"), "{}", answer.text());
        }
    }
    served.get("/v1/workflows/run").assert_problem(405, "methods");
    served.post("/v1/workflows/run?wait=perhaps", &form).assert_problem(400, "wait");
    assert_eq!(served.get("/v1/jobs").json().as_array().unwrap().len(), 0);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("data/jobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
