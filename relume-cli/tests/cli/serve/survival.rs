//! Jobs outlive the server.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Form, PATIENCE, Request, Served, by_program, night, small};
#[cfg(target_os = "linux")]
use crate::hostile::{SmallDisk, noise};
use crate::run::{Dice, folder, times};

#[test]
fn jobs_are_done_after_the_server_was_killed_at_work() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let large = std::fs::read(night(folder.path(), "large.png", (2600, 2000))).unwrap();
    let little = small(folder.path(), "small.png");
    let jobs = [&large, &little, &little].map(|photo| {
        let name = if photo.len() == large.len() { "large.png" } else { "small.png" };
        let job = served.create(&Form::default().file("photo", name, photo));
        (job["id"].as_str().unwrap().to_owned(), name)
    });
    wait_for(&served, &jobs[0].0, "running");
    std::thread::sleep(Duration::from_millis(300));
    served.kill();
    // An upload that was cut off has left a folder.
    let cut = folder.path().join("data/jobs").join("0123456789abcdef0123456789abcdef");
    std::fs::create_dir(&cut).unwrap();
    let served = Served::start(folder.path(), &[]);
    assert!(!cut.exists());
    for (id, name) in &jobs {
        let job = served.finished(id);
        assert_eq!(job["state"], "done", "{job}");
        let result = served.get(&format!("/v1/jobs/{id}/result"));
        assert_eq!(result.body, by_program(folder.path(), name, &[]), "{name}");
    }
    assert_eq!(served.finished(&jobs[0].0)["attempts"], 2);
    assert_eq!(served.finished(&jobs[1].0)["attempts"], 1);
}

#[test]
fn random_kills_lose_no_job_and_leave_no_half_result() {
    let folder = folder();
    let photo = small(folder.path(), "night.png");
    let truth = by_program(folder.path(), "night.png", &[]);
    let (mut dice, mut accepted, mut interrupted) = (Dice(3), Vec::new(), 0);
    let kills = times("RELUME_KILLS", 6);
    for _ in 0..kills {
        let served = Served::start(folder.path(), &["--queue", "1000"]);
        accepted.push(served.create(&Form::photo(&photo))["id"].as_str().unwrap().to_owned());
        // Now and then in the middle of an upload.
        if dice.below(3) == 0 {
            let request = Request::new("POST", "/v1/jobs").form(&Form::photo(&photo));
            let mut stream = TcpStream::connect(&served.address).unwrap();
            stream.write_all(request.head(&served.address).as_bytes()).unwrap();
            stream.write_all(&photo[..photo.len() / 2]).unwrap();
            interrupted += 1;
        }
        std::thread::sleep(Duration::from_millis(dice.below(250) as u64));
        served.kill();
    }
    let served = Served::start(folder.path(), &[]);
    let mut given_up = 0;
    for id in &accepted {
        let mut job = served.finished(id);
        if job["state"] == "failed" {
            // Three ends in the middle of it: it could be what ends the server.
            assert!(job["error"].as_str().unwrap().contains("given up"), "{job}");
            given_up += 1;
            assert_eq!(
                served.ask(&Request::new("POST", &format!("/v1/jobs/{id}/retry"))).status,
                202
            );
            job = served.finished(id);
        }
        assert_eq!(job["state"], "done", "{job}");
        let result = served.get(&format!("/v1/jobs/{id}/result"));
        assert!(result.body == truth, "{id}");
    }
    let folders = std::fs::read_dir(folder.path().join("data/jobs")).unwrap().count();
    assert_eq!(folders, accepted.len(), "uploads that were cut off are swept");
    println!("serve: {kills} killed, {interrupted} of them in an upload, {given_up} jobs given up");
}

#[cfg(unix)]
#[test]
fn a_server_that_is_asked_to_end_ends_and_keeps_its_jobs() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let large = std::fs::read(night(folder.path(), "large.png", (2600, 2000))).unwrap();
    let job = served.create(&Form::photo(&large));
    let id = job["id"].as_str().unwrap();
    wait_for(&served, id, "running");
    assert_eq!(served.terminate(), Some(0));
    let served = Served::start(folder.path(), &[]);
    let job = served.finished(id);
    assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "{job}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let Some(disk) = SmallDisk::mount("1500k") else { return };
    let folder = folder();
    let served = Served::start(disk.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let large = folder.path().join("large.png");
    noise(&large, 1100);
    let large = std::fs::read(large).unwrap();
    assert!(large.len() > 1_600_000, "{}", large.len());
    for _ in 0..2 {
        served.post("/v1/jobs", &Form::photo(&large)).assert_problem(507, "disk");
        let job = served.create(&Form::photo(&photo));
        assert_eq!(served.finished(job["id"].as_str().unwrap())["state"], "done");
    }
    let folders = std::fs::read_dir(disk.path().join("data/jobs")).unwrap().count();
    assert_eq!(folders, 2);
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let folder = folder();
    let _served = Served::start(folder.path(), &[]);
    let data = folder.path().join("data");
    let arguments = ["serve", "--port", "0", "--data", data.to_str().unwrap()];
    crate::run::relume(folder.path(), &arguments).assert_one_error(4, &["another relume serve"]);
}

fn wait_for(served: &Served, id: &str, state: &str) {
    let start = Instant::now();
    while served.get(&format!("/v1/jobs/{id}")).json()["state"] != state {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
}
