//! The exposure step.

use rayon::prelude::*;

use relume_kernels::power;

use super::CHUNK;
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::relight::{Exposure, KNEE, decode};

/// [`Exposure::relight`] of a picture by gains and whites `[n, 2, 1, 1]`.
#[derive(Debug)]
pub(in crate::burn) struct Relight;

fn exposure(told: &Array<'_>, sample: usize) -> Exposure {
    Exposure { gain: told.values[2 * sample], white: told.values[2 * sample + 1] }
}

/// [`Exposure::relight`] of many numbers, with the powers taken together.
fn relight(exposure: Exposure, encoded: &[f32], out: &mut [f32]) {
    const SOME: usize = 256;
    let mut toned = [0.0_f32; SOME];
    for (out, encoded) in out.chunks_mut(SOME).zip(encoded.chunks(SOME)) {
        out.iter_mut().zip(encoded).for_each(|(out, x)| *out = (x.max(0.0) + 0.055) / 1.055);
        power(out, 2.4);
        for (toned, (out, &x)) in toned.iter_mut().zip(out.iter_mut().zip(encoded)) {
            let linear = if x <= 0.040_45 { x.max(0.0) / 12.92 } else { *out };
            *toned = exposure.tone(linear);
            *out = toned.max(0.001);
        }
        power(out, 1.0 / 2.4);
        for (out, &toned) in out.iter_mut().zip(&toned) {
            *out = if toned <= 0.003_130_8 { toned * 12.92 } else { 1.055 * *out - 0.055 };
        }
    }
}

/// The derivatives of `exposure.relight(encoded)` by `encoded`, gain and white.
fn slopes(exposure: Exposure, encoded: f32) -> [f32; 3] {
    let linear = decode(encoded);
    let by_encoded = match encoded {
        ..=0.0 => 0.0,
        ..=0.040_45 => 1.0 / 12.92,
        _ => 2.4 / 1.055 * ((encoded + 0.055) / 1.055).powf(1.4),
    };
    let exposed = exposure.gain * linear;
    let (mut by_exposed, mut by_white) = (1.0, 0.0);
    if exposed > KNEE {
        let span = 1.0 - KNEE;
        let top = (exposure.white.max(1.0) - KNEE) / span;
        let above = (exposed - KNEE) / span;
        let below = 1.0 / (1.0 + above);
        by_exposed = (1.0 + above * (2.0 + above) / (top * top)) * below * below;
        if exposure.white > 1.0 {
            by_white = -2.0 * above * above * below / (top * top * top);
        }
    }
    let toned = exposure.tone(linear);
    if toned >= 1.0 {
        (by_exposed, by_white) = (0.0, 0.0); // clipped
    }
    let by_toned = match toned {
        ..=0.003_130_8 => 12.92,
        _ => 1.055 / 2.4 * toned.powf(1.0 / 2.4 - 1.0),
    };
    [by_exposed * exposure.gain * by_encoded, by_exposed * linear, by_white].map(|v| v * by_toned)
}

impl Step for Relight {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let (x, told) = (inputs[0], inputs[1]);
        let sample = x.values.len() / x.shape[0];
        let mut out = buffer(x.values.len());
        let samples = out.chunks_mut(sample).zip(x.values.chunks(sample));
        for (index, (out, x)) in samples.enumerate() {
            let exposure = exposure(&told, index);
            out.par_chunks_mut(CHUNK)
                .zip(x.par_chunks(CHUNK))
                .for_each(|(out, x)| relight(exposure, x, out));
        }
        (out, x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, told) = (outer.inputs[0], outer.inputs[1]);
        let sample = x.values.len() / x.shape[0];
        let mut dx = buffer(x.values.len());
        let mut dtold = vec![0.0; told.values.len()];
        let samples = dx.par_chunks_mut(sample).zip(dtold.par_chunks_mut(2));
        let given = x.values.par_chunks(sample).zip(outer.gradient.par_chunks(sample));
        samples.zip(given).enumerate().for_each(|(index, ((dx, dtold), (x, dy)))| {
            let exposure = exposure(&told, index);
            let mut sums = [0.0_f64; 2];
            for (dx, (&x, &dy)) in dx.iter_mut().zip(x.iter().zip(dy)) {
                let [by_encoded, by_gain, by_white] = slopes(exposure, x);
                *dx = dy * by_encoded;
                sums[0] += f64::from(dy * by_gain);
                sums[1] += f64::from(dy * by_white);
            }
            dtold.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum as f32);
        });
        [Gradient::Of(dx), Gradient::Of(dtold), Gradient::None, Gradient::None]
    }
}
