//! `POST /v1/inspect`: what is wrong with a photo.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::App;
use super::super::at_once::Visit;
use super::super::problem::{Problem, Refusal};

/// A photo.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Photo {
    /// The photo.
    #[schema(value_type = String, format = Binary)]
    photo: Vec<u8>,
}

/// Say what is wrong with a photo: exposure, clipping, noise, blur, and what it needs.
#[utoipa::path(
    post,
    path = "/v1/inspect",
    tag = "photos",
    request_body(content = Photo, content_type = "multipart/form-data"),
    responses((status = 200, description = "As `relume inspect --json` says it", body = Value), Refusal)
)]
pub(crate) async fn inspect(
    State(app): State<Arc<App>>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, Problem> {
    let visit = Visit::begin(&app)?;
    let upload = visit.receive(form, "photo", 1).await?;
    visit.inspect(&upload).await.map(Json)
}
