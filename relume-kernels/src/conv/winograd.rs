//! Large 3x3 convolutions of a batch by Winograd's F(4x4, 3x3), one picture per task.

use std::cell::RefCell;

use rayon::prelude::*;

use super::ConvShape;
use crate::blocked::winograd::{POINTS, Winograd, pack_group};
use crate::blocked::{BLOCK, BlockKernels, Buffer, Epilogue, Request, Store, Window, groups};

/// Fewest input and output channels for which it pays.
const CHANNELS: usize = 12;
/// Fewest outputs per plane and batch: below, the transform of the weights takes too long.
const PIXELS: usize = 2048;

/// Whether a convolution is faster this way. A matter of its shape alone, so that results do not
/// depend on the machine.
pub(super) fn pays(shape: &ConvShape) -> bool {
    if (shape.kernel, shape.stride) != (3, 1) || shape.padding > 2 {
        return false;
    }
    let (height, width) = (shape.out_height(), shape.out_width());
    let computed = height.next_multiple_of(4) * width.next_multiple_of(4);
    shape.n >= 2
        && shape.c_in.min(shape.c_out) >= CHANNELS
        && shape.n * height * width >= PIXELS
        && 4 * computed <= 5 * height * width
}

/// The shape of the convolution of `dy` with turned weights that gives `dx`.
pub(super) fn gradient_shape(shape: &ConvShape) -> Option<ConvShape> {
    let padding = 2_usize.checked_sub(shape.padding)?;
    Some(ConvShape {
        c_in: shape.c_out,
        c_out: shape.c_in,
        height: shape.out_height(),
        width: shape.out_width(),
        padding,
        ..*shape
    })
}

/// `weight`, `[c_out, c_in, 3, 3]`, as `[c_in, c_out, 3, 3]` with every kernel turned half round.
pub(super) fn turned(weight: &[f32], c_in: usize, c_out: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(weight.len());
    for input in 0..c_in {
        for output in 0..c_out {
            turned.extend(weight[(output * c_in + input) * 9..][..9].iter().rev());
        }
    }
    turned
}

/// [`conv2d`](super::conv2d) for a shape that [`pays`].
pub(super) fn convolve(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    thread_local! {
        static MEMORY: RefCell<(Buffer, Buffer)> = RefCell::default();
    }
    let kernels = BlockKernels::current();
    let filled = shape.c_out.next_multiple_of(BLOCK);
    let mut padded_bias = vec![0.0; filled];
    if let Some(bias) = bias {
        padded_bias[..shape.c_out].copy_from_slice(bias);
    }
    let mut weights = vec![0.0; filled * shape.c_in * POINTS];
    weights
        .par_chunks_mut(kernels.wide * shape.c_in * POINTS)
        .zip(groups(shape.c_out, kernels.wide).collect::<Vec<_>>())
        .for_each(|(to, group)| pack_group(shape.c_in, shape.c_out, weight, group, to));
    let (rows, columns) = (0..shape.out_height(), 0..shape.out_width());
    let pictures = x.par_chunks_exact(shape.input_len() / shape.n);
    pictures.zip(out.par_chunks_exact_mut(shape.output_len() / shape.n)).for_each(|(x, out)| {
        let (source, sums) = MEMORY.take();
        let (c_in, c_out) = (shape.c_in, shape.c_out);
        let (height, width) = (shape.height, shape.width);
        let mut source = Window::reusing(source, c_in, BLOCK, 0..height, 0..width);
        source.fill_from_planar(x);
        let mut sums = Window::reusing(sums, c_out, BLOCK, rows.clone(), columns.clone());
        let request = Request {
            sources: &[&source],
            bounds: (height, width),
            padding: shape.padding,
            rows: rows.clone(),
            columns: columns.clone(),
            phase: (0, 0),
            epilogue: Epilogue::default(),
        };
        let store = Store::new(&padded_bias, None, None, &request, &mut sums);
        let (request, store, weights) = (&request, &store, &weights[..]);
        Winograd { kernels, weights, c_in, c_out, request, store }.run_alone();
        out.copy_from_slice(&sums.to_planar());
        MEMORY.set((source.into_buffer(), sums.into_buffer()));
    });
}
