//! Weights from servers, good and bad.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::run::{Outcome, folder, names, relume_with};
use crate::server::{Answer, Asked, Server};

/// Something worth downloading.
fn file() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn models(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let all = [&[("HF_HUB_DOWNLOAD_TIMEOUT", "0.5")], variables].concat();
    relume_with(folder, &all, &[&["models"], arguments].concat())
}

fn pull(folder: &Path, arguments: &[&str]) -> Outcome {
    models(folder, &[], &[&["pull"], arguments].concat())
}

/// The path that was printed, and that it holds the file.
#[track_caller]
fn assert_pulled(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let path = std::str::from_utf8(&outcome.out).unwrap().trim().to_owned();
    assert!(fs::read(&path).unwrap() == file(), "{path} holds something else");
    path
}

fn unfinished(folder: &Path) -> usize {
    names(folder).iter().filter(|name| name.ends_with(".incomplete")).count()
}

#[test]
fn a_whole_file_comes_once_and_can_be_checked_and_removed() {
    let folder = folder();
    let server = Server::start(|_, asked| Answer::file(asked, &file()));
    let url = format!("{}/net.pth", server.url);
    let path = assert_pulled(&pull(folder.path(), &[&url, "--sha256", &sha256(&file())]));
    assert!(path.ends_with("net.pth") && unfinished(folder.path()) == 0);
    assert_eq!(assert_pulled(&pull(folder.path(), &[&url])), path);
    assert_eq!(assert_pulled(&pull(folder.path(), &[&url, "--offline"])), path);
    assert_eq!(server.asked("GET").len(), 1);

    let run = |verb: &str| models(folder.path(), &[], &[verb, &url]);
    assert_eq!(assert_pulled(&run("path")), path);
    assert_eq!(run("verify").code, 0);
    fs::write(&path, b"other").unwrap();
    run("verify").assert_one_error(5, &["damaged", "rm"]);
    assert_eq!(run("rm").code, 0);
    assert!(names(folder.path()).is_empty());
    run("path").assert_one_error(5, &["not in the cache", "pull"]);
    pull(folder.path(), &[&url, "--offline"]).assert_one_error(5, &["without --offline"]);
}

#[test]
fn a_cut_off_download_goes_on_by_itself_and_by_the_next_run() {
    let folder = folder();
    let server = Server::start(|_, asked| Answer::file(asked, &file()).cut(100_000));
    let url = format!("{}/net.pth", server.url);
    assert_pulled(&pull(folder.path(), &[&url]));
    let starts: Vec<_> = server.asked("GET").iter().map(|asked| asked.start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(200_000)]);

    // The first run gets nothing more after 60000 bytes; the second gets the rest.
    let server = Server::start(|before, asked| match (asked.method.as_str(), before) {
        ("GET", 1) => Answer::file(asked, &file()).cut(60_000),
        ("GET", 2) => Answer::file(asked, &file()).cut(0),
        _ => Answer::file(asked, &file()),
    });
    let url = format!("{}/net.pth", server.url);
    pull(folder.path(), &[&url]).assert_one_error(5, &["cut off", "goes on where it stopped"]);
    assert_eq!(unfinished(folder.path()), 1);
    assert_pulled(&pull(folder.path(), &[&url]));
    assert_eq!(server.asked("GET").last().unwrap().start, Some(60_000));
    assert_eq!(unfinished(folder.path()), 0);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let folder = folder();
    let server = Server::start(|before, asked| {
        let whole = Asked { start: None, ..asked.clone() };
        let answer = Answer::file(&whole, &file());
        if before < 2 { answer.cut(100_000) } else { answer }
    });
    assert_pulled(&pull(folder.path(), &[&format!("{}/net.pth", server.url)]));
    assert_eq!(server.asked("GET").len(), 2);
    assert_eq!(server.asked("GET")[1].start, Some(100_000));
}

#[test]
fn a_wrong_hash_leaves_nothing() {
    let folder = folder();
    let server = Server::start(|_, asked| Answer::file(asked, &file()));
    let url = format!("{}/net.pth", server.url);
    let wrong = "0".repeat(64);
    pull(folder.path(), &[&url, "--sha256", &wrong])
        .assert_one_error(5, &["SHA-256", &wrong, "removed"]);
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    assert_pulled(&pull(folder.path(), &[&url]));
    pull(folder.path(), &[&url, "--sha256", &wrong]).assert_one_error(5, &[&wrong]);
    assert_eq!(pull(folder.path(), &[&url, "--sha256", "12"]).code, 2);
}

#[test]
fn silent_servers_and_refusals_are_one_clear_error() {
    let folder = folder();
    let server = Server::start(|_, asked| match asked.path.as_str() {
        "/silent" => Answer::file(asked, &file()).cut(50_000).stall(),
        "/round" => Answer::new(302, &[("Location", "/round")], b""),
        "/huge" => Answer::new(200, &[("Content-Length", "9000000000000")], b"x"),
        "/broken" => Answer::new(500, &[], b""),
        _ => Answer::new(404, &[], b"no"),
    });
    let at = |path: &str| format!("{}{path}", server.url);
    let refuse = |path: &str, parts: &[&str]| {
        pull(folder.path(), &[&at(path)]).assert_one_error(5, parts);
    };
    refuse("/none", &["404", "check the name"]);
    refuse("/broken", &["500", "later"]);
    refuse("/round", &["without end"]);
    refuse("/huge", &["--max-size"]);
    assert!(names(folder.path()).is_empty());
    refuse("/silent", &["silent for 0.5 s", "goes on where it stopped"]);
    pull(folder.path(), &["http://127.0.0.1:1/net.pth"]).assert_one_error(5, &["127.0.0.1:1"]);
    pull(folder.path(), &["lamp"]).assert_one_error(5, &["lamp", "lantern-s", "hf:"]);
    let ours = pull(folder.path(), &["lantern-s"]);
    assert!(ours.code == 0 && ours.words.contains("inside the program"), "{}", ours.words);
}

/// A server that answers as Hugging Face does: headers first, the file at another address.
fn hugging_face(other: String) -> Server {
    Server::start(move |_, asked| match asked.path.as_str() {
        "/org/net/resolve/main/deep/net.pth" => {
            let (tag, to) = (format!("\"{}\"", sha256(&file())), format!("{other}/blob"));
            let commit = "c".repeat(40);
            let size = file().len().to_string();
            let headers = [
                ("Location", to.as_str()),
                ("X-Linked-Etag", &tag),
                ("X-Linked-Size", &size),
                ("X-Repo-Commit", &commit),
            ];
            Answer::new(302, &headers, b"")
        }
        "/org/old/resolve/main/deep/net.pth" => {
            Answer::new(307, &[("Location", "/org/net/resolve/main/deep/net.pth")], b"")
        }
        _ => Answer::new(401, &[], b""),
    })
}

#[test]
fn files_of_hugging_face_lie_where_its_programs_look() {
    let folder = folder();
    let storage = Server::start(|_, asked| Answer::file(asked, &file()).cut(200_000));
    let server = hugging_face(storage.url.clone());
    let variables = [("HF_ENDPOINT", server.url.as_str()), ("HF_TOKEN", "secret")];
    let run = |arguments: &[&str]| models(folder.path(), &variables, arguments);
    let name = "hf:org/net/deep/net.pth";
    let path = assert_pulled(&run(&["pull", name]));
    let commit = "c".repeat(40);
    let hub = folder.path().join("hf/hub/models--org--net");
    assert_eq!(Path::new(&path), hub.join("snapshots").join(&commit).join("deep/net.pth"));
    assert_eq!(fs::read_to_string(hub.join("refs/main")).unwrap(), commit);
    assert!(hub.join("blobs").join(sha256(&file())).is_file());
    assert_eq!(server.asked("HEAD")[0].authorization.as_deref(), Some("Bearer secret"));
    assert_eq!(storage.asked("GET").len(), 2);
    #[cfg(unix)]
    {
        let link = fs::read_link(&path).unwrap();
        assert_eq!(link, Path::new("../../../blobs").join(sha256(&file())));
    }

    assert_pulled(&run(&["pull", name]));
    assert_eq!(storage.asked("GET").len(), 2, "it was there already");
    let offline = [("HF_HUB_OFFLINE", "1")];
    let asked = server.asked("HEAD").len();
    assert_eq!(assert_pulled(&models(folder.path(), &offline, &["pull", name])), path);
    assert_eq!(server.asked("HEAD").len(), asked);
    assert_eq!(run(&["verify", name]).code, 0);
    assert_eq!(run(&["rm", name]).code, 0);
    assert!(!hub.join("blobs").join(sha256(&file())).exists());

    let cache = folder.path().join("other");
    let variables = [variables[0], ("HF_HUB_CACHE", cache.to_str().unwrap())];
    let renamed = ["pull", "hf:org/old/deep/net.pth"];
    assert!(assert_pulled(&models(folder.path(), &variables, &renamed)).contains("other"));
    run(&["pull", "hf:org/closed/net.pth"]).assert_one_error(5, &["401", "HF_TOKEN"]);
    assert_eq!(run(&["pull", "hf:org/../net.pth"]).code, 2);
}

#[test]
fn a_lying_server_leaves_nothing_in_the_snapshot() {
    let folder = folder();
    let storage = Server::start(|_, asked| {
        let mut other = file();
        other[7] ^= 1;
        Answer::file(asked, &other)
    });
    let server = hugging_face(storage.url.clone());
    let variables = [("HF_ENDPOINT", server.url.as_str()), ("HF_TOKEN", "secret")];
    let outcome = models(folder.path(), &variables, &["pull", "hf:org/net/deep/net.pth"]);
    outcome.assert_one_error(5, &["SHA-256", "removed"]);
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    assert!(storage.asked("GET").iter().all(|asked| asked.authorization.is_none()));
}
