//! `POST /v1/restore`: one small photo, answered at once.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::HeaderName;
use axum::response::Response;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::App;
use super::super::at_once::Visit;
use super::super::format::Format;
use super::super::problem::{Problem, Refusal};
use super::Bytes;

/// A photo and wishes for it. What is left out is as `relume restore` does it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Form {
    /// The photo.
    #[schema(value_type = String, format = Binary)]
    photo: Vec<u8>,
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
    /// JPEG quality of the result, 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    quality: Option<u8>,
    /// Format of the result: jpg, png, webp, tif, exr or hdr; otherwise the photo's own.
    format: Option<String>,
}

/// Restore a small photo and answer with the result.
///
/// Up to 25 megapixels and 100 MB; larger ones are jobs. The header `Relume-Report` says what was done.
#[utoipa::path(
    post,
    path = "/v1/restore",
    tag = "photos",
    request_body(content = Form, content_type = "multipart/form-data"),
    responses((status = 200, description = "The restored photo", body = Bytes, content_type = "image/*"), Refusal)
)]
pub(crate) async fn restore(
    State(app): State<Arc<App>>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let visit = Visit::begin(&app)?;
    let upload = visit.receive(form, "photo", 1).await?;
    let report = visit.restore(&upload, 0).await?;
    let item = &upload.photos[0];
    let wanted = upload.settings.wanted_format().map(Format::Photo);
    let named = Format::of_name(&item.result).unwrap_or(item.format);
    let path = upload.folder.path.join(item.output_file(0));
    let content_type = wanted.unwrap_or(named).content_type();
    let response = super::file(&path, content_type, Some(&item.result)).await?;
    Ok(with_report(response, &report))
}

/// Bytes of a report in a header; clients refuse much longer ones.
const REPORT: usize = 6000;

/// What was done, as a header.
pub(super) fn with_report(mut response: Response, report: &Value) -> Response {
    // JSON with its few other characters written as escapes fits into a header.
    let text = Some(ascii(&report.to_string())).filter(|text| text.len() <= REPORT);
    if let Some(value) = text.and_then(|text| text.parse().ok()) {
        response.headers_mut().insert(HeaderName::from_static("relume-report"), value);
    }
    response
}

fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text += &format!("\\u{unit:04x}"));
        }
    }
    text
}
