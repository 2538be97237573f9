//! Forms with photos and videos: streamed to disk, recognised by their content, refused early.

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
use super::child;
use super::folder::Fresh;
use super::format::Format;
use super::job::{Item, Moving, State};
use super::names;
use super::paced::got_on;
use super::problem::Problem;
use super::settings::Settings;
use crate::model_cache::hexadecimal;

/// Bytes of a field that is no photo.
const FIELD: usize = 1000;
/// Bytes of the text of a workflow.
pub(crate) const WORKFLOW: usize = 256 * 1024;
/// Changes of settings of a workflow.
const CHANGES: usize = 100;
/// Time to look at a video that came.
const LOOK: Duration = Duration::from_secs(60);
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
    /// Whether videos may come too, in the field `video`.
    pub(crate) videos: bool,
    /// Whether a workflow comes along, in place of the wishes for a model.
    pub(crate) workflow: bool,
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
            videos: true,
            workflow: false,
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
            videos: false,
            workflow: false,
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
    /// The text of the workflow, or the name of one that the server knows.
    pub(crate) workflow: Wanted,
    /// SHA-256 of photos, names and wishes.
    pub(crate) digest: String,
}

/// The workflow that a form asks for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) name: Option<String>,
    pub(crate) text: Option<String>,
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
        upload: Upload {
            folder,
            photos: Vec::new(),
            settings,
            workflow: Wanted::default(),
            digest: String::new(),
        },
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
                self.file(field, false).await?;
            } else if name == "video" && self.bounds.videos {
                self.file(field, true).await?;
            } else if name == "video" {
                let detail = "videos take their time; send them as a job, to POST /v1/jobs or \
                              /v1/workflows/run";
                return Err(Problem::bad_request(detail));
            } else {
                let long = self.bounds.workflow && name == "text";
                let text = self.text(field, if long { WORKFLOW } else { FIELD }).await?;
                self.wish(&name, text)?;
            }
        }
        let (upload, hash) = (&mut self.upload, &mut self.hash);
        let videos = upload.photos.iter().filter(|item| item.video.is_some()).count();
        upload.settings.check(videos < upload.photos.len(), videos > 0)?;
        let wanted = upload.settings.wanted_format().map(Format::Photo);
        let mut taken: Vec<String> = Vec::new();
        for item in &mut upload.photos {
            let extension = names::extension(&item.name, item.format, wanted);
            item.result = names::result(&item.name, &extension, &taken);
            taken.push(item.result.clone());
            hash.update(&item.result);
        }
        hash.update(upload.settings.arguments().join("\0"));
        let Wanted { name, text } = &upload.workflow;
        [name, text].into_iter().flatten().for_each(|part| hash.update(part));
        Ok(())
    }

    /// A field that is no file.
    fn wish(&mut self, name: &str, text: String) -> Result<(), Problem> {
        let upload = &mut self.upload;
        if !self.bounds.workflow {
            return upload.settings.set(name, &text);
        }
        match name {
            "workflow" => upload.workflow.name = Some(text).filter(|text| !text.is_empty()),
            "text" => upload.workflow.text = Some(text),
            "set" if upload.settings.set.len() < CHANGES => upload.settings.set.push(text),
            "set" => return Err(Problem::too_large(format!("at most {CHANGES} fields set"))),
            _ => {
                let detail = "a workflow takes the fields photo, video, workflow, text and set";
                return Err(Problem::bad_request(format!("there is no field {name:?}; {detail}")));
            }
        }
        Ok(())
    }

    async fn text(&mut self, mut field: Field<'_>, most: usize) -> Result<String, Problem> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut field).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > most {
                return Err(Problem::too_large(format!("a field has at most {most} bytes")));
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

    /// A photo, or a video.
    async fn file(&mut self, mut field: Field<'_>, video: bool) -> Result<(), Problem> {
        let number = self.upload.photos.len();
        if number == self.bounds.photos {
            let what = if self.bounds.videos { "photos and videos" } else { "photos" };
            let message = format!("at most {number} {what} at a time");
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
                recognise(&name, &start, video)?;
            }
            bytes += chunk.len() as u64;
            self.hash.update(&chunk);
            file.write_all(&chunk).await.map_err(|e| self.disk(&e))?;
        }
        let format = recognise(&name, &start, video)?;
        file.flush().await.map_err(|e| self.disk(&e))?;
        drop(file);
        let item = match video {
            true => self.look_at_video(number, name, format).await?,
            false => self.look(&path, number, name).await?,
        };
        self.upload.photos.push(Item { bytes, ..item });
        Ok(())
    }

    /// Puts a file to its place.
    async fn place(&self, number: usize, item: &Item) -> Result<(), Problem> {
        let folder = &self.upload.folder.path;
        let moved =
            tokio::fs::rename(folder.join("incoming"), folder.join(item.input_file(number)));
        moved.await.map_err(|e| self.disk(&e))
    }

    /// Has the first frame of a video read, in a child.
    async fn look_at_video(
        &self,
        number: usize,
        name: String,
        format: Format,
    ) -> Result<Item, Problem> {
        let mut item = waiting(name, format, (0, 0));
        self.place(number, &item).await?;
        let _turn = self.app.lane.acquire().await.map_err(|_| Problem::internal())?;
        let (folder, input) = (&self.upload.folder.path, item.input_file(number));
        let allowance = self.app.allowance(LOOK);
        let seen = child::frame(folder, (&input, 0), FIRST, allowance).await;
        let seen = seen.map_err(|failure| {
            let message = failure.message.replace(&input, &item.name);
            self.app.explain(crate::exit::Failure { message, ..failure })
        })?;
        // Only whether it could be read was of interest.
        let _ = tokio::fs::remove_file(folder.join(FIRST)).await;
        let side = |name: &str| seen["video"]["size"][name].as_u64().unwrap_or(0) as usize;
        (item.width, item.height) = (side("width"), side("height"));
        item.video = Some(Moving {
            frames: seen["frames"].as_u64().unwrap_or(0),
            seconds: seen["video"]["seconds"].as_f64(),
            frames_done: 0,
        });
        Ok(item)
    }

    /// Reads the header of a photo.
    async fn look(&self, path: &Path, number: usize, name: String) -> Result<Item, Problem> {
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
        let size = (probe.size.width, probe.size.height);
        let item = waiting(name, Format::Photo(probe.format), size);
        self.place(number, &item).await?;
        Ok(item)
    }

    fn disk(&self, cause: &std::io::Error) -> Problem {
        self.app.console.warn(&format!("an upload could not be written: {cause}"));
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the disk of the server is full")
    }
}

/// The picture that is made to see whether a video can be read.
const FIRST: &str = "first.png";

/// A photo or video that waits.
fn waiting(name: String, format: Format, (width, height): (usize, usize)) -> Item {
    Item {
        name,
        result: String::new(),
        format,
        video: None,
        width,
        height,
        bytes: 0,
        state: State::Queued,
        report: None,
        outputs: None,
        error: None,
    }
}

/// Refuses what does not begin as a photo or video does.
fn recognise(name: &str, start: &[u8], video: bool) -> Result<Format, Problem> {
    let unsupported = |detail: String| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{name}: {detail}"))
    };
    let moves = Format::of_video(start);
    match (video, moves) {
        (true, Some(format)) => Ok(format),
        (true, None) => Err(unsupported(
            "is no video of a kind that is read: mp4, mov, mkv, webm, avi, gif, y4m".into(),
        )),
        (false, Some(_)) => Err(unsupported("is a video; jobs take it in the field video".into())),
        (false, None) => {
            let found = PhotoFormat::from_content(start);
            found.map(Format::Photo).map_err(|error| unsupported(error.to_string()))
        }
    }
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

pub(crate) fn late() -> Problem {
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
