//! A convolution whose weights are packed once and run over many tiles.

use std::ops::Range;

use super::direct::Direct;
use super::kernel::BlockKernels;
use super::store::Store;
use super::window::{BLOCK, Window};
use super::winograd::{self, Winograd};
use crate::aligned::Aligned;
use crate::isa::Isa;

/// Fewest input and output channels for which Winograd's transforms pay.
const WINOGRAD_CHANNELS: usize = 12;

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

/// A factor and a term for each output channel, `[c_out]` both.
pub type Affine<'a> = (&'a [f32], &'a [f32]);

/// What happens in the store: `activation(sum + bias) * factor + term + residual`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Applied to the sum with its bias.
    pub activation: Activation<'a>,
    /// Applied to what the activation says.
    pub affine: Option<Affine<'a>>,
    /// Added last; in blocks, and holds every pixel that is made.
    pub residual: Option<&'a Window>,
}

/// Which part of a convolution to compute, and from what.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The input; the channels of several windows lie one after the other, all but the last being
    /// whole blocks.
    pub sources: &'a [&'a Window],
    /// Height and width of the picture that the windows are of; beyond it lie zeros.
    pub bounds: (usize, usize),
    /// Zeros on each side of the picture that the kernel may reach.
    pub padding: usize,
    /// Rows of the output to make.
    pub rows: Range<usize>,
    /// Columns of the output to make.
    pub columns: Range<usize>,
    /// Winograd's tiles begin at rows `phase.0 + 4 k` and columns `phase.1 + 4 k`. Results of one
    /// phase are the same bit for bit, however the output is split into requests along these lines.
    pub phase: (usize, usize),
    /// What happens in the store.
    pub epilogue: Epilogue<'a>,
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Product by product. Every output is the same bit for bit wherever its tile begins.
    Direct,
    /// Winograd's F(4x4, 3x3), for 3x3 kernels with stride 1: up to three times as fast, errors
    /// about ten times those of f32 rounding (some 1e-6 of the output's largest value), which
    /// depend on the phase of the tiles.
    Winograd,
}

/// Weights and bias of one convolution (groups 1, dilation 1) in the order the kernels read them,
/// for the instruction set in force when they were packed.
#[derive(Clone)]
pub struct PackedConv {
    pub(super) c_in: usize,
    pub(super) c_out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) kernels: &'static BlockKernels,
    method: Method,
    /// As the method packs them.
    pub(super) weights: Aligned,
    pub(super) bias: Aligned,
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

    /// Computes what `request` asks for into `out`, spread over the current rayon pool. The result
    /// does not depend on the number of threads.
    ///
    /// # Panics
    /// If the sources do not have `c_in` channels or lack a pixel that is read, or `out`, in
    /// blocks, or the residual lacks one that is made.
    pub fn run(&self, request: &Request<'_>, out: &mut Window) {
        assert_eq!((out.channels(), out.lanes()), (self.c_out, BLOCK), "out of {self:?}");
        let channels: usize = request.sources.iter().map(|source| source.channels()).sum();
        assert_eq!(channels, self.c_in, "channels of the sources of {self:?}");
        let store = self.store(request, out);
        match self.method {
            Method::Direct => Direct::new(self, request, &store).run(),
            Method::Winograd => Winograd {
                kernels: self.kernels,
                weights: self.weights.as_slice(),
                c_in: self.c_in,
                c_out: self.c_out,
                request,
                store: &store,
            }
            .run(),
        }
    }

    fn store<'a>(&'a self, request: &Request<'a>, out: &mut Window) -> Store<'a> {
        let filled = |values: &[f32]| {
            assert_eq!(values.len(), self.c_out, "numbers for the channels of {self:?}");
            let mut all = Aligned::zeros(self.c_out.next_multiple_of(BLOCK));
            all.as_mut_slice()[..self.c_out].copy_from_slice(values);
            all
        };
        let slopes = match request.epilogue.activation {
            Activation::None => None,
            Activation::Relu => Some(Aligned::zeros(self.c_out.next_multiple_of(BLOCK))),
            Activation::LeakyRelu(slope) => Some(filled(&vec![slope; self.c_out])),
            Activation::PRelu(each) => Some(filled(each)),
        };
        let affine = request.epilogue.affine.map(|(by, add)| (filled(by), filled(add)));
        Store::new(self.bias.as_slice(), slopes, affine, request, out)
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
