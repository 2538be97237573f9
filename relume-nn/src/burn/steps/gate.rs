//! Two slices of one tensor multiplied: the gate of NAFNet (Chen et al. 2022).

use rayon::prelude::*;
use relume_kernels::vectorised;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// Channels from `first` times those from `second`, `width` of each.
#[derive(Debug)]
pub(in crate::burn) struct Gate {
    pub(in crate::burn) first: usize,
    pub(in crate::burn) second: usize,
    pub(in crate::burn) width: usize,
}

impl Step for Gate {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let x = inputs[0];
        let [n, c, h, w] = x.shape;
        let mut out = buffer(n * self.width * h * w);
        out.par_chunks_mut(h * w).enumerate().for_each(|(index, out)| {
            let channel = index / self.width * c + index % self.width;
            let of = |from: usize| &x.values[(channel + from) * h * w..][..h * w];
            let pairs = of(self.first).iter().zip(of(self.second));
            vectorised(|| out.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = a * b));
        });
        (out, [n, self.width, h, w])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let x = outer.inputs[0];
        let [_, c, h, w] = x.shape;
        let mut dx = buffer(x.values.len());
        dx.par_chunks_mut(h * w).enumerate().for_each(|(index, dx)| {
            let (image, channel) = (index / c, index % c);
            // The other factor of this channel, and its place in the slices.
            let within = |from: usize| channel.checked_sub(from).filter(|at| *at < self.width);
            let other = match (within(self.first), within(self.second)) {
                (Some(at), _) => Some((at, self.second)),
                (_, Some(at)) => Some((at, self.first)),
                _ => None,
            };
            let Some((at, from)) = other else { return dx.fill(0.0) };
            let other = &x.values[(image * c + from + at) * h * w..][..h * w];
            let dy = &outer.gradient[(image * self.width + at) * h * w..][..h * w];
            let pairs = other.iter().zip(dy);
            vectorised(|| dx.iter_mut().zip(pairs).for_each(|(dx, (a, b))| *dx = a * b));
        });
        [Gradient::Of(dx), Gradient::None, Gradient::None, Gradient::None]
    }
}
