//! A run in progress: the network, its optimiser and where they compute.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use relume_nn::burn::{Parameters, Tensors, download, run as forward, upload};
use relume_nn::{Feeds, Graph, Tensor, Weights};

use crate::batch::Batch;
use crate::losses::Given;
use crate::optimizer::{Gradients, Optimizer};
use crate::recipe::OptimizerRecipe;
use crate::terms::Terms;
use crate::{Error, Result};

/// What one step reports.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The weighted sum.
    pub loss: f32,
    /// Each term before weighting.
    pub terms: BTreeMap<String, f32>,
    /// Norm of all gradients together, before clipping.
    pub norm: f32,
}

/// Loss and gradients of `batch` for the parameters named in `trainable`, computed inside the rayon
/// pool: a step starts parallel work some hundred times, and from outside each would wake a thread.
///
/// # Errors
/// When the network does not run, or [`Error::Diverged`] when the loss is not finite.
pub fn gradients(
    graph: &Graph,
    weights: &Weights,
    trainable: &BTreeSet<String>,
    batch: &Batch,
    terms: &Terms,
    device: &Device,
) -> Result<(Report, Gradients)> {
    rayon::scope(|_| in_pool(graph, weights, trainable, (batch, terms), device))
}

fn in_pool(
    graph: &Graph,
    weights: &Weights,
    trainable: &BTreeSet<String>,
    (batch, terms): (&Batch, &Terms),
    device: &Device,
) -> Result<(Report, Gradients)> {
    let parameters = Parameters::new(weights, device, true);
    let send = |tensors: &Feeds| -> Tensors {
        tensors.iter().map(|(name, tensor)| (name.clone(), upload(tensor, device))).collect()
    };
    let (feeds, targets) = (send(&batch.feeds), send(&batch.targets));
    let wanted: Vec<&str> = terms.outputs().into_iter().collect();
    let outputs = forward(graph, &parameters, &feeds, &wanted)?;
    let given = Given { outputs: &outputs, targets: &targets, feeds: &feeds };
    let (sum, each) = terms.value(&given)?;
    let loss = sum.clone().into_scalar::<f32>();
    if !loss.is_finite() {
        return Err(Error::Diverged { step: 0, loss });
    }
    let each = each.into_iter().map(|(name, value)| (name.to_owned(), value.into_scalar::<f32>()));
    let terms = each.collect();
    let found = sum.backward();
    let mut gradients = Gradients::new();
    for key in trainable {
        if let Some(gradient) = parameters.get(key).and_then(|p| p.grad(&found)) {
            let values = gradient.into_data().try_into_vec::<f32>();
            let values = values.map_err(|e| relume_nn::Error::Run(format!("{key}: {e:?}")))?;
            gradients.insert(key.clone(), values);
        }
    }
    Ok((Report { loss, terms, norm: 0.0 }, gradients))
}

/// One step: forward, loss, backward, update.
///
/// # Errors
/// As [`gradients`].
pub fn learn(
    graph: &Graph,
    state: &mut Optimizer,
    (trainable, terms): (&BTreeSet<String>, &Terms),
    batch: &Batch,
    (rate, optimizer): (f32, &OptimizerRecipe),
    device: &Device,
) -> Result<Report> {
    let found = gradients(graph, &state.weights, trainable, batch, terms, device);
    let (mut report, gradients) = found.map_err(|error| match error {
        Error::Diverged { loss, .. } => Error::Diverged { step: state.step, loss },
        other => other,
    })?;
    report.norm = state.step(&gradients, rate, optimizer);
    Ok(report)
}

/// Runs a network without gradients on the host's tensors.
///
/// # Errors
/// When the network does not run.
pub fn infer(
    graph: &Graph,
    parameters: &Parameters,
    device: &Device,
    feeds: &Feeds,
    outputs: &[&str],
) -> Result<BTreeMap<String, Tensor>> {
    let feeds = feeds.iter().map(|(name, tensor)| (name.clone(), upload(tensor, device))).collect();
    let outputs = forward(graph, parameters, &feeds, outputs)?;
    outputs.into_iter().map(|(name, tensor)| Ok((name, download(tensor)?))).collect()
}
