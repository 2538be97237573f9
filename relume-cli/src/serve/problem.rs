//! What a client is told when a request cannot be met: RFC 9457 bodies.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use crate::exit::{Code, Failure};

/// Why a request was not met.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Which kind of problem: a reference that does not change.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind in words.
    pub(crate) title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened this time, and the remedy.
    pub(crate) detail: String,
    /// The same as `detail`, where clients of the MIRNet system look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Of a workflow: everything that is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Fault>>)]
    pub(crate) faults: Option<Box<[Fault]>>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// One mistake in a workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Fault {
    /// The file, or the change of a setting.
    pub(crate) file: String,
    /// Line, from 1; 0 where there is none.
    pub(crate) line: u32,
    /// What is wrong, and the remedy.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem");
        Self {
            kind: format!("/problems/{}", title.to_ascii_lowercase().replace(' ', "-")),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            error: None,
            faults: None,
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    pub(crate) fn no_job() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such job; it may have been removed")
    }

    /// Too much to do; the client may come back after some seconds.
    pub(crate) fn busy(detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// A fault of the server. Its cause goes to the log, not to the client.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "a fault of the server; its log says more")
    }

    /// Of a broken workflow.
    pub(crate) fn of_workflow(faults: Vec<Fault>) -> Self {
        let first = faults.first().map_or_else(String::new, |fault| match fault.line {
            0 => format!("{}: {}", fault.file, fault.message),
            line => format!("{}:{line}: {}", fault.file, fault.message),
        });
        let detail = match faults.len() {
            0 | 1 => first,
            count => format!("{first} (and {} more)", count - 1),
        };
        Self { faults: Some(faults.into()), ..Self::unprocessable(detail) }
    }

    /// With the field that clients of the MIRNet system read.
    pub(crate) fn with_error(self, error: Option<&str>) -> Self {
        let error = Some(error.map_or_else(|| self.detail.clone(), str::to_owned));
        Self { error, ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What went wrong with a photo, as the program itself reports it.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure.code {
            Code::Input | Code::Usage | Code::Model => Self::unprocessable(failure.message),
            Code::Tool => Self::new(StatusCode::NOT_IMPLEMENTED, failure.message),
            Code::Interrupted => Self::busy("the server is about to end", 10),
            _ => Self::internal(),
        }
    }
}

/// The refusals that any request may meet.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(crate) enum Refusal {
    /// The request makes no sense.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The token is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The request comes from a page of another site.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The body did not come in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// The job is not in a state for this.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// Too many bytes or pixels.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// Not a form, or not a picture of a kind that can be read.
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
    /// The server was called by a name that is not its own.
    #[response(status = 421, content_type = "application/problem+json")]
    Misdirected(Problem),
    /// A value out of range, or a damaged picture.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(Problem),
    /// A fault of the server.
    #[response(status = 500, content_type = "application/problem+json")]
    Fault(Problem),
    /// Videos, and FFmpeg is not installed.
    #[response(status = 501, content_type = "application/problem+json")]
    NoTool(Problem),
    /// The queue is full: come back after `Retry-After` seconds.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(Problem),
    /// The disk space for pictures is used up.
    #[response(status = 507, content_type = "application/problem+json")]
    Full(Problem),
}
