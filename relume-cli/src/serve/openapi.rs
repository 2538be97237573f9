//! The description of the API for programs, made from the functions that answer.

use utoipa::OpenApi;

use super::routes::{enhance, health, inspect, jobs, lists, restore};

/// `/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "relume",
        description = "Restores photos taken in low light with a shaky hand. Errors are RFC 9457 problems.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        restore::restore,
        inspect::inspect,
        jobs::create,
        jobs::list,
        jobs::changes,
        jobs::show,
        jobs::delete,
        jobs::retry,
        jobs::events,
        jobs::result,
        jobs::original,
        lists::models,
        lists::metrics,
        enhance::enhance,
        enhance::batch_enhance,
        health::health,
        health::metrics,
        health::session,
    )
)]
pub(crate) struct Api;

/// The description as JSON.
pub(crate) fn json() -> String {
    Api::openapi().to_json().unwrap_or_default()
}
