//! Any bytes as the body of a form: for the fuzz target, and to go through what it found.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;

use super::upload::{Bounds, receive};
use super::{App, Options};
use crate::console::Console;

/// The boundary of all forms here.
const BOUNDARY: &str = "B";

/// A server's memory of uploads, without the server.
pub struct Forms {
    app: Arc<App>,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Forms {
    /// One with a folder of its own, in memory where there is such a place.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new() -> std::io::Result<Self> {
        let memory = PathBuf::from("/dev/shm");
        let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("relume-forms-").tempdir_in(root)?;
        let options = Options {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            names: Vec::new(),
            token: None,
            open: false,
            data: Some(folder.path().to_owned()),
            workers: 0,
            queue: 8,
            upload_bytes: 1 << 20,
            pixels: 1 << 20,
            memory_megabytes: 100,
            storage_bytes: 1 << 20,
            keep_days: 1,
            patience: Duration::from_secs(5),
        };
        let app = App::open(options, Console { json: false, quiet: true });
        let app = app.map_err(|failure| std::io::Error::other(failure.message))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { app, runtime, folder })
    }

    /// Takes a form in as the server does.
    ///
    /// # Panics
    /// When it is not refused with one of the expected answers, and its photos have no harmless
    /// names, or something of them is left behind.
    pub fn take(&self, body: &[u8]) {
        self.runtime.block_on(async {
            let kind = format!("multipart/form-data; boundary={BOUNDARY}");
            // In two pieces, as it may come.
            let (first, second) = body.split_at(body.len() / 2);
            let pieces = [first, second].map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            let mut request = Request::new(body);
            if let Ok(kind) = kind.parse() {
                request.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            let parts = Multipart::from_request(request, &()).await;
            match receive(&self.app, parts, Bounds::of_job(&self.app)).await {
                Ok(upload) => {
                    for name in upload.photos.iter().flat_map(|item| [&item.name, &item.result]) {
                        let leads = name.contains(['/', '\\', '\0']) || name.starts_with('.');
                        assert!(!name.is_empty() && !leads, "{name:?}");
                    }
                }
                Err(problem) => {
                    let (status, detail) = (problem.status, &problem.detail);
                    assert!([400, 408, 413, 415, 422].contains(&status), "{status}: {detail}");
                }
            }
        });
        let left = std::fs::read_dir(self.folder.path().join("jobs")).map(Iterator::count);
        assert_eq!(left.ok(), Some(0), "an upload that is dropped leaves nothing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_found_stays_fixed() {
        let forms = Forms::new().unwrap();
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/http_multipart");
        let mut count = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            forms.take(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{corpus} is empty");
    }
}
