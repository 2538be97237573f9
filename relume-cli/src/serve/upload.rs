//! Forms with photos: streamed to disk, recognised by their content, refused early.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use relume_media::{ErrorKind, Limits, Photo, PhotoFormat};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::App;
use super::folder::Fresh;
use super::job::{Format, Item, State};
use super::names;
use super::paced::got_on;
use super::problem::Problem;
use super::settings::Settings;
use crate::model_cache::hexadecimal;

/// Bytes of a field that is no photo.
const FIELD: usize = 1000;
/// Photos of one request.
const PHOTOS: usize = 1000;
/// Parts of one request.
const PARTS: usize = 1100;

/// What a request may bring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    /// Name of the field that photos come in.
    pub(crate) field: &'a str,
    pub(crate) photos: usize,
    pub(crate) bytes: u64,
    pub(crate) pixels: u64,
    pub(crate) time: Duration,
}

impl<'a> Bounds<'a> {
    /// For a job.
    pub(crate) fn of_job(app: &App) -> Self {
        Self {
            field: "photo",
            photos: PHOTOS,
            bytes: app.options.upload_bytes,
            pixels: app.options.pixels,
            time: Duration::from_secs(3600),
        }
    }

    /// For an answer at once.
    pub(crate) fn at_once(app: &App, field: &'a str, photos: usize) -> Self {
        Self {
            field,
            photos,
            bytes: app.options.upload_bytes.min(100_000_000),
            pixels: app.options.pixels.min(25_000_000),
            time: Duration::from_secs(120),
        }
    }
}

/// What came.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) folder: Fresh,
    pub(crate) photos: Vec<Item>,
    pub(crate) settings: Settings,
    /// SHA-256 of photos, names and wishes.
    pub(crate) digest: String,
}

/// Takes a form in.
pub(crate) async fn receive(
    app: &Arc<App>,
    form: Result<Multipart, MultipartRejection>,
    bounds: Bounds<'_>,
) -> Result<Upload, Problem> {
    let form = form.map_err(|_| {
        let detail = "send a form: multipart/form-data with a boundary";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })?;
    let folder = app.data.fresh().map_err(|cause| {
        app.console.warn(&format!("no folder for an upload: {cause}"));
        Problem::internal()
    })?;
    let settings = Settings::default();
    let mut receiver = Receiver {
        app,
        bounds,
        left: bounds.bytes,
        hash: Sha256::new(),
        upload: Upload { folder, photos: Vec::new(), settings, digest: String::new() },
    };
    let all = receiver.all(form);
    timeout_at(Instant::now() + bounds.time, all).await.map_err(|_| late())??;
    let Receiver { mut upload, hash, .. } = receiver;
    upload.digest = hexadecimal(&hash.finalize());
    Ok(upload)
}

struct Receiver<'a> {
    app: &'a App,
    bounds: Bounds<'a>,
    left: u64,
    hash: Sha256,
    upload: Upload,
}

impl Receiver<'_> {
    async fn all(&mut self, mut form: Multipart) -> Result<(), Problem> {
        for number in 0.. {
            let next =
                timeout(self.app.options.patience, form.next_field()).await.map_err(|_| late())?;
            let Some(field) = next.map_err(broken)? else { break };
            got_on();
            if number == PARTS {
                return Err(Problem::too_large(format!("a form has at most {PARTS} parts")));
            }
            let name = field.name().unwrap_or_default().to_owned();
            if name == self.bounds.field {
                self.photo(field).await?;
            } else {
                let text = self.text(field).await?;
                self.upload.settings.set(&name, &text)?;
            }
        }
        let (upload, hash) = (&mut self.upload, &mut self.hash);
        let wanted = upload.settings.wanted_format();
        let mut taken: Vec<String> = Vec::new();
        for item in &mut upload.photos {
            let extension = names::extension(&item.name, item.format.0, wanted);
            item.result = names::result(&item.name, &extension, &taken);
            taken.push(item.result.clone());
            hash.update(&item.result);
        }
        hash.update(upload.settings.arguments().join("\0"));
        Ok(())
    }

    async fn text(&mut self, mut field: Field<'_>) -> Result<String, Problem> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut field).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > FIELD {
                return Err(Problem::too_large(format!("a field has at most {FIELD} bytes")));
            }
        }
        String::from_utf8(bytes).map_err(|_| Problem::bad_request("a field is not UTF-8"))
    }

    /// The next bytes of a field, counted.
    async fn chunk(&mut self, field: &mut Field<'_>) -> Result<Option<axum::body::Bytes>, Problem> {
        let next = timeout(self.app.options.patience, field.chunk()).await.map_err(|_| late())?;
        let chunk = next.map_err(broken)?;
        got_on();
        if let Some(chunk) = &chunk {
            let left = self.left.checked_sub(chunk.len() as u64);
            self.left = left.ok_or_else(|| too_many_bytes(self.bounds.bytes))?;
            self.app.counts.uploaded_bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        Ok(chunk)
    }

    async fn photo(&mut self, mut field: Field<'_>) -> Result<(), Problem> {
        let number = self.upload.photos.len();
        if number == self.bounds.photos {
            let message = format!("at most {number} photos at a time");
            return Err(Problem::too_large(message));
        }
        let given = field.file_name().unwrap_or_default().to_owned();
        let (name, path) = (names::harmless(&given), self.upload.folder.path.join("incoming"));
        let mut start = Vec::new();
        let mut bytes = 0;
        let mut file = tokio::fs::File::create(&path).await.map_err(|e| self.disk(&e))?;
        while let Some(chunk) = self.chunk(&mut field).await? {
            let lacks = 16_usize.saturating_sub(start.len()).min(chunk.len());
            start.extend_from_slice(&chunk[..lacks]);
            if start.len() == 16 && bytes < 16 {
                recognise(&name, &start)?;
            }
            bytes += chunk.len() as u64;
            self.hash.update(&chunk);
            file.write_all(&chunk).await.map_err(|e| self.disk(&e))?;
        }
        recognise(&name, &start)?;
        file.flush().await.map_err(|e| self.disk(&e))?;
        let mut item = self.look(&path, name).await?;
        item.bytes = bytes;
        let place = self.upload.folder.path.join(item.input_file(number));
        tokio::fs::rename(&path, place).await.map_err(|e| self.disk(&e))?;
        self.upload.photos.push(item);
        Ok(())
    }

    /// Reads the header of a photo.
    async fn look(&self, path: &Path, name: String) -> Result<Item, Problem> {
        let (path, pixels) = (path.to_owned(), self.bounds.pixels);
        let limits = Limits { pixels, ..Limits::default() };
        let probe = tokio::task::spawn_blocking(move || {
            let probe = Photo::probe(&path)?;
            limits.check_size(probe.size).map(|()| probe)
        });
        let probe = probe.await.map_err(|_| Problem::internal())?.map_err(|error| {
            let detail = format!("{name}: {}", without_path(&error));
            match error.kind() {
                ErrorKind::Limits => Problem::too_large(detail),
                ErrorKind::Unsupported => Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail),
                _ => Problem::unprocessable(detail),
            }
        })?;
        Ok(Item {
            name,
            result: String::new(),
            format: Format(probe.format),
            width: probe.size.width,
            height: probe.size.height,
            bytes: 0,
            state: State::Queued,
            report: None,
            error: None,
        })
    }

    fn disk(&self, cause: &std::io::Error) -> Problem {
        self.app.console.warn(&format!("an upload could not be written: {cause}"));
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the disk of the server is full")
    }
}

/// Refuses what does not begin as a photo does.
fn recognise(name: &str, start: &[u8]) -> Result<(), Problem> {
    let found = PhotoFormat::from_content(start);
    found.map(|_| ()).map_err(|error| {
        let detail = format!("{name}: {error}");
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })
}

/// The message alone: where files lie on the server is nobody's business.
fn without_path(error: &relume_media::Error) -> String {
    let text = error.to_string();
    match error.path().map(|path| format!("{}: ", path.display())) {
        Some(prefix) => text.strip_prefix(&prefix).unwrap_or(&text).to_owned(),
        None => text,
    }
}

pub(crate) fn too_many_bytes(limit: u64) -> Problem {
    let megabytes = limit / 1_000_000;
    Problem::too_large(format!("a request has at most {megabytes} MB; send less at a time"))
}

fn late() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time; send it again")
}

fn broken(error: MultipartError) -> Problem {
    // The innermost cause says the most.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Problem::bad_request(format!("the form is broken: {cause}"))
}
