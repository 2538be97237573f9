//! Steps that find one picture in another. They see whole values of fixed extent.

use rayon::prelude::*;
use relume_kernels::Window;

use super::Work;
use crate::layer::Layer;
use crate::motion;
use crate::recover::{copied_share, recover_pixel};

/// Makes all of `out`.
pub(super) fn apply(work: &Work<'_>, out: &mut Window) {
    let inputs: Vec<Vec<f32>> = work.inputs.iter().map(|input| input.to_planar()).collect();
    let (channels, size) = (work.inputs[0].channels(), work.source);
    let shape = (channels, size.0, size.1);
    let number = |suffix| work.own(suffix)[0];
    let three = || [0, 1, 2].map(|i| inputs[i].as_slice());
    let made = match &work.node().layer {
        Layer::Warp => motion::warp(&inputs[0], &inputs[1], shape),
        Layer::Correlate(radius) => {
            let mut made = vec![0.0; out.channels() * size.0 * size.1];
            motion::correlate((&inputs[0], &inputs[1]), shape, *radius, &mut made);
            made
        }
        Layer::Match { radius } => {
            let numbers = ["burnt", "certain", "cycle"].map(number);
            motion::find(three(), shape, *radius, numbers)
        }
        Layer::Propagate => motion::propagate(three(), shape, number("reach")),
        _ => recover(&inputs, size.0 * size.1),
    };
    out.fill_from_planar(&made);
}

/// Light above the clip level; `area` pixels a plane.
fn recover(inputs: &[Vec<f32>], area: usize) -> Vec<f32> {
    let mut out = vec![0.0; 3 * area];
    out.par_chunks_mut(area).enumerate().for_each(|(c, out)| {
        let [light, clipping, copied, gains] = [0, 1, 2, 4].map(|i| &inputs[i][c * area..][..area]);
        let logits = &inputs[4][3 * area..];
        for (i, to) in out.iter_mut().enumerate() {
            *to = light[i];
            if clipping[i] > 0.0 {
                let share = copied_share(logits[i], inputs[3][i]);
                *to = recover_pixel(light[i], clipping[i], copied[i], share, gains[i]);
            }
        }
    });
    out
}
