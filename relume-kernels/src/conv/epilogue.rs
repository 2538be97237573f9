//! What surrounds a convolution in a training step, done in the same pass where that is possible.

use super::ConvShape;
use super::{dense, forward, weight_gradient, winograd};
use rayon::prelude::*;

/// What happens to the sums: `activation(sum + bias) + residual`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Then<'a> {
    /// `[c_out]`
    pub bias: Option<&'a [f32]>,
    /// What negative sums are multiplied by: 0 for ReLU, none for no activation.
    pub slope: Option<f32>,
    /// Added last, of the output's shape.
    pub residual: Option<&'a [f32]>,
}

/// Where the gradients go; those that are not wanted are not computed.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// By the input, `[n, c_in, height, width]`.
    pub dx: Option<&'a mut [f32]>,
    /// By the weight, `[c_out, c_in, kernel, kernel]`.
    pub dweight: Option<&'a mut [f32]>,
    /// By the bias, `[c_out]`.
    pub dbias: Option<&'a mut [f32]>,
}

/// `out = activation(x * weight + bias) + residual`, where `*` is the cross-correlation that networks
/// call convolution.
///
/// `x` is `[n, c_in, height, width]`, `weight` `[c_out, c_in, kernel, kernel]`, `out`
/// `[n, c_out, out_height, out_width]` and wholly overwritten. Large 3x3 convolutions with stride 1
/// go through Winograd's transform, whose error is some 1e-6 of the largest output.
///
/// # Panics
/// If a slice does not have the length its shape asks for.
pub fn conv2d(shape: &ConvShape, x: &[f32], weight: &[f32], then: Then, out: &mut [f32]) {
    assert_eq!(x.len(), shape.input_len(), "length of x for {shape:?}");
    assert_eq!(weight.len(), shape.weight_len(), "length of weight for {shape:?}");
    assert_eq!(out.len(), shape.output_len(), "length of out for {shape:?}");
    let length = |values: Option<&[f32]>, len| values.is_none_or(|values| values.len() == len);
    assert!(length(then.bias, shape.c_out), "length of bias for {shape:?}");
    assert!(length(then.residual, out.len()), "length of residual for {shape:?}");
    if winograd::pays(shape) {
        return winograd::forward(shape, x, weight, then, out);
    }
    if dense::serves(shape) {
        dense::forward(shape, x, weight, then.bias, out);
    } else {
        forward::direct(shape, x, weight, then.bias, out);
    }
    if then.slope.is_none() && then.residual.is_none() {
        return;
    }
    let slope = then.slope.unwrap_or(1.0);
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(index, out)| {
        out.iter_mut().for_each(|v| *v = if *v > 0.0 { *v } else { slope * *v });
        if let Some(residual) = then.residual {
            let beside = &residual[index * CHUNK..];
            out.iter_mut().zip(beside).for_each(|(out, beside)| *out += beside);
        }
    });
}

/// Numbers one task takes of an elementwise step.
const CHUNK: usize = 16 * 1024;

/// The gradients of [`conv2d`] from that of its output, `dy`; `activated` is what the activation
/// gave, with its slope, where there was one. A residual's gradient is `dy` itself.
///
/// # Panics
/// If a slice does not have the length its shape asks for.
pub fn conv2d_backward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    (dy, activated): (&[f32], Option<(&[f32], f32)>),
    gradients: Gradients,
) {
    assert_eq!(x.len(), shape.input_len(), "length of x for {shape:?}");
    assert_eq!(weight.len(), shape.weight_len(), "length of weight for {shape:?}");
    assert_eq!(dy.len(), shape.output_len(), "length of dy for {shape:?}");
    assert!(activated.is_none_or(|(y, _)| y.len() == dy.len()), "length of y for {shape:?}");
    let length = |values: &Option<&mut [f32]>, len| values.as_ref().is_none_or(|v| v.len() == len);
    assert!(length(&gradients.dx, x.len()), "length of dx for {shape:?}");
    assert!(length(&gradients.dweight, weight.len()), "length of dweight for {shape:?}");
    assert!(length(&gradients.dbias, shape.c_out), "length of dbias for {shape:?}");
    if winograd::pays(shape) {
        return winograd::backward(shape, x, weight, (dy, activated), gradients);
    }
    let masked = activated.map(|(y, slope)| {
        let mut masked = vec![0.0; dy.len()];
        masked.par_chunks_mut(CHUNK).enumerate().for_each(|(index, to)| {
            let pairs = dy[index * CHUNK..].iter().zip(&y[index * CHUNK..]);
            for (to, (&dy, &y)) in to.iter_mut().zip(pairs) {
                *to = if y > 0.0 { dy } else { slope * dy };
            }
        });
        masked
    });
    let dy = masked.as_deref().unwrap_or(dy);
    let dense = dense::serves(shape);
    match gradients.dx {
        Some(dx) if dense => dense::input_gradient(shape, dy, weight, dx),
        Some(dx) => forward::input_gradient(shape, dy, weight, dx),
        None => {}
    }
    match gradients.dweight {
        Some(dweight) if dense => dense::weight_gradient(shape, x, dy, dweight),
        Some(dweight) => weight_gradient::weight_gradient(shape, x, dy, dweight),
        None => {}
    }
    if let Some(dbias) = gradients.dbias {
        weight_gradient::bias_gradient(shape, dy, dbias);
    }
}
