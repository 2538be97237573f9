//! The light-enhancement curve.

use super::map2;
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step};

/// `x + r (x² − x)` of a picture and its map `r`.
#[derive(Debug)]
pub(in crate::burn) struct Curve;

impl Step for Curve {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let (x, r) = (inputs[0], inputs[1]);
        (map2(x.values, r.values, |x, r| x + r * (x * x - x)), x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [x, r, dy] = [outer.inputs[0].values, outer.inputs[1].values, outer.gradient];
        let by = |slopes: Vec<f32>| Gradient::Of(map2(&slopes, dy, |slope, dy| slope * dy));
        let dx = || by(map2(x, r, |x, r| 1.0 + r * (2.0 * x - 1.0)));
        let dr = || by(map2(x, x, |x, _| x * x - x));
        let or = |wanted: bool, make: &dyn Fn() -> Gradient| {
            if wanted { make() } else { Gradient::None }
        };
        [or(outer.wanted[0], &dx), or(outer.wanted[1], &dr), Gradient::None, Gradient::None]
    }
}
