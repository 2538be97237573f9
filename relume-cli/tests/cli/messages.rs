//! Every message about a stranger's file or a hard day, kept in `messages.txt` so that somebody
//! has read it once for its cause and its remedy. `RELUME_BLESS=1` writes the file anew.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, PhotoFormat, Size};

use crate::hostile::huge_png;
use crate::run::{folder, picture, relume};

/// Files of a stranger, and what is done with each.
fn strangers(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let photo = Photo::from_image(Image::from_fn(Size::new(64, 48), |x, y| {
        [x as f32 / 64.0, y as f32 / 48.0, 0.25]
    }));
    for format in PhotoFormat::ALL {
        let extension = format.extensions()[0];
        let bytes = photo.encode(format, &SaveOptions::default()).unwrap().0;
        write(&format!("cut.{extension}"), &bytes[..bytes.len() / 2]);
        let mut hurt = bytes.clone();
        hurt[4..40].fill(0xff);
        write(&format!("hurt.{extension}"), &hurt);
    }
    write("empty.jpg", b"");
    write("words.jpg", b"dear diary");
    write("phone.jpg", b"\0\0\0\x18ftypheic");
    write("film.jpg", b"\0\0\0\x18ftypmp42");
    write("loop.gif", b"GIF89a\x01\0\x01\0\0\0\0;");
    write("drawing.svg", b"<svg/>");
    write("huge.png", &huge_png());
    fs::create_dir(folder.join("empty")).unwrap();
    fs::create_dir(folder.join("album")).unwrap();
    picture(&folder.join("a.png"));
    picture(&folder.join("a.relume.png"));
    fs::write(folder.join("file"), b"").unwrap();
    write("w.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x00{");
    write("web.pth", b"<!DOCTYPE html>");
    write("code.pth", b"\x80\x02cos\nsystem\n.");
    write("zip.pth", b"PK\x05\x06");
    write("array.npy", b"\x93NUMPY\x01\0");
    write("broken.toml", b"[[node]]\nid = ");
    write("odd.toml", b"[[node]]\nid = \"a\"\nkind = \"sharpenn\"\n");
    write("away.toml", b"[[node]]\nid='a'\nkind='input'\n[[node]]\nid='b'\nkind='output'\nimage='a'\nsuffix='/../x'\n");
    write("many.toml", "[[node]]\nid='a'\nkind='input'\n".repeat(1001).as_bytes());
    write("large.toml", &b"#\n".repeat(1 << 20));
    write("enlarge.toml", b"[[node]]\nid='a'\nkind='input'\n[[node]]\nid='b'\nkind='resize'\nimage='a'\nscale=8\n[[node]]\nid='c'\nkind='resize'\nimage='b'\nscale=8\n[[node]]\nid='d'\nkind='resize'\nimage='c'\nscale=8\n[[node]]\nid='e'\nkind='resize'\nimage='d'\nscale=8\n[[node]]\nid='f'\nkind='output'\nimage='e'\n");
    write("stream.y4m", b"YUV4MPEG2 W400000 H400000 F25:1 C420\n");
}

fn cases() -> Vec<Vec<String>> {
    let mut cases = Vec::new();
    let mut add = |line: &str| cases.push(line.split(' ').map(str::to_owned).collect());
    for format in PhotoFormat::ALL {
        let extension = format.extensions()[0];
        add(&format!("restore cut.{extension} -o out.png"));
        add(&format!("restore hurt.{extension} -o out.png"));
    }
    for line in [
        "restore empty.jpg",
        "restore words.jpg",
        "restore phone.jpg",
        "restore film.jpg",
        "restore loop.gif",
        "restore drawing.svg",
        "restore huge.png",
        "restore missing.jpg",
        "restore empty",
        "restore a.png",
        "restore a.png -o a.png",
        "restore a.png -o file/b.png",
        "restore a.png -o out.xyz",
        "restore a.png -o /proc/b.png",
        "restore a.png -o /dev/full --overwrite",
        "restore a.png album -o one.png",
        "restore a.png -o out.png --model nothing",
        "restore a.png -o out.png --model w.safetensors",
        "restore a.png -o out.png --model /dev/zero",
        "models import web.pth --as zero-dce -o out.safetensors",
        "models import code.pth --as zero-dce -o out.safetensors",
        "models import zip.pth --as zero-dce -o out.safetensors",
        "models import array.npy --as zero-dce -o out.safetensors",
        "models import empty --as zero-dce -o out.safetensors",
        "models import missing.pth --as zero-dce -o out.safetensors",
        "run broken.toml a.png -o out.png",
        "run odd.toml a.png -o out.png",
        "run away.toml a.png -o out.png",
        "run many.toml a.png -o out.png",
        "run large.toml a.png -o out.png",
        "run enlarge.toml a.png -o out.png",
        "run missing.toml a.png -o out.png",
        "run ./empty a.png -o out.png",
        "score a.png words.jpg",
        "degrade words.jpg -o out.png",
        "video stream.y4m -o out.y4m",
        "video - -o out.y4m",
    ] {
        add(line);
    }
    cases
}

#[test]
fn every_message_was_read_once() {
    let folder = folder();
    let root = folder.path();
    strangers(root);
    let mut text = String::new();
    for case in cases() {
        let arguments: Vec<&str> = case.iter().map(String::as_str).collect();
        let outcome = relume(root, &arguments);
        let words = outcome.words.replace(&root.display().to_string(), "FOLDER");
        // Every new model would be in the list.
        let words = match words.split_once("there is alen") {
            Some((before, _)) => format!("{before}there is …"),
            None => words,
        };
        text += &format!("$ relume {}\n[{}] {}\n", case.join(" "), outcome.code, words.trim_end());
        let _ = fs::remove_file(root.join("out.png"));
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/messages.txt");
    if std::env::var_os("RELUME_BLESS").is_some() {
        fs::write(&kept, &text).unwrap();
    }
    let expected = fs::read_to_string(&kept).unwrap();
    let difference = text.lines().zip(expected.lines()).find(|(now, then)| now != then);
    assert!(text == expected, "read the new message, then RELUME_BLESS=1: {difference:?}");
}
