//! Looking at pictures, making them bad, and naming what there is.

use pyo3::prelude::*;
use relume::metrics::{METRICS, Pristine, Shown, Subject, align, find};
use relume::models::MODELS;
use relume_cli::{Code, Failure};
use relume_media::degrade::{Degradation, DegradeOptions};
use relume_media::{Image, Photo, Srgb};
use serde_json::{Value, json};

use crate::errors::{Raise, json as text};
use crate::{arrays, work};

/// What is wrong with a picture, as JSON.
#[pyfunction]
#[pyo3(signature = (picture, icc=None))]
pub(crate) fn inspect(
    py: Python<'_>,
    picture: &Bound<'_, PyAny>,
    icc: Option<Vec<u8>>,
) -> PyResult<String> {
    let photo = arrays::photo(picture, icc)?;
    let diagnosis = work::beside(py, |_| Ok(relume::diagnose(&photo.image)))?;
    text(py, &diagnosis)
}

/// A good picture made bad, and the record of it as JSON. What is not given is drawn from the seed.
#[pyfunction]
#[pyo3(signature = (picture, seed=0, *, ev=None, shake=None, iso=None, jpeg=None))]
pub(crate) fn degrade<'py>(
    py: Python<'py>,
    picture: &Bound<'py, PyAny>,
    seed: u64,
    ev: Option<f32>,
    shake: Option<f32>,
    iso: Option<f32>,
    jpeg: Option<u8>,
) -> PyResult<(Bound<'py, PyAny>, String)> {
    let photo = arrays::photo(picture, None)?;
    let mut options = DegradeOptions { untouched_share: 0.0, ..DegradeOptions::default() };
    if let Some(ev) = ev {
        options.exposure_cut_ev = [ev, ev];
    }
    if let Some(pixels) = shake {
        options.shake_px = [pixels, pixels];
        options.shake_long_side = None;
    }
    if let Some(iso) = iso {
        options.iso = [iso, iso];
    }
    if let Some(quality) = jpeg {
        options.lossless_share = if quality == 0 { 1.0 } else { 0.0 };
        options.jpeg_quality = [quality.max(1), quality.max(1)];
    }
    options.check().or_raise(py)?;
    let (photo, done) = work::beside(py, |_| {
        let done = Degradation::sample(seed, photo.size(), &options);
        let degraded = done.apply(&photo.image)?;
        // What a camera makes is opaque; else it keeps its layout.
        Ok((Photo { image: degraded.image, ..photo }, done))
    })?;
    let record = text(py, &done)?;
    Ok((arrays::array(py, &photo, None)?, record))
}

/// How near a picture is to the truth, or how good it is by itself, as JSON; all that can be
/// measured always, if none is named.
#[pyfunction]
#[pyo3(signature = (picture, truth=None, names=None, fit=false, icc=None))]
pub(crate) fn metrics(
    py: Python<'_>,
    picture: &Bound<'_, PyAny>,
    truth: Option<&Bound<'_, PyAny>>,
    names: Option<Vec<String>>,
    fit: bool,
    icc: Option<Vec<u8>>,
) -> PyResult<String> {
    let picture = arrays::photo(picture, icc)?.image;
    let truth = truth.map(|truth| arrays::photo(truth, None)).transpose()?;
    let truth = truth.map(|truth| truth.image);
    let scores = work::beside(py, |_| scores(picture, truth.as_ref(), names.as_deref(), fit))?;
    text(py, &scores)
}

fn scores(
    picture: Image<Srgb>,
    truth: Option<&Image<Srgb>>,
    names: Option<&[String]>,
    fit: bool,
) -> Result<Value, Failure> {
    let cards = match names {
        Some(names) => names.iter().map(|name| known(name)).collect::<Result<Vec<_>, _>>()?,
        None => {
            let fits = |card: &&&relume::metrics::MetricCard| match truth {
                Some(_) => card.shown == Shown::Always,
                None => !card.needs_truth() && card.shown != Shown::OnRequest,
            };
            METRICS.iter().filter(fits).copied().collect()
        }
    };
    let picture = match truth {
        Some(truth) if fit => align(&picture, truth)?,
        _ => picture,
    };
    let pristine = Pristine::ours()?;
    let subject = Subject { picture: &picture, truth, pristine: &pristine };
    let mut scores = serde_json::Map::new();
    for card in cards {
        let value = card.evaluate(&subject)?;
        // JSON has no infinity; Python's reader knows the word.
        let value = serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number);
        scores.insert(card.name.to_owned(), value);
    }
    Ok(scores.into())
}

fn known(name: &str) -> Result<&'static relume::metrics::MetricCard, Failure> {
    find(name).ok_or_else(|| {
        let known: Vec<_> = METRICS.iter().map(|card| card.name).collect();
        let message = format!("no metric is called {name}; there is {}", known.join(", "));
        Failure::new(Code::Usage, message)
    })
}

/// The metrics there are, as JSON.
#[pyfunction]
pub(crate) fn metric_cards(py: Python<'_>) -> PyResult<String> {
    let cards: Vec<Value> = METRICS
        .iter()
        .map(|card| {
            json!({
                "name": card.name, "help": card.help, "source": card.source, "unit": card.unit,
                "better": card.better, "needs_truth": card.needs_truth(),
            })
        })
        .collect();
    text(py, &cards)
}

/// The networks there are, as JSON.
#[pyfunction]
pub(crate) fn models(py: Python<'_>) -> PyResult<String> {
    let cards: Vec<Value> = MODELS
        .iter()
        .map(|card| {
            json!({
                "name": card.name, "help": card.help, "source": card.source,
                "inside": card.weights.is_some(),
            })
        })
        .collect();
    text(py, &cards)
}
