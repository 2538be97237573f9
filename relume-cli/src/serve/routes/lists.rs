//! What there is to choose from.

use axum::Json;
use relume::metrics::{Better, METRICS};
use relume::models::{MODELS, alen};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::problem::Refusal;
use super::super::settings::{MODEL, restores};
use crate::model_cache::Cache;

/// A network that restores photos.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    /// Its name.
    name: &'static str,
    /// What it is for.
    help: &'static str,
    /// Where the idea comes from.
    source: &'static str,
    /// Whether its weights are in the program or were imported.
    ready: bool,
    /// Whether it is the one without a wish.
    usual: bool,
}

/// A measure of quality.
#[derive(Serialize, ToSchema)]
pub(crate) struct Metric {
    /// Its name.
    name: &'static str,
    /// What it measures.
    help: &'static str,
    /// The paper or code it follows.
    source: &'static str,
    /// Unit, or empty.
    unit: &'static str,
    /// `higher` or `lower`.
    #[schema(value_type = String)]
    better: Better,
}

/// Whether the weights of a model are in the program or were imported.
pub(crate) fn is_ready(name: &str) -> bool {
    let cache = Cache::from_environment().ok();
    let imported = |name: &str| cache.as_ref().is_some_and(|cache| cache.imported(name).is_file());
    let parts = || alen::PARTS.iter().all(|(_, card)| imported(card.name));
    let carried = MODELS.iter().any(|card| card.name == name && card.weights.is_some());
    carried || imported(name) || (name == alen::PUBLISHED.name && parts())
}

/// List the networks that restore photos.
#[utoipa::path(get, path = "/v1/models", tag = "lists", responses((status = 200, body = [Model]), Refusal))]
pub(crate) async fn models() -> Json<Vec<Model>> {
    let model = |card: &&'static relume::models::ModelCard| Model {
        name: card.name,
        help: card.help,
        source: card.source,
        ready: is_ready(card.name),
        usual: card.name == MODEL,
    };
    Json(MODELS.iter().filter(|card| restores(card)).map(model).collect())
}

/// List the measures of quality that `relume score` knows.
#[utoipa::path(get, path = "/v1/metrics", tag = "lists", responses((status = 200, body = [Metric]), Refusal))]
pub(crate) async fn metrics() -> Json<Vec<Metric>> {
    let metric = |card: &relume::metrics::MetricCard| Metric {
        name: card.name,
        help: card.help,
        source: card.source,
        unit: card.unit,
        better: card.better,
    };
    Json(METRICS.iter().map(|card| metric(card)).collect())
}
