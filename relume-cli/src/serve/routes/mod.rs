//! What answers which request; one file for each subject.

pub(crate) mod enhance;
pub(crate) mod health;
pub(crate) mod inspect;
pub(crate) mod jobs;
pub(crate) mod lists;
pub(crate) mod nodes;
pub(crate) mod restore;
pub(crate) mod workflows;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio_util::io::ReaderStream;

use super::guard::guard;
use super::paced::pace;
use super::problem::Problem;
use super::{App, names, openapi, page};

/// Bytes of a file.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Bytes(Vec<u8>);

/// All routes behind the guard.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/v1/restore", post(restore::restore))
        .route("/v1/inspect", post(inspect::inspect))
        .route("/v1/jobs", post(jobs::create).get(jobs::list))
        .route("/v1/events", get(jobs::changes))
        .route("/v1/jobs/{id}", get(jobs::show).delete(jobs::delete))
        .route("/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/v1/jobs/{id}/events", get(jobs::events))
        .route("/v1/jobs/{id}/result", get(jobs::result))
        .route("/v1/jobs/{id}/original", get(jobs::original))
        .route("/v1/jobs/{id}/frame", get(jobs::frame))
        .route("/v1/workflows", get(workflows::list))
        .route("/v1/workflows/check", post(workflows::check))
        .route("/v1/workflows/run", post(workflows::run))
        .route(
            "/v1/workflows/{name}",
            get(workflows::show).put(workflows::save).delete(workflows::remove),
        )
        .route("/v1/nodes", get(nodes::nodes))
        .route("/v1/models", get(lists::models))
        .route("/v1/metrics", get(lists::metrics))
        .route("/v1/session", post(health::session))
        .route("/enhance", post(enhance::enhance))
        .route("/batch_enhance", post(enhance::batch_enhance))
        .route("/enhance_batch", post(enhance::batch_enhance))
        .route("/healthz", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(description));
    for path in page::paths() {
        router = router.route(path, get(part));
    }
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        // Uploads count their bytes themselves.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(pace))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// What stands behind the question mark of an address.
fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(value)| value).map_err(|error| Problem::bad_request(error.body_text()))
}

async fn part(request: Request) -> Response {
    page::serve(request.uri().path(), request.headers())
}

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::json()).into_response()
}

async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address; see /docs.html")
}

async fn wrong_method() -> Problem {
    let detail = "this address takes other methods; see /docs.html";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// A file as an answer, streamed.
async fn file(path: &Path, content_type: &str, name: Option<&str>) -> Result<Response, Problem> {
    let file = tokio::fs::File::open(path).await.map_err(|_| Problem::no_job())?;
    let length = file.metadata().await.map_err(|_| Problem::internal())?.len();
    let mut response =
        Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    // Opened by itself, a file from outside may do nothing at all.
    let alone = axum::http::HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, alone);
    let texts = [
        (header::CONTENT_TYPE, Some(content_type.to_owned())),
        (header::CONTENT_DISPOSITION, name.map(names::disposition)),
    ];
    for (field, text) in texts {
        if let Some(value) = text.and_then(|text| text.parse().ok()) {
            headers.insert(field, value);
        }
    }
    Ok(response)
}
