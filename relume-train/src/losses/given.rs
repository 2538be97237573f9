//! What a loss may look at.

use burn::tensor::Tensor;
use relume_nn::burn::Tensors;

use super::linear::pool;
use crate::{Error, Result};

/// What a loss may look at, by name: what the network gave, what it should have given, what it was
/// fed. All tensors are `[n, c, h, w]`.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What the network gave.
    pub outputs: &'a Tensors,
    /// What it should have given.
    pub targets: &'a Tensors,
    /// What it was fed.
    pub feeds: &'a Tensors,
}

impl Given<'_> {
    /// The output called `name`.
    pub(super) fn output(&self, name: &str) -> Result<Tensor<4>> {
        find(self.outputs, "output", name)
    }

    /// The target called `name`.
    pub(super) fn target(&self, name: &str) -> Result<Tensor<4>> {
        find(self.targets, "target", name)
    }

    /// The output and its target, of one shape. No `target` means the one of the output's name.
    pub(super) fn pair(&self, output: &str, target: &str) -> Result<(Tensor<4>, Tensor<4>)> {
        let target = if target.is_empty() { output } else { target };
        let (x, truth) = (self.output(output)?, self.target(target)?);
        if x.dims() != truth.dims() {
            let message = format!(
                "the output {output} is {:?} and its target {target} {:?}; they must be alike",
                x.dims(),
                truth.dims()
            );
            return Err(Error::Setup(message));
        }
        Ok((x, truth))
    }

    /// What the output lacks of its target: their difference.
    pub(super) fn difference(&self, output: &str, target: &str) -> Result<Tensor<4>> {
        self.pair(output, target).map(|(x, truth)| x - truth)
    }

    /// The output with its target averaged down to the output's size, and the reduction.
    pub(super) fn reduced_pair(
        &self,
        output: &str,
        target: &str,
    ) -> Result<(Tensor<4>, Tensor<4>, usize)> {
        let name = if target.is_empty() { output } else { target };
        let (x, truth) = (self.output(output)?, self.target(name)?);
        let scale = reduction(&x, &truth, name)?;
        let truth = pool(truth, scale);
        if x.dims()[..2] != truth.dims()[..2] {
            let message = format!(
                "the output {output} is {:?} and its target {name} {:?}; samples and channels must \
                 be alike",
                x.dims(),
                truth.dims()
            );
            return Err(Error::Setup(message));
        }
        Ok((x, truth, scale))
    }

    /// The target `name`, motion in its own pixels, averaged down to the size of `like` and counted in
    /// the pixels of that.
    pub(super) fn reduced(&self, name: &str, like: &Tensor<4>) -> Result<Tensor<4>> {
        let motion = self.target(name)?;
        let scale = reduction(like, &motion, name)?;
        Ok(pool(motion, scale) / scale as f64)
    }

    /// The target or feed `name` as weights of every value of `like`: averaged down to its size,
    /// one channel spread over all. No name means 1 everywhere.
    pub(super) fn mask(&self, name: &str, like: &Tensor<4>) -> Result<Tensor<4>> {
        if name.is_empty() {
            return Ok(like.ones_like());
        }
        let mask = match self.feeds.get(name) {
            Some(mask) if !self.targets.contains_key(name) => mask.clone(),
            _ => self.target(name)?,
        };
        let mask = pool(mask.clone(), reduction(like, &mask, name)?);
        let (dims, wanted) = (mask.dims(), like.dims());
        if dims[0] != wanted[0] || ![1, wanted[1]].contains(&dims[1]) {
            let message = format!("the mask {name} is {dims:?}, it is to fit {wanted:?}");
            return Err(Error::Setup(message));
        }
        Ok(mask.expand(wanted))
    }

    /// The feed called `name`; without a name the only feed of the shape of `like`.
    pub(super) fn feed_like(&self, name: &str, like: &Tensor<4>) -> Result<Tensor<4>> {
        let feed = if name.is_empty() {
            let mut alike = self.feeds.values().filter(|feed| feed.dims() == like.dims());
            alike.next().filter(|_| alike.next().is_none()).cloned().ok_or_else(|| {
                let wanted = like.dims();
                Error::Setup(format!("no feed or several are {wanted:?}; say which by `feed`"))
            })?
        } else {
            find(self.feeds, "feed", name)?
        };
        if feed.dims() == like.dims() {
            return Ok(feed);
        }
        let (fed, gave) = (feed.dims(), like.dims());
        Err(Error::Setup(format!("the feed {name} is {fed:?} and the output {gave:?}")))
    }
}

fn find(tensors: &Tensors, role: &str, name: &str) -> Result<Tensor<4>> {
    tensors.get(name).cloned().ok_or_else(|| {
        let known = tensors.keys().map(String::as_str);
        let near = crate::nearest(name, known.clone());
        let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        let known = known.collect::<Vec<_>>().join(", ");
        Error::Setup(format!("there is no {role} {name} to judge, only {known}{near}"))
    })
}

/// By how many times `large` is higher and wider than `small`.
fn reduction(small: &Tensor<4>, large: &Tensor<4>, name: &str) -> Result<usize> {
    let ([_, _, h, w], [_, _, height, width]) = (small.dims(), large.dims());
    let scale = height / h.max(1);
    if (h * scale, w * scale) == (height, width) && scale > 0 {
        return Ok(scale);
    }
    let message = format!("{name} is {height}×{width}, not a multiple of the output's {h}×{w}");
    Err(Error::Setup(message))
}

/// Refuses pictures with a side shorter than `side`.
pub(super) fn at_least(x: &Tensor<4>, side: usize, loss: &str) -> Result<()> {
    let [_, _, h, w] = x.dims();
    if h.min(w) >= side {
        return Ok(());
    }
    let message =
        format!("{loss} needs at least {side}×{side} pixels, got {h}×{w}; enlarge `crop`");
    Err(Error::Setup(message))
}

/// Refuses tensors that have not `channels` channels.
pub(super) fn has_channels(x: &Tensor<4>, channels: usize, loss: &str) -> Result<()> {
    let found = x.dims()[1];
    if found == channels {
        return Ok(());
    }
    Err(Error::Setup(format!("{loss} judges {channels} channels, the output has {found}")))
}

/// Mean of `x` weighted by `weights` of the same shape; 0 where all weights are.
pub(super) fn weighted_mean(x: Tensor<4>, weights: Tensor<4>) -> Tensor<1> {
    let total = weights.clone().sum().clamp_min(1e-12);
    (x * weights).sum() / total
}
