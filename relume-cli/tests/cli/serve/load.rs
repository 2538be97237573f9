//! Many clients at a time, and a queue that is full.

use std::time::Duration;

use super::{Form, Request, Served, by_program, night, small};
use crate::run::folder;

/// Resident memory of a process in bytes.
#[cfg(target_os = "linux")]
fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_full_queue_says_when_to_come_back_and_loses_nothing() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--queue", "2"]);
    let large = std::fs::read(night(folder.path(), "large.png", (2600, 2000))).unwrap();
    let photo = small(folder.path(), "night.png");
    let first = served.create(&Form::photo(&large));
    let mut taken = Vec::new();
    let refused = (0..8).find_map(|_| {
        let answer = served.post("/v1/jobs", &Form::photo(&photo));
        match answer.status {
            202 => {
                taken.push(answer.json()["id"].as_str().unwrap().to_owned());
                None
            }
            _ => Some(answer),
        }
    });
    let refused = refused.expect("the queue has an end");
    refused.assert_problem(503, "queue");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(served.finished(first["id"].as_str().unwrap())["state"], "done");
    for id in taken {
        assert_eq!(served.finished(&id)["state"], "done");
    }
}

#[test]
fn sixteen_clients_get_what_is_theirs() {
    // 50 photos each are the real thing: RELUME_LOAD=50. A few are enough to see order kept.
    let each = std::env::var("RELUME_LOAD").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let folder = folder();
    let served = Served::start(folder.path(), &["--queue", "40"]);
    let photos = ["a.png", "b.png"].map(|name| {
        let side = if name == "a.png" { 40 } else { 56 };
        let photo = std::fs::read(night(folder.path(), name, (side, 40))).unwrap();
        (photo, by_program(folder.path(), name, &[]))
    });
    let client = |number: usize| {
        for round in 0..each {
            let (photo, expected) = &photos[(number + round) % 2];
            let form = Form::photo(photo);
            let request = Request::new("POST", "/v1/jobs").form(&form);
            let request = request.header("Idempotency-Key", &format!("{number}-{round}"));
            let job = loop {
                let answer = served.ask(&request);
                match answer.status {
                    202 => break answer.json(),
                    503 => std::thread::sleep(Duration::from_millis(100)),
                    _ => panic!("{}", answer.text()),
                }
            };
            let id = job["id"].as_str().unwrap();
            assert_eq!(served.finished(id)["state"], "done");
            assert_eq!(&served.get(&format!("/v1/jobs/{id}/result")).body, expected);
        }
    };
    std::thread::scope(|scope| {
        (0..16).for_each(|number| drop(scope.spawn(move || client(number))));
    });
    assert_eq!(served.get("/v1/jobs?limit=1000").json().as_array().unwrap().len(), 16 * each);
    #[cfg(target_os = "linux")]
    assert!(memory(served.id()) < 200_000_000, "{}", memory(served.id()));
}
