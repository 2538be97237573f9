//! How a network learns: optimiser, schedule, losses, mixup.

use serde::{Deserialize, Serialize};

/// The rule that turns gradients into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam (Kingma and Ba 2015); weight decay is added to the gradient.
    Adam,
    /// AdamW (Loshchilov and Hutter 2019); weight decay acts on the weights alone.
    AdamW,
    /// Gradient descent with momentum; weight decay is added to the gradient.
    Sgd,
}

/// How the weights are changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerRecipe {
    /// The rule.
    pub kind: OptimizerKind,
    /// Learning rate; the schedule scales it.
    pub rate: f32,
    /// Memory of the first and second moments; the first is the momentum of `sgd`.
    pub betas: [f32; 2],
    /// Keeps the division by the second moment finite.
    pub epsilon: f32,
    /// Weight decay.
    pub decay: f32,
    /// Whether biases and other vectors decay too.
    pub decay_vectors: bool,
    /// Largest norm of all gradients together; 0 for no limit.
    pub clip: f32,
    /// Decay of the moving average of the weights, which is what is saved as the model; 0 for none.
    pub average: f32,
}

impl Default for OptimizerRecipe {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::AdamW,
            rate: 1e-3,
            betas: [0.9, 0.99],
            epsilon: 1e-8,
            decay: 1e-4,
            decay_vectors: false,
            clip: 1.0,
            average: 0.999,
        }
    }
}

/// The shape of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Always the same.
    Constant,
    /// Half a cosine from the rate to its `last` share (Loshchilov and Hutter 2017).
    Cosine,
    /// Times `factor` at each milestone.
    Step,
    /// A straight line from the rate to its `last` share.
    Linear,
}

/// The learning rate over the steps of a stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleRecipe {
    /// Its shape.
    pub kind: ScheduleKind,
    /// Steps of linear warm-up at the start.
    pub warmup: usize,
    /// Step at which `cosine` and `linear` begin to fall.
    pub start: usize,
    /// Share of the rate that is left at the end of `cosine` and `linear`.
    pub last: f32,
    /// Steps at which `step` multiplies.
    pub milestones: Vec<usize>,
    /// What `step` multiplies by.
    pub factor: f32,
    /// Steps for which the rate stays the same; an epoch's worth imitates schedules per epoch.
    pub hold: usize,
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Cosine,
            warmup: 200,
            start: 0,
            last: 0.01,
            milestones: Vec::new(),
            factor: 0.5,
            hold: 1,
        }
    }
}

impl ScheduleRecipe {
    /// Share of the learning rate at `step` of a stage of `steps`.
    pub fn share(&self, step: usize, steps: usize) -> f32 {
        let warm = ((step + 1) as f32 / self.warmup.max(1) as f32).min(1.0);
        let step = step / self.hold.max(1) * self.hold.max(1);
        let length = steps.saturating_sub(self.start).max(1);
        let done = (step.saturating_sub(self.start) as f32 / length as f32).min(1.0);
        warm * match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Cosine => {
                let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
                self.last + (1.0 - self.last) * cosine
            }
            ScheduleKind::Linear => 1.0 + (self.last - 1.0) * done,
            ScheduleKind::Step => {
                let passed = self.milestones.iter().filter(|&&milestone| milestone <= step);
                self.factor.powi(passed.count() as i32)
            }
        }
    }
}

/// One term of the loss; what its kind needs beyond this is in `parameters`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LossRecipe {
    /// Its kind, as in `relume train --explain`.
    pub kind: String,
    /// Its factor in the sum.
    #[serde(default = "default_weight")]
    pub weight: f32,
    /// The parameters of its kind.
    #[serde(flatten)]
    pub parameters: toml::Table,
}

fn default_weight() -> f32 {
    1.0
}

/// Blends each sample with another of its batch (Zhang et al. 2018).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixupRecipe {
    /// Step of the stage from which on samples are blended.
    pub start: usize,
    /// Shares are drawn from Beta(alpha, alpha), one per sample.
    pub alpha: f32,
}

impl Default for MixupRecipe {
    fn default() -> Self {
        Self { start: 0, alpha: 1.2 }
    }
}
