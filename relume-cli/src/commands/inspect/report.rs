//! `relume inspect --report`: the diagnosis as a page or as one picture.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use relume::Diagnosis;
use relume::diagnose::{Panel, panels, sheet};
use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::photo::SaveOptions;
use relume_media::{Photo, PhotoFormat};

use crate::exit::Failure;

/// Whether a report can have this name.
pub(super) fn is_known(path: &Path) -> bool {
    matches!(path.extension().and_then(|kind| kind.to_str()), Some("html" | "png"))
}

/// What a report says of one picture.
pub(super) struct Entry {
    name: String,
    lines: Vec<String>,
    panels: Vec<Panel>,
}

impl Entry {
    pub(super) fn of(name: &str, photo: &Photo, diagnosis: &Diagnosis, lines: &[String]) -> Self {
        let panels = panels(&photo.image, diagnosis);
        Self { name: name.to_owned(), lines: lines.to_vec(), panels }
    }
}

/// Writes a report; as a picture, of the first entry alone.
pub(super) fn write(path: &Path, entries: &[Entry], overwrite: bool) -> Result<(), Failure> {
    let policy = if overwrite { Overwrite::Always } else { Overwrite::Never };
    let bytes = match path.extension().and_then(|kind| kind.to_str()) {
        Some("html") => page(entries)?.into_bytes(),
        _ => {
            let [entry] = entries else {
                let message = "a report of several pictures is a page: --report NAME.html";
                return Err(Failure::usage(message));
            };
            let sheet = Photo::from_image(sheet(&entry.panels));
            sheet.encode(PhotoFormat::Png, &SaveOptions::default())?.0
        }
    };
    Ok(write_atomically(path, &bytes, policy)?)
}

fn page(entries: &[Entry]) -> Result<String, Failure> {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>relume inspect</title>\n\
         <style>body{font:15px sans-serif;background:#fbfaf7;color:#1c1d1f;margin:2em}\
         figure{display:inline-block;width:256px;margin:0 1em 1em 0;vertical-align:top}\
         figcaption{font-size:13px;color:#55585c}pre{white-space:pre-wrap}</style>\n",
    );
    for entry in entries {
        let text = escape(&entry.lines.join("\n"));
        // Writing to a string does not fail.
        let _ = write!(page, "<h2>{}</h2>\n<pre>{text}</pre>\n", escape(&entry.name));
        for panel in &entry.panels {
            let photo = Photo::from_image(panel.image.clone());
            let (png, _) = photo.encode(PhotoFormat::Png, &SaveOptions::default())?;
            let (title, data) =
                (escape(&panel.title), base64::engine::general_purpose::STANDARD.encode(&png));
            let _ = writeln!(
                page,
                "<figure><img alt=\"{title}\" src=\"data:image/png;base64,{data}\">\
                 <figcaption>{title}</figcaption></figure>"
            );
        }
    }
    page.push_str("</html>\n");
    Ok(page)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
