//! The layers a graph may hold: what each computes, its parameters, its channels.
//!
//! A new layer is one variant of [`Layer`]; the compiler then names every place that must know it
//! (shape here, region in `region`, arithmetic in `reference`, `cpu`, `burn`).

use crate::Array;
use crate::windows::Windows;

/// A 2-D convolution with square kernel, zero padding and grouped channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Kernel side in pixels.
    pub kernel: usize,
    /// Step in pixels.
    pub stride: usize,
    /// Zero padding on each side in pixels.
    pub padding: usize,
    /// Channel groups; `c_in` groups make it depthwise.
    pub groups: usize,
    /// Spacing of the taps in pixels.
    pub dilation: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// How training starts.
    pub initial: Initial,
}

/// How the weights of a convolution start. Biases start at 0 unless said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    /// Normal with standard deviation `gain / √fan_in` (He et al. 2015 with gain √2).
    Normal {
        /// Factor on `1 / √fan_in`.
        gain: f32,
    },
    /// All zero, so that a residual branch starts silent.
    Zero,
    /// All this number: the scale of a residual branch.
    Constant(f32),
    /// Even between `±1 / √fan_in`, biases too: what PyTorch does unasked.
    Even,
}

impl Conv {
    /// `kernel` × `kernel` taps, stride 1, padding that keeps the size, with bias.
    pub fn new(c_in: usize, c_out: usize, kernel: usize) -> Self {
        Self {
            c_in,
            c_out,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
            dilation: 1,
            bias: true,
            initial: Initial::Normal { gain: std::f32::consts::SQRT_2 },
        }
    }

    /// Sets stride and padding.
    #[must_use]
    pub fn stride(mut self, stride: usize, padding: usize) -> Self {
        (self.stride, self.padding) = (stride, padding);
        self
    }

    /// Sets the channel groups.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Spaces the taps `dilation` apart and keeps the size.
    #[must_use]
    pub fn dilation(mut self, dilation: usize) -> Self {
        self.padding = dilation * (self.kernel / 2);
        self.dilation = dilation;
        self
    }

    /// Leaves the bias out.
    #[must_use]
    pub fn unbiased(mut self) -> Self {
        self.bias = false;
        self
    }

    /// Sets how training starts.
    #[must_use]
    pub fn initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
        self
    }

    /// Pixels covered from the first tap to the last.
    pub fn span(&self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }

    /// Multiply-accumulates for each output pixel.
    pub fn macs(&self) -> usize {
        self.kernel * self.kernel * self.c_in / self.groups * self.c_out
    }

    /// Output length for an input of `length` pixels.
    pub fn out_length(&self, length: usize) -> usize {
        (length + 2 * self.padding).saturating_sub(self.span()) / self.stride + 1
    }
}

/// A function of one number, applied to every value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pointwise {
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, `slope · x` below.
    LeakyRelu(f32),
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `log₂ x`, for exposures.
    Log2,
    /// `x · Φ(x)` with the exact normal distribution (Hendrycks and Gimpel 2016).
    Gelu,
    /// Clamped to the range.
    Clamp(f32, f32),
    /// `x / (1 + e^(−1.702 x))` (Hendrycks and Gimpel 2016).
    QuickGelu,
    /// Times a constant.
    Scale(f32),
    /// Linear light as stops count it: `log₂(1 + 255 x) / log₂(1 + 255 top)`, below 0 as 0.
    LogLight(f32),
    /// `ln(p / (1 − p))`, `p` kept within [`UNSURE`] of 0 and 1.
    Logit,
}

/// How near to 0 and 1 a probability may come before its logit.
pub const UNSURE: f32 = 1e-4;

impl Pointwise {
    /// The function itself.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Log2 => x.log2(),
            Self::Gelu => 0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2)),
            Self::Clamp(low, high) => x.clamp(low, high),
            Self::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Self::Scale(factor) => factor * x,
            Self::LogLight(top) => (255.0 * x.max(0.0)).ln_1p() / (255.0 * top).ln_1p(),
            Self::Logit => {
                let p = x.clamp(UNSURE, 1.0 - UNSURE);
                (p / (1.0 - p)).ln()
            }
        }
    }
}

/// One step of a network.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A value fed from outside.
    Input,
    /// Convolution.
    Conv(Conv),
    /// A function of every value.
    Pointwise(Pointwise),
    /// `x` above 0, a learned slope below (He et al. 2015).
    Prelu {
        /// One slope for all channels instead of one for each.
        shared: bool,
    },
    /// Normalises over the channels of each pixel, then scales and shifts (Ba et al. 2016).
    LayerNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Normalises each channel by stored statistics, which training leaves as they are, then scales
    /// and shifts (Ioffe and Szegedy 2015).
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Sum of two inputs of equal shape.
    Add,
    /// Product of two inputs; the second may be `[n, c, 1, 1]` or `[n, 1, h, w]`.
    Multiply,
    /// First input over the second, of equal shape.
    Divide,
    /// Light-enhancement curve `x + r (x² − x)` of a picture and its map `r` (Guo et al. 2020).
    Curve,
    /// `x · (1 + scale) + shift`; the second input is `[n, 2c, 1, 1]`: scales, then shifts.
    Modulate,
    /// Channels of all inputs, one after the other.
    Concat,
    /// Channels `from..to`.
    Slice {
        /// First channel.
        from: usize,
        /// One past the last channel.
        to: usize,
    },
    /// `[c·r², h, w]` to `[c, r·h, r·w]` (Shi et al. 2016).
    PixelShuffle(usize),
    /// `[c, r·h, r·w]` to `[c·r², h, w]`.
    PixelUnshuffle(usize),
    /// Bilinear enlargement by a whole factor, sample centres aligned, edges repeated.
    Enlarge(usize),
    /// Half the size behind the blur `[1 2 1]ᵀ[1 2 1] / 16`, edges mirrored (Zhang 2019).
    BlurHalve,
    /// `[n, 2, h, w]`: the largest channel of each pixel, then the mean (Woo et al. 2018).
    ChannelPool,
    /// Shares that add up to 1 over `groups` groups of channels: channels `j`, `c / groups + j`,
    /// `2 c / groups + j` … against each other.
    Softmax {
        /// How many groups.
        groups: usize,
    },
    /// Mean over all pixels: a barrier.
    GlobalPool,
    /// Largest of all pixels of a fixed extent.
    GlobalMax,
    /// Means of blocks of so many pixels a side.
    AveragePool(usize),
    /// What lies where the second input, motion `[n, 2, h, w]` in pixels (right, down), points:
    /// bilinear, 0 outside.
    Warp,
    /// Mean over the channels of the products of two inputs, the second moved by up to so many
    /// pixels: `[n, (2 r + 1)², h, w]`, row by row, 0 outside.
    Correlate(usize),
    /// Where each pixel is found in another picture of the same fixed extent, and how sure that is.
    /// Reads queries and keys `[n, c, h, w]` and how far the keys are burnt out, `[n, 1, h, w]`;
    /// gives motion in pixels and a confidence, `[n, 3, h, w]`. The scaled dot products, less
    /// `|burnt| · m`, are softened within `radius` pixels around the greatest; the confidence is
    /// `σ(certain − |cycle| · d)`, `d` the pixels missed on the way there and back.
    Match {
        /// Pixels around the best key that take part.
        radius: usize,
    },
    /// Motion `[n, 3, h, w]` of pixels that are like (queries and keys `[n, c, h, w]`), near (a
    /// Gaussian of `e^reach` pixels) and sure, borrowed by each.
    Propagate,
    /// Light above the clip level: see [`recover`](crate::recover). Reads light `[n, 3, h, w]`, how
    /// far each value is clipped, light of another picture, where that is valid `[n, 1, h, w]`, and
    /// what the network decides `[n, 4, h, w]`.
    Recover,
    /// Every pixel of a fixed extent looks at every other (Vaswani et al. 2017): `[n, 3c, h, w]`,
    /// queries, keys and values, to `[n, c, h, w]`.
    Attention {
        /// Parts of the channels that attend on their own.
        heads: usize,
        /// Whether a pixel looks at itself and those before it only.
        causal: bool,
    },
    /// All pixels of a fixed extent in one row, each with a learned offset; with `class` one learned
    /// token before them (Dosovitskiy et al. 2021).
    Tokens {
        /// Length of the row.
        count: usize,
        /// Whether a learned token comes first.
        class: bool,
    },
    /// Numbers of words `[n, 1, 1, length]` to learned vectors `[n, width, 1, length]`.
    Embed {
        /// Words.
        vocabulary: usize,
        /// Values of a vector.
        width: usize,
    },
    /// Reads nothing and gives what is learned: `samples` times `channels`, `length` in a row.
    Learned {
        /// Samples, whatever the batch.
        samples: usize,
        /// Channels.
        channels: usize,
        /// Pixels in the row.
        length: usize,
    },
    /// One pixel of the only row: `[n, c, 1, 1]`.
    Place(usize),
    /// Attention within windows: queries, keys and values `[n, 3 c, h, w]` to `[n, c, h, w]`; of
    /// fixed extent, its sides multiples of the window.
    WindowAttention(Windows),
    /// Display light to hue, saturation and value, 0 to 1: see [`hsv`](crate::hsv).
    ToHsv,
    /// Hue, saturation and value to display light.
    FromHsv,
    /// Display light to display light through exposure `[n, 2, 1, 1]` (gain, white): see
    /// [`relight`](crate::relight).
    Relight,
}

/// A parameter of a layer: the last part of its checkpoint key, and its shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// `weight` or `bias`.
    pub suffix: &'static str,
    /// As PyTorch lays it out.
    pub shape: Vec<usize>,
    /// Whether training changes it.
    pub trained: bool,
}

impl Layer {
    /// The parameters of this layer when its first input has `channels` channels.
    pub fn parameters(&self, channels: usize) -> Vec<Parameter> {
        let trained = true;
        let vector = |suffix| Parameter { suffix, shape: vec![channels], trained };
        let stored = |suffix| Parameter { trained: false, ..vector(suffix) };
        let number = |suffix| Parameter { suffix, shape: vec![1], trained };
        match self {
            Self::Conv(conv) => {
                let shape = vec![conv.c_out, conv.c_in / conv.groups, conv.kernel, conv.kernel];
                let mut parameters = vec![Parameter { suffix: "weight", shape, trained }];
                if conv.bias {
                    let shape = vec![conv.c_out];
                    parameters.push(Parameter { suffix: "bias", shape, trained });
                }
                parameters
            }
            Self::Prelu { shared: true } => {
                vec![Parameter { suffix: "weight", shape: vec![1], trained }]
            }
            Self::Prelu { shared: false } => vec![vector("weight")],
            Self::BatchNorm { .. } => {
                let mut parameters = vec![vector("weight"), vector("bias")];
                parameters.extend(["running_mean", "running_var"].map(stored));
                parameters
            }
            Self::LayerNorm { .. } => vec![vector("weight"), vector("bias")],
            Self::Tokens { count, class } => {
                let shape = vec![*count, channels];
                let offsets = Parameter { suffix: "positional_embedding", shape, trained };
                class.then(|| vector("class_embedding")).into_iter().chain([offsets]).collect()
            }
            Self::Embed { vocabulary, width } => {
                vec![Parameter { suffix: "weight", shape: vec![*vocabulary, *width], trained }]
            }
            Self::Learned { samples, channels, length } => {
                let shape = vec![*samples, *channels, 1, *length];
                vec![Parameter { suffix: "weight", shape, trained }]
            }
            Self::WindowAttention(windows) => {
                let shape = windows.table_shape();
                vec![Parameter { suffix: "pos_embedding", shape, trained }]
            }
            Self::Match { .. } => ["burnt", "certain", "cycle"].map(number).into(),
            Self::Propagate => vec![number("reach")],
            _ => Vec::new(),
        }
    }

    /// What published checkpoints may hold beside the parameters, with the only values it can have.
    pub fn constants(&self) -> Vec<(&'static str, Array)> {
        match self {
            Self::WindowAttention(windows) => windows.constants(),
            _ => Vec::new(),
        }
    }

    /// Word for listings and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv(conv) if conv.groups == conv.c_in && conv.groups > 1 => "depthwise",
            Self::Conv(_) => "conv",
            Self::Pointwise(_) => "pointwise",
            Self::Prelu { .. } => "prelu",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Divide => "divide",
            Self::Curve => "curve",
            Self::BlurHalve => "blur_halve",
            Self::ChannelPool => "channel_pool",
            Self::Softmax { .. } => "softmax",
            Self::LayerNorm { .. } => "layer_norm",
            Self::Add => "add",
            Self::Multiply => "multiply",
            Self::Modulate => "modulate",
            Self::Concat => "concat",
            Self::Slice { .. } => "slice",
            Self::PixelShuffle(_) => "pixel_shuffle",
            Self::PixelUnshuffle(_) => "pixel_unshuffle",
            Self::Enlarge(_) => "enlarge",
            Self::GlobalPool => "global_pool",
            Self::GlobalMax => "global_max",
            Self::AveragePool(_) => "average_pool",
            Self::Warp => "warp",
            Self::Correlate(_) => "correlate",
            Self::Match { .. } => "match",
            Self::Propagate => "propagate",
            Self::Recover => "recover",
            Self::Attention { .. } => "attention",
            Self::Tokens { .. } => "tokens",
            Self::Embed { .. } => "embed",
            Self::Learned { .. } => "learned",
            Self::Place(_) => "place",
            Self::WindowAttention(_) => "window_attention",
            Self::ToHsv => "to_hsv",
            Self::FromHsv => "from_hsv",
            Self::Relight => "relight",
        }
    }
}
