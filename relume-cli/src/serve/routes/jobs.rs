//! `/v1/jobs`: photos and videos that are restored when their turn comes.

use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::at_once::Visit;
use super::super::events::{last_seen, stream_changes};
use super::super::format::Format;
use super::super::job::{Item, Job, State as Progress};
use super::super::problem::{Problem, Refusal};
use super::super::store::{Added, Bounds, Key};
use super::super::upload::{self, receive};
use super::super::{App, archive, names};
use super::{Bytes, query, workflows};

/// Photos or videos, and wishes for them. What is left out is as `relume restore` and `relume video`
/// do it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Form {
    /// The photos, one field each.
    #[schema(value_type = Vec<String>, format = Binary)]
    photo: Option<Vec<Vec<u8>>>,
    /// The videos, one field each.
    #[schema(value_type = Vec<String>, format = Binary)]
    video: Option<Vec<Vec<u8>>>,
    /// Name of a model that `GET /v1/models` calls ready.
    model: Option<String>,
    /// How much of the effect, 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0)]
    strength: Option<f32>,
    /// Mean brightness to aim at, 0.02 to 0.9.
    #[schema(minimum = 0.02, maximum = 0.9)]
    brightness: Option<f32>,
    /// Restore also photos that are fine already.
    always: Option<bool>,
    /// With mirnet: as its authors' program does it.
    compatible: Option<bool>,
    /// JPEG quality of the results, 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    quality: Option<u8>,
    /// Format of the results: jpg, png, webp, tif, exr or hdr; otherwise the photos' own.
    format: Option<String>,
    /// Videos: whether frames are averaged along their motion first [default: true].
    denoise: Option<bool>,
    /// Videos: h264, hevc, av1, vp9, prores or ffv1; otherwise the video's own.
    codec: Option<String>,
    /// Videos: quality on the encoder's scale, smaller is better.
    #[schema(minimum = 0.0, maximum = 63.0)]
    crf: Option<f32>,
}

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Page {
    /// How many jobs, newest first [default: 100].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Which photo of a job.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Choice {
    /// Its number, from 0. Without one: the only photo, or a ZIP file of all results.
    #[param(minimum = 0)]
    photo: Option<usize>,
    /// Which of the outputs of a workflow, from 0; the first is the main one.
    #[param(minimum = 0)]
    output: Option<usize>,
}

/// Which frame of which video.
#[derive(Deserialize, IntoParams)]
pub(crate) struct FrameChoice {
    /// Number of the video, from 0.
    #[param(minimum = 0)]
    photo: Option<usize>,
    /// Number of the frame, from 0.
    #[param(minimum = 0)]
    number: Option<u64>,
    /// Which side [default: before].
    #[param(inline)]
    of: Option<Side>,
}

/// A video, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// As it came.
    Before,
    /// As it is restored.
    After,
}

fn job_of(app: &App, id: &str) -> Result<Job, Problem> {
    if !names::is_id(id) {
        return Err(Problem::no_job());
    }
    let found = app.store.get(id).map_err(|failure| app.explain(failure))?;
    found.ok_or_else(Problem::no_job)
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=200).contains(&text.len()));
    let wrong = || Problem::bad_request("an Idempotency-Key has 1 to 200 plain characters");
    text.map(|text| Some(text.to_owned())).ok_or_else(wrong)
}

/// Restore photos or videos when their turn comes.
///
/// A request with an `Idempotency-Key` that came before is answered with the job it made then.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sure that the request counts once")),
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "The job waits; `Location` is its address", body = Job),
        (status = 200, description = "The same request came before", body = Job),
        Refusal
    )
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let bounds = upload::Bounds::of_job(&app);
    add(&app, &headers, form, bounds).await
}

/// Makes a job out of a form.
pub(super) async fn add(
    app: &Arc<App>,
    headers: &HeaderMap,
    form: Result<Multipart, MultipartRejection>,
    bounds: upload::Bounds<'_>,
) -> Result<Response, Problem> {
    let key = key_of(headers)?;
    let place = app.uploads.try_acquire();
    let _place = place.map_err(|_| Problem::busy("too many uploads; come back later", 5))?;
    let mut upload = receive(app, form, bounds).await?;
    if upload.photos.is_empty() {
        let message = "the form has no photo; put at least one into the field photo, or video";
        return Err(Problem::bad_request(message));
    }
    if bounds.workflow {
        workflows::settle(app, &Visit::begin(app)?, &mut upload).await?;
    }
    let key = key.map(|key| Key { key, digest: upload.digest });
    let job = Job::new(upload.folder.id.clone(), upload.settings, upload.photos);
    let bounds = Bounds { queue: app.options.queue, bytes: app.options.storage_bytes };
    let added = app.store.add(job, key.as_ref(), bounds);
    let (status, job) = match added.map_err(|failure| app.explain(failure))? {
        Added::New(job) => {
            upload.folder.keep();
            app.announce(job.version);
            app.waiting.notify_one();
            (StatusCode::ACCEPTED, job)
        }
        Added::Known(job) => (StatusCode::OK, job),
        Added::OtherRequest => {
            let detail = "this Idempotency-Key came with another request before; take a new one";
            return Err(Problem::unprocessable(detail));
        }
        Added::QueueFull => return Err(Problem::busy("the queue is full; come back later", 10)),
        Added::NoSpace => {
            let detail = "the space for pictures is used up; remove jobs, or see --max-storage";
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail));
        }
    };
    let location = format!("/v1/jobs/{}", job.id);
    Ok((status, [(header::LOCATION, location)], Json(job)).into_response())
}

/// List jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(Page), responses((status = 200, body = [Job]), Refusal))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<Job>>, Problem> {
    let limit = query(page)?.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::bad_request("limit goes from 1 to 1000"));
    }
    app.store.list(limit).map(Json).map_err(|failure| app.explain(failure))
}

/// Follow the changes of all jobs, as server-sent events named `job`.
///
/// With `Last-Event-ID` it goes on after that change, otherwise with the next one.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "jobs",
    params(("Last-Event-ID" = Option<u64>, Header, description = "The last change that was seen")),
    responses((status = 200, body = Job, content_type = "text/event-stream"), Refusal)
)]
pub(crate) async fn changes(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let now = *app.changes.borrow();
    // A client may have seen the changes of another store.
    stream_changes(app, None, last_seen(&headers).unwrap_or(now).min(now))
}

/// Show a job.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "Of the job")), responses((status = 200, body = Job), Refusal))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    job_of(&app, &id).map(Json)
}

/// Cancel a job that is not finished; remove one that is, with its pictures.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "Of the job")),
    responses(
        (status = 202, description = "It stops", body = Job),
        (status = 204, description = "It is removed"),
        Refusal
    )
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    if job_of(&app, &id)?.state.is_final() {
        app.remove(&id);
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let job = app.cancel(&id).map_err(|failure| app.explain(failure))?;
    let job = job.ok_or_else(Problem::no_job)?;
    Ok((StatusCode::ACCEPTED, Json(job)).into_response())
}

/// Put a job that failed or was cancelled back into the queue.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    tag = "jobs",
    params(("id" = String, Path, description = "Of the job")),
    responses((status = 202, description = "It waits", body = Job), Refusal)
)]
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    job_of(&app, &id)?;
    let changed = app.store.change(&id, |job| {
        let undone = job.photos.iter().any(|item| item.state != Progress::Done);
        let again = job.state.is_final() && undone;
        if again {
            job.requeue();
            job.attempts = 0;
        }
        again
    });
    let Some(job) = changed.map_err(|failure| app.explain(failure))? else {
        let detail = "only a job that failed or was cancelled can be tried again";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    app.announce(job.version);
    app.waiting.notify_one();
    Ok((StatusCode::ACCEPTED, Json(job)).into_response())
}

/// Follow a job until it is finished, as server-sent events named `job`.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "Of the job"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last change that was seen")
    ),
    responses((status = 200, body = Job, content_type = "text/event-stream"), Refusal)
)]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = job_of(&app, &id)?;
    let seen = last_seen(&headers).unwrap_or(0);
    // Of a finished job the last change is told once more, so that the stream has an end.
    let seen = if job.state.is_final() { job.version - 1 } else { seen };
    Ok(stream_changes(app, Some(id), seen))
}

/// Download what a job made: the photo, or a ZIP file of several.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/result",
    tag = "jobs",
    params(("id" = String, Path, description = "Of the job"), Choice),
    responses((status = 200, description = "The restored photo, or application/zip", body = Bytes, content_type = "image/*"), Refusal)
)]
pub(crate) async fn result(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    choice: Result<Query<Choice>, QueryRejection>,
) -> Result<Response, Problem> {
    let (job, choice) = (job_of(&app, &id)?, query(choice)?);
    let (wanted, folder) = (choice.photo, app.data.job(&id));
    if wanted.is_none() && job.photos.len() > 1 {
        if !matches!(job.state, Progress::Done) {
            return Err(not_yet(job.state));
        }
        return super::file(&folder.join(archive::NAME), "application/zip", Some("relume.zip"))
            .await;
    }
    let (number, item) = photo(&job, wanted)?;
    if item.state != Progress::Done {
        return Err(not_yet(item.state));
    }
    let results = item.results(number);
    let Some(output) = results.get(choice.output.unwrap_or(0)) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "the job made no such file"));
    };
    let format = Format::of_name(&output.name).unwrap_or(item.format);
    super::file(&folder.join(&output.file), format.content_type(), Some(&output.name)).await
}

/// Show a frame of a video, as it came or restored, as PNG.
///
/// A video and its result have the same frames: one number shows both.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/frame",
    tag = "jobs",
    params(("id" = String, Path, description = "Of the job"), FrameChoice),
    responses((status = 200, description = "The frame", body = Bytes, content_type = "image/png"), Refusal)
)]
pub(crate) async fn frame(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    choice: Result<Query<FrameChoice>, QueryRejection>,
) -> Result<Response, Problem> {
    let (job, choice) = (job_of(&app, &id)?, query(choice)?);
    let (number, item) = photo(&job, choice.photo)?;
    let frame = choice.number.unwrap_or(0);
    let nothing = |detail| Problem::new(StatusCode::NOT_FOUND, detail);
    let Some(video) = &item.video else { return Err(nothing("a photo has no frames")) };
    if frame >= video.frames {
        return Err(nothing("the video has no such frame"));
    }
    let file = match choice.of.unwrap_or(Side::Before) {
        Side::Before => item.input_file(number),
        Side::After if item.state != Progress::Done => return Err(not_yet(item.state)),
        Side::After => {
            let results = item.results(number);
            results.into_iter().next().ok_or_else(|| nothing("the job made no video"))?.file
        }
    };
    let visit = Visit::begin(&app)?;
    let place = app.data.fresh().map_err(|_| Problem::internal())?;
    // Beside the folder of the job: two folders of one place.
    let picture = std::path::Path::new("..").join(&place.id).join("frame.png");
    visit.frame(&app.data.job(&id), (&file, frame), &picture).await?;
    let mut response = super::file(&place.path.join("frame.png"), "image/png", None).await?;
    let keep = axum::http::HeaderValue::from_static("private, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    Ok(response)
}

/// Download a photo or video as it came.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/original",
    tag = "jobs",
    params(("id" = String, Path, description = "Of the job"), Choice),
    responses((status = 200, description = "The photo", body = Bytes, content_type = "image/*"), Refusal)
)]
pub(crate) async fn original(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    choice: Result<Query<Choice>, QueryRejection>,
) -> Result<Response, Problem> {
    let (job, wanted) = (job_of(&app, &id)?, query(choice)?.photo);
    let (number, item) = photo(&job, wanted)?;
    let path = app.data.job(&id).join(item.input_file(number));
    super::file(&path, item.format.content_type(), Some(&item.name)).await
}

fn photo(job: &Job, wanted: Option<usize>) -> Result<(usize, &Item), Problem> {
    let number = wanted.unwrap_or(0);
    let found = job.photos.get(number).map(|item| (number, item));
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "the job has no such photo"))
}

fn not_yet(state: Progress) -> Problem {
    let detail = format!("there is no result; the state is {}", state.name());
    Problem::new(StatusCode::CONFLICT, detail)
}
