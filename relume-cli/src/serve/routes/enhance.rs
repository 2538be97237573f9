//! `POST /enhance` and `POST /batch_enhance`: what the MIRNet event-photo system promised its
//! clients, with any of our models. Errors also have the field `error` that those clients read.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::response::Response;
use utoipa::ToSchema;

use super::super::at_once::Visit;
use super::super::job::State as Progress;
use super::super::names;
use super::super::problem::{Problem, Refusal};
use super::super::upload::Upload;
use super::super::{App, archive};
use super::Bytes;

/// Photos of one request.
const MOST: usize = 50;

/// A photo.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Image {
    /// The photo.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
    /// Name of a model that `GET /v1/models` calls ready [default: lantern-s].
    model: Option<String>,
}

/// Photos.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Images {
    /// The photos, at most 50.
    #[schema(value_type = Vec<String>, format = Binary)]
    images: Vec<Vec<u8>>,
    /// Name of a model that `GET /v1/models` calls ready [default: lantern-s].
    model: Option<String>,
}

type Form = Result<Multipart, MultipartRejection>;

/// Enhance one photo; the answer is a PNG.
#[utoipa::path(
    post,
    path = "/enhance",
    tag = "MIRNet's addresses",
    request_body(content = Image, content_type = "multipart/form-data"),
    responses((status = 200, description = "The photo", body = Bytes, content_type = "image/png"), Refusal)
)]
pub(crate) async fn enhance(State(app): State<Arc<App>>, form: Form) -> Result<Response, Problem> {
    let answer = async {
        let visit = Visit::begin(&app)?;
        let upload = png(visit.receive(form, "image", 1).await?);
        visit.restore(&upload, 0).await?;
        let path = upload.folder.path.join(upload.photos[0].output_file(0));
        super::file(&path, "image/png", Some("enhanced_image.png")).await
    };
    answer.await.map_err(|problem| with_words_of_old(problem, "No image provided"))
}

/// Enhance several photos; the answer is a ZIP file of PNGs.
#[utoipa::path(
    post,
    path = "/batch_enhance",
    tag = "MIRNet's addresses",
    request_body(content = Images, content_type = "multipart/form-data"),
    responses((status = 200, description = "The photos", body = Bytes, content_type = "application/zip"), Refusal)
)]
pub(crate) async fn batch_enhance(
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Response, Problem> {
    let answer = async {
        let visit = Visit::begin(&app)?;
        let mut upload = png(visit.receive(form, "images", MOST).await?);
        for number in 0..upload.photos.len() {
            visit.restore(&upload, number).await?;
            upload.photos[number].state = Progress::Done;
        }
        let (folder, photos) = (upload.folder.path.clone(), upload.photos.clone());
        let packed = tokio::task::spawn_blocking(move || archive::pack(&folder, &photos)).await;
        packed.map_err(|_| Problem::internal())?.map_err(|failure| app.explain(failure))?;
        let path = upload.folder.path.join(archive::NAME);
        super::file(&path, "application/zip", Some("enhanced_images.zip")).await
    };
    answer.await.map_err(|problem| with_words_of_old(problem, "No images provided"))
}

/// Results become PNGs, also of photos that are fine: a client of old expects that all are enhanced.
fn png(mut upload: Upload) -> Upload {
    upload.settings.always = true;
    let mut taken: Vec<String> = Vec::new();
    for item in &mut upload.photos {
        item.result = names::result(&item.name, "png", &taken);
        taken.push(item.result.clone());
    }
    upload
}

fn with_words_of_old(problem: Problem, none: &str) -> Problem {
    let is_none = problem.status == 400 && problem.detail.contains("no photo");
    problem.with_error(is_none.then_some(none))
}
