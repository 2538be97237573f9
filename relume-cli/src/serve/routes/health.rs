//! How the server is, and the page's way to carry the token.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::App;
use super::super::guard::{COOKIE, carries, unauthorized};
use super::super::problem::{Problem, Refusal};

/// Say that the server is alive and its store can be read.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, body = String, content_type = "text/plain"), Refusal))]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    app.store.newest().map_err(|failure| app.explain(failure))?;
    Ok("ok\n")
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, body = String, content_type = "text/plain"), Refusal))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let states = app.store.count().map_err(|failure| app.explain(failure))?;
    let mut text = String::new();
    let jobs = states.iter().filter(|(state, _)| state != "removed");
    text += "# HELP relume_jobs Jobs by state.\n# TYPE relume_jobs gauge\n";
    for (state, count) in jobs {
        // Writing to a string does not fail.
        let _ = writeln!(text, "relume_jobs{{state=\"{state}\"}} {count}");
    }
    let counts = &app.counts;
    let counters: [(&str, &AtomicU64, &str); 6] = [
        ("requests", &counts.requests, "Requests."),
        ("refusals", &counts.refused, "Requests that were not met."),
        ("failed_jobs", &counts.failed, "Jobs of which no photo was restored."),
        ("uploaded_bytes", &counts.uploaded_bytes, "Bytes of forms."),
        ("photos", &counts.photos, "Photos restored."),
        ("photo_failures", &counts.photo_failures, "Photos that could not be restored."),
    ];
    for (name, value, help) in counters {
        let value = value.load(Ordering::Relaxed);
        let name = format!("relume_{name}_total");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
    }
    let seconds = counts.work_milliseconds.load(Ordering::Relaxed) as f64 / 1e3;
    let name = "relume_work_seconds_total";
    let _ = writeln!(text, "# HELP {name} Time of work.\n# TYPE {name} counter\n{name} {seconds}");
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// Turn the token into a cookie, for the page in a browser.
#[utoipa::path(post, path = "/v1/session", tag = "server", responses((status = 204, description = "The cookie is set, or none is needed"), Refusal))]
pub(crate) async fn session(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(token) = &app.options.token else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if !carries(&headers, token) {
        return Err(unauthorized());
    }
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
