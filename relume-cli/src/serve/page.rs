//! The page: files built from `page/` and carried in the program.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::model_cache::sha256;

struct Part {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! part {
    ($path:literal, $file:literal, $content_type:literal) => {
        Part {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/page/dist/", $file)),
        }
    };
}

const PARTS: &[Part] = &[
    part!("/", "index.html", "text/html; charset=utf-8"),
    part!("/docs.html", "docs.html", "text/html; charset=utf-8"),
    part!("/page.js", "page.js", "text/javascript; charset=utf-8"),
    part!("/editor.js", "editor.js", "text/javascript; charset=utf-8"),
    part!("/docs.js", "docs.js", "text/javascript; charset=utf-8"),
    part!("/shared.js", "shared.js", "text/javascript; charset=utf-8"),
    part!("/style.css", "style.css", "text/css; charset=utf-8"),
    part!("/licenses.txt", "licenses.txt", "text/plain; charset=utf-8"),
    part!("/icon.svg", "icon.svg", "image/svg+xml"),
];

/// Whether a path leads to a part of the page.
pub(crate) fn is_part(path: &str) -> bool {
    PARTS.iter().any(|part| part.path == path)
}

/// The paths of all parts.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|part| part.path)
}

/// A part of the page; 304 when the browser has it.
pub(crate) fn serve(path: &str, headers: &HeaderMap) -> Response {
    let Some(part) = PARTS.iter().find(|part| part.path == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", &sha256(part.bytes)[..16]);
    let fields = [
        (header::CONTENT_TYPE, part.content_type.to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    (fields, part.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model_cache::hash_of;

    /// The built files are committed, so that building the program needs no Node. `npm run build` in
    /// `page/` renews them.
    #[test]
    fn the_built_page_is_that_of_its_sources() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let built = std::fs::read_to_string(folder.join("dist/sources.sha256")).unwrap();
        let mut known: Vec<_> = built.lines().filter_map(|line| line.split_once("  ")).collect();
        for (hash, name) in &known {
            assert_eq!(*hash, hash_of(&folder.join(name)).unwrap(), "{name}: run npm run build");
        }
        known.retain(|(_, name)| name.starts_with("src/"));
        assert_eq!(known.len(), std::fs::read_dir(folder.join("src")).unwrap().count());
    }

    #[test]
    fn the_page_asks_no_other_server_for_anything() {
        // Plain text, the licences, asks for nothing.
        for part in PARTS.iter().filter(|part| !part.content_type.starts_with("text/plain")) {
            let text = String::from_utf8_lossy(part.bytes);
            for word in ["https://", "http://", "//cdn"] {
                let calls = text
                    .match_indices(word)
                    .map(|(at, _)| text[at..].chars().take(40).collect::<String>());
                // Names of namespaces and of error pages are no requests.
                let foreign: Vec<_> = calls
                    .filter(|call| !call.contains("www.w3.org") && !call.contains("svelte.dev/e/"))
                    .filter(|call| !call.starts_with("http://${") && !call.starts_with("http://`"))
                    .collect();
                assert!(foreign.is_empty(), "{}: {foreign:?}", part.path);
            }
        }
    }
}
