//! The two addresses that clients of the MIRNet system call.

use std::io::{Cursor, Read};

use super::{Form, Served, by_program, small};
use crate::run::folder;

#[test]
fn enhance_answers_with_a_png() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.png");
    let answer = served.post("/enhance", &Form::default().file("image", "event.png", &photo));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert!(answer.header("content-disposition").unwrap().contains("enhanced_image.png"));
    assert_eq!(answer.body, by_program(folder.path(), "night.png", &["--always"]));
}

#[test]
fn batch_enhance_answers_with_a_zip_of_pngs() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let photo = small(folder.path(), "night.jpg");
    let form = Form::default().file("images", "a.jpg", &photo).file("images", "a.jpg", &photo);
    for path in ["/batch_enhance", "/enhance_batch"] {
        let answer = served.post(path, &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut archive = zip::ZipArchive::new(Cursor::new(answer.body)).unwrap();
        for name in ["a.relume.png", "a.relume-2.png"] {
            let mut bytes = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            assert!(bytes.starts_with(b"\x89PNG"), "{name}");
        }
    }
}

#[test]
fn errors_have_the_words_of_old() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let none = served.post("/enhance", &Form::default().field("model", "lantern-s"));
    none.assert_problem(400, "image");
    assert_eq!(none.json()["error"], "No image provided");
    let none = served.post("/batch_enhance", &Form::default().field("model", "lantern-s"));
    assert_eq!(none.json()["error"], "No images provided");
    let words =
        served.post("/enhance", &Form::default().file("image", "a.jpg", b"no picture at all"));
    words.assert_problem(415, "a.jpg");
    assert!(words.json()["error"].is_string());
}
