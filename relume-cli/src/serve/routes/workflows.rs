//! `/v1/workflows`: listed, read, checked, saved and run.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::super::App;
use super::super::at_once::Visit;
use super::super::child::WORKFLOW;
use super::super::format::Format;
use super::super::job::Job;
use super::super::problem::{Problem, Refusal};
use super::super::shelf::{Workflow, WorkflowFile, faults};
use super::super::upload::{self, Upload};
use super::{Bytes, jobs, query, restore};

/// A workflow and what it runs on. The workflow is named, or comes along.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) struct Form {
    /// The photos, one field each.
    #[schema(value_type = Vec<String>, format = Binary)]
    photo: Vec<Vec<u8>>,
    /// The videos, one field each, if the workflow takes videos.
    #[schema(value_type = Vec<String>, format = Binary)]
    video: Option<Vec<Vec<u8>>>,
    /// Name of a workflow that `GET /v1/workflows` lists; with `text`, what to call it.
    workflow: Option<String>,
    /// A workflow file, TOML or JSON. It may name no files.
    text: Option<String>,
    /// Settings to change, `node.key=value`, one field each.
    set: Option<Vec<String>>,
}

/// How a workflow is run.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Manner {
    /// Whether the answer waits for the result: one photo up to 25 megapixels and 100 MB.
    wait: Option<bool>,
}

/// A workflow without a fault.
#[derive(Serialize, ToSchema)]
pub(crate) struct Good {
    /// What the file calls itself.
    name: String,
    /// What it is for.
    help: String,
    /// `photo` or `video`.
    takes: String,
    /// Number of its nodes, those of workflows in it included.
    nodes: u64,
    /// What is in the file, as JSON.
    file: Value,
}

/// List the workflows of relume and those that were saved.
#[utoipa::path(get, path = "/v1/workflows", tag = "workflows", responses((status = 200, body = [Workflow]), Refusal))]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Vec<Workflow>> {
    Json(app.workflows())
}

/// Show a workflow with its file.
#[utoipa::path(get, path = "/v1/workflows/{name}", tag = "workflows", params(("name" = String, Path, description = "Of the workflow")), responses((status = 200, body = WorkflowFile), Refusal))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<WorkflowFile>, Problem> {
    app.workflow(&name).map(Json)
}

/// Save a workflow under a name, in place of one that was saved under it.
///
/// The body is the file, TOML or JSON. It is checked first, and may name no files.
#[utoipa::path(
    put,
    path = "/v1/workflows/{name}",
    tag = "workflows",
    params(("name" = String, Path, description = "Small letters, digits and -, at most 64")),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 201, description = "It is saved", body = WorkflowFile),
        (status = 200, description = "It takes the place of another", body = WorkflowFile),
        Refusal
    )
)]
pub(crate) async fn save(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let text = text(&app, body).await?;
    check_text(&app, &text).await?;
    let is_new = app.save_workflow(&name, &text)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(app.workflow(&name)?)).into_response())
}

/// Remove a workflow that was saved.
#[utoipa::path(
    delete,
    path = "/v1/workflows/{name}",
    tag = "workflows",
    params(("name" = String, Path, description = "Of the workflow")),
    responses((status = 204, description = "It is removed"), Refusal)
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.remove_workflow(&name).map(|()| StatusCode::NO_CONTENT)
}

/// Check a workflow: the body is the file, TOML or JSON.
///
/// A broken one is answered with 422, and `faults` names line and remedy of everything that is wrong.
#[utoipa::path(
    post,
    path = "/v1/workflows/check",
    tag = "workflows",
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, description = "Nothing is wrong", body = Good), Refusal)
)]
pub(crate) async fn check(State(app): State<Arc<App>>, body: Body) -> Result<Json<Good>, Problem> {
    let text = text(&app, body).await?;
    let seen = check_text(&app, &text).await?;
    let words = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
    let file = relume::workflow::to_json(&text, WORKFLOW).unwrap_or_default();
    let nodes = seen["nodes"].as_u64().unwrap_or(0);
    Ok(Json(Good { name: words("name"), help: words("help"), takes: words("takes"), nodes, file }))
}

/// Run a workflow on photos or videos, when their turn comes or with `wait=true` at once.
///
/// At once the answer is the main result, and the header `Relume-Report` says what the nodes said.
/// A request with an `Idempotency-Key` that came before is answered with the job it made then.
#[utoipa::path(
    post,
    path = "/v1/workflows/run",
    tag = "workflows",
    params(
        Manner,
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sure that the request counts once")
    ),
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "The job waits; `Location` is its address", body = Job),
        (status = 200, description = "The same request came before; with `wait=true` the result", content(
            (Job = "application/json"),
            (Bytes = "image/*")
        )),
        Refusal
    )
)]
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    manner: Result<Query<Manner>, QueryRejection>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    if query(manner)?.wait == Some(true) {
        return run_at_once(&app, form).await;
    }
    let bounds = upload::Bounds { workflow: true, ..upload::Bounds::of_job(&app) };
    jobs::add(&app, &headers, form, bounds).await
}

async fn run_at_once(
    app: &Arc<App>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let visit = Visit::begin(app)?;
    let bounds = upload::Bounds { workflow: true, ..upload::Bounds::at_once(app, "photo", 1) };
    let mut upload = visit.receive_within(form, bounds).await?;
    settle(app, &visit, &mut upload).await?;
    let report = visit.restore(&upload, 0).await?;
    let item = &upload.photos[0];
    let made = item.made(0, &report);
    let Some(main) = made.first() else {
        let detail =
            "this workflow writes no picture; run it as a job, whose report has its figures";
        return Err(Problem::unprocessable(detail));
    };
    let format = Format::of_name(&main.file).unwrap_or(item.format);
    let path = upload.folder.path.join(&main.file);
    let response = super::file(&path, format.content_type(), Some(&main.name)).await?;
    Ok(restore::with_report(response, &report))
}

/// Finds the workflow that a form asks for, checks it, and puts it into the folder.
pub(crate) async fn settle(
    app: &Arc<App>,
    visit: &Visit<'_>,
    upload: &mut Upload,
) -> Result<(), Problem> {
    let wanted = std::mem::take(&mut upload.workflow);
    let text = match (wanted.text, &wanted.name) {
        (Some(text), _) => text,
        (None, Some(name)) => app.workflow(name)?.text,
        (None, None) => {
            let detail = "name a workflow in the field workflow, or send one in the field text";
            return Err(Problem::bad_request(detail));
        }
    };
    let seen = visit.check(&upload.folder.path, &text, &upload.settings.set).await?;
    let takes_video = seen["takes"] == "video";
    if let Some(item) = upload.photos.iter().find(|item| item.video.is_some() != takes_video) {
        let detail = match takes_video {
            true => format!("{}: this workflow takes videos, in the field video", item.name),
            false => format!("{}: this workflow takes photos, in the field photo", item.name),
        };
        return Err(Problem::unprocessable(detail));
    }
    let own_name = || seen["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let name = wanted.name.or_else(own_name).unwrap_or_else(|| "workflow".to_owned());
    upload.settings.model = None;
    upload.settings.workflow = Some(name);
    Ok(())
}

async fn check_text(app: &Arc<App>, text: &str) -> Result<Value, Problem> {
    let visit = Visit::begin(app)?;
    let folder = app.data.fresh().map_err(|_| Problem::internal())?;
    visit.check(&folder.path, text, &[]).await
}

/// A body as text.
async fn text(app: &App, body: Body) -> Result<String, Problem> {
    let limit = upload::WORKFLOW;
    let read = axum::body::to_bytes(body, limit);
    let patience = app.options.patience + Duration::from_secs(30);
    let bytes = tokio::time::timeout(patience, read).await.map_err(|_| upload::late())?;
    let too_long = || Problem::too_large(format!("a workflow has at most {limit} bytes"));
    let bytes = bytes.map_err(|_| too_long())?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Problem::bad_request("the body is not UTF-8"))
}

impl Visit<'_> {
    /// Writes a workflow into a folder and has it checked there.
    pub(crate) async fn check(
        &self,
        folder: &std::path::Path,
        text: &str,
        changes: &[String],
    ) -> Result<Value, Problem> {
        let seen = self.check_in(folder, text, changes).await?;
        match faults(&seen) {
            Some(problem) => Err(problem),
            None => Ok(seen),
        }
    }
}
