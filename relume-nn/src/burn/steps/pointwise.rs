//! Functions of one number.

use rayon::prelude::*;

use super::{CHUNK, map2};
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::layer::{Pointwise, UNSURE};

impl Pointwise {
    /// The derivative where the function of `x` is `y`.
    fn slope(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Relu => f32::from(u8::from(x > 0.0)),
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
            Self::Sigmoid => y * (1.0 - y),
            Self::Tanh => 1.0 - y * y,
            Self::Log2 => std::f32::consts::LOG2_E / x,
            Self::Clamp(low, high) => f32::from(u8::from((low..=high).contains(&x))),
            Self::Scale(factor) => factor,
            Self::LogLight(_) if x <= 0.0 => 0.0,
            Self::LogLight(top) => 255.0 / ((1.0 + 255.0 * x) * (255.0 * top).ln_1p()),
            Self::Logit if (UNSURE..=1.0 - UNSURE).contains(&x) => 1.0 / (x * (1.0 - x)),
            Self::Logit => 0.0,
            Self::Gelu => {
                let below = 0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
                let density = (-0.5 * x * x).exp() / std::f32::consts::TAU.sqrt();
                below + x * density
            }
            Self::QuickGelu => {
                let open = 1.0 / (1.0 + (-1.702 * x).exp());
                open + 1.702 * y * (1.0 - open)
            }
        }
    }
}

impl Step for Pointwise {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let x = inputs[0];
        let curve: fn(&mut [f32]) = match self {
            Self::Sigmoid => relume_kernels::sigmoid,
            Self::Tanh => relume_kernels::tanh,
            _ => return (map2(x.values, x.values, |x, _| self.apply(x)), x.shape),
        };
        let mut out = buffer(x.values.len());
        out.par_chunks_mut(CHUNK).zip(x.values.par_chunks(CHUNK)).for_each(|(out, x)| {
            out.copy_from_slice(x);
            curve(out);
        });
        (out, x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let mut dx = map2(outer.inputs[0].values, outer.output, |x, y| self.slope(x, y));
        let parts = dx.par_chunks_mut(CHUNK).zip(outer.gradient.par_chunks(CHUNK));
        parts.for_each(|(dx, dy)| dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx *= dy));
        [Gradient::Of(dx), Gradient::None, Gradient::None, Gradient::None]
    }

    fn keeps_output(&self) -> bool {
        true
    }
}
