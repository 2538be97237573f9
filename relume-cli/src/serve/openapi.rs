//! The description of the API for programs, made from the functions that answer.

use utoipa::OpenApi;

use super::problem::Problem;
use super::routes::{enhance, health, inspect, jobs, lists, nodes, restore, workflows};

/// `/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "relume",
        description = "Restores photos and videos taken in low light with a shaky hand. Errors are RFC 9457 problems.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem)),
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
        jobs::frame,
        workflows::list,
        workflows::show,
        workflows::save,
        workflows::remove,
        workflows::check,
        workflows::run,
        nodes::nodes,
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_description_is_whole() {
        let api: Value = serde_json::from_str(&super::json()).unwrap();
        let mut found = Vec::new();
        references(&api, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let place = reference.strip_prefix('#').unwrap();
            assert!(api.pointer(place).is_some(), "{reference} leads nowhere");
        }
    }
}
