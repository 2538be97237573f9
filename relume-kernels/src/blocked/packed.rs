//! A convolution whose weights are packed once and run over many tiles.

use super::kernel::{BlockKernels, BlockTile, Tap};
use super::strip::Strip;
use super::tensor::{BLOCK, Blocked};
use super::winograd;
use crate::aligned::{Aligned, with_scratch};
use crate::isa::Isa;

/// Fewest input and output channels for which Winograd's transforms pay.
const WINOGRAD_CHANNELS: usize = 12;

/// Zeros around a picture, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// The same on all sides.
    #[must_use]
    pub fn all(pixels: usize) -> Self {
        Self { top: pixels, left: pixels, bottom: pixels, right: pixels }
    }
}

/// What is done to a sum before it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation<'a> {
    /// Nothing.
    #[default]
    None,
    /// Negative sums become zero.
    Relu,
    /// Negative sums are multiplied by this.
    LeakyRelu(f32),
    /// Negative sums are multiplied by their output channel's slope, `[c_out]`.
    PRelu(&'a [f32]),
}

/// What happens in the store: `activation(sum + bias) + residual`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Applied to the sum with its bias.
    pub activation: Activation<'a>,
    /// Added last; has the size of the output.
    pub residual: Option<&'a Blocked>,
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Product by product. Every output is the same bit for bit wherever its tile begins.
    Direct,
    /// Winograd's F(4x4, 3x3), for 3x3 kernels with stride 1: up to three times as fast, errors
    /// about ten times those of f32 rounding (some 1e-6 of the output's largest value), which
    /// depend on where the tile begins.
    Winograd,
}

/// Weights and bias of one convolution (groups 1, dilation 1) in the order the kernels read them,
/// for the instruction set in force when they were packed.
#[derive(Clone)]
pub struct PackedConv {
    c_in: usize,
    c_out: usize,
    kernel: usize,
    stride: usize,
    kernels: &'static BlockKernels,
    method: Method,
    /// As the method packs them.
    weights: Aligned,
    bias: Aligned,
}

impl std::fmt::Debug for PackedConv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { c_in, c_out, kernel, stride, kernels, .. } = self;
        write!(f, "PackedConv({c_in} -> {c_out}, k{kernel}, s{stride}, {:?})", kernels.isa)
    }
}

impl PackedConv {
    /// Packs `weight`, `[c_out, c_in, kernel, kernel]`, and `bias`, `[c_out]`, for the fastest
    /// method.
    ///
    /// # Panics
    /// If a slice has another length, or kernel or stride is 0.
    #[must_use]
    pub fn new(
        c_in: usize,
        c_out: usize,
        kernel: usize,
        stride: usize,
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Self {
        let pays = (kernel, stride) == (3, 1) && c_in.min(c_out) >= WINOGRAD_CHANNELS;
        let method = if pays { Method::Winograd } else { Method::Direct };
        Self::with_method(method, (c_in, c_out), (kernel, stride), weight, bias)
    }

    /// As [`new`](Self::new), for one method; `channels` are those of input and output, `window`
    /// is kernel and stride.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if the method cannot do this kernel and stride.
    #[must_use]
    pub fn with_method(
        method: Method,
        (c_in, c_out): (usize, usize),
        (kernel, stride): (usize, usize),
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Self {
        assert!(kernel > 0 && stride > 0, "kernel and stride must be at least 1");
        assert_eq!(weight.len(), c_out * c_in * kernel * kernel, "length of weight");
        let kernels = BlockKernels::current();
        let mut padded_bias = Aligned::zeros(c_out.next_multiple_of(BLOCK));
        if let Some(bias) = bias {
            assert_eq!(bias.len(), c_out, "length of bias");
            padded_bias.as_mut_slice()[..c_out].copy_from_slice(bias);
        }
        let weights = match method {
            Method::Direct => pack(c_in, c_out, kernel * kernel, weight, kernels.wide),
            Method::Winograd => {
                assert_eq!((kernel, stride), (3, 1), "kernel and stride of {method:?}");
                winograd::pack(c_in, c_out, weight, kernels.wide)
            }
        };
        Self { c_in, c_out, kernel, stride, kernels, method, weights, bias: padded_bias }
    }

    /// Input channels.
    #[must_use]
    pub fn c_in(&self) -> usize {
        self.c_in
    }

    /// Output channels.
    #[must_use]
    pub fn c_out(&self) -> usize {
        self.c_out
    }

    /// How the convolution is computed.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The instruction set the weights are packed for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.kernels.isa
    }

    /// Height and width of the output, in pixels, for an input of this size.
    ///
    /// # Panics
    /// If the kernel is larger than the padded input.
    #[must_use]
    pub fn out_size(&self, height: usize, width: usize, padding: Padding) -> (usize, usize) {
        let size = |padded: usize| {
            assert!(padded >= self.kernel, "the kernel is larger than the padded picture");
            (padded - self.kernel) / self.stride + 1
        };
        (size(height + padding.top + padding.bottom), size(width + padding.left + padding.right))
    }

    /// Convolves `x` into `out`, which takes the size that follows and is wholly overwritten.
    ///
    /// # Panics
    /// If `x` does not have `c_in` channels, the kernel is larger than the padded picture, or the
    /// residual or the slopes have another size than the output.
    pub fn run(&self, x: &Blocked, out: &mut Blocked, padding: Padding, epilogue: &Epilogue) {
        assert_eq!(x.channels(), self.c_in, "channels of x for {self:?}");
        let size = self.out_size(x.height(), x.width(), padding);
        if (out.channels(), out.height(), out.width()) != (self.c_out, size.0, size.1) {
            out.resize(self.c_out, size.0, size.1);
        }
        if let Some(r) = epilogue.residual {
            let residual = (r.channels(), r.height(), r.width());
            assert_eq!(residual, (self.c_out, size.0, size.1), "size of the residual for {self:?}");
        }
        let slopes = self.slopes(epilogue.activation);
        let slopes = slopes.as_ref().map(Aligned::as_slice);
        let residual = epilogue.residual.map(Blocked::data);
        if self.method == Method::Winograd {
            let run = winograd::Run {
                kernels: self.kernels,
                weights: self.weights.as_slice(),
                bias: self.bias.as_slice(),
                slopes,
                residual,
                c_in: self.c_in,
                c_out: self.c_out,
                size,
            };
            with_scratch(|scratch| run.run(x, out, padding, scratch));
            return;
        }
        let strip = Strip::new(x, self.kernel, self.stride, padding, size);
        let call = Call { conv: self, taps: strip.taps(self.c_in), slopes, residual, size, strip };
        with_scratch(|scratch| {
            let copy = scratch.padded.at_least(call.strip.len(x.blocks()));
            for first in (0..size.0).step_by(call.strip.rows) {
                let rows = call.strip.rows.min(size.0 - first);
                if call.strip.in_place {
                    call.run_rows(x.data(), first, rows, out.data_mut());
                } else {
                    call.strip.fill(x, first, rows, copy);
                    call.run_rows(copy, first, rows, out.data_mut());
                }
            }
        });
    }

    fn slopes(&self, activation: Activation) -> Option<Aligned> {
        let mut slopes = Aligned::zeros(self.c_out.next_multiple_of(BLOCK));
        match activation {
            Activation::None => return None,
            Activation::Relu => {}
            Activation::LeakyRelu(slope) => slopes.as_mut_slice().fill(slope),
            Activation::PRelu(each) => {
                assert_eq!(each.len(), self.c_out, "length of the slopes for {self:?}");
                slopes.as_mut_slice()[..self.c_out].copy_from_slice(each);
            }
        }
        Some(slopes)
    }
}

/// Packs weights for [`Method::Direct`]: for every group of output channels
/// `[input block][tap][input channel][output channel]`.
fn pack(c_in: usize, c_out: usize, area: usize, weight: &[f32], wide: usize) -> Aligned {
    let mut weights = Aligned::zeros(c_out.next_multiple_of(BLOCK) * c_in * area);
    let packed = weights.as_mut_slice();
    for group in groups(c_out, wide) {
        let mut to = group.first * c_in * area;
        for input in (0..c_in).step_by(BLOCK) {
            for tap in 0..area {
                for input in input..c_in.min(input + BLOCK) {
                    for output in group.first..c_out.min(group.first + group.width) {
                        let from = (output * c_in + input) * area + tap;
                        packed[to + output - group.first] = weight[from];
                    }
                    to += group.width;
                }
            }
        }
    }
    weights
}

/// Output channels that one tile computes.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) first: usize,
    pub(crate) width: usize,
}

/// All output channels in wide groups and, if need be, a last one of [`BLOCK`].
pub(crate) fn groups(c_out: usize, wide: usize) -> impl Iterator<Item = Group> {
    let filled = c_out.next_multiple_of(BLOCK);
    (0..filled).step_by(wide).map(move |first| Group { first, width: wide.min(filled - first) })
}

/// One run of a convolution.
struct Call<'a> {
    conv: &'a PackedConv,
    strip: Strip,
    taps: Vec<Tap>,
    slopes: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
    size: (usize, usize),
}

impl Call<'_> {
    fn run_rows(&self, source: &[f32], first: usize, rows: usize, out: &mut [f32]) {
        for group in groups(self.conv.c_out, self.conv.kernels.wide) {
            for row in first..first + rows {
                self.run_row(source, self.strip.row_start(row, first), group, row, out);
            }
        }
    }

    fn run_row(&self, source: &[f32], start: usize, group: Group, row: usize, out: &mut [f32]) {
        let conv = self.conv;
        let (height, width) = self.size;
        let block_stride = height * width * BLOCK;
        let blocks = group.width / BLOCK;
        let at = group.first / BLOCK * block_stride + row * width * BLOCK;
        let farthest = self.taps.iter().map(|tap| tap.offset).max().unwrap_or(0);
        assert!(start + farthest + width * BLOCK <= source.len());
        assert!(at + (blocks - 1) * block_stride + width * BLOCK <= out.len());
        let depth = conv.c_in * conv.kernel * conv.kernel;
        let weights = &conv.weights.as_slice()[group.first * depth..][..group.width * depth];
        let bias = &conv.bias.as_slice()[group.first..][..group.width];
        let slopes = self.slopes.map(|slopes| slopes[group.first..][..group.width].as_ptr());
        // The residual has the size of `out`, so what is in bounds there is here too.
        assert!(self.residual.is_none_or(|residual| residual.len() == out.len()));
        let wide = group.width == conv.kernels.wide;
        let mut done = 0;
        for &pixels in conv.kernels.pixels {
            while width - done >= pixels {
                let shift = done * BLOCK;
                let tile = BlockTile {
                    source: source[start + shift..].as_ptr(),
                    taps: &self.taps,
                    weights: weights.as_ptr(),
                    bias: bias.as_ptr(),
                    slopes: slopes.unwrap_or(std::ptr::null()),
                    residual: self.residual.map_or(std::ptr::null(), |r| r[at + shift..].as_ptr()),
                    out: out[at + shift..].as_mut_ptr(),
                    block_stride,
                };
                // SAFETY: sources, outputs and residuals of the whole row are in bounds as
                // checked above; weights, bias and slopes have the group's width.
                unsafe { conv.kernels.run(wide, pixels, &tile) };
                done += pixels;
            }
        }
    }
}
