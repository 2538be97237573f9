//! The shape of one convolution.

/// A batch of convolutions: groups 1, dilation 1, square kernel, the same zero padding on all
/// four sides. Tensors are contiguous and row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Pictures in the batch.
    pub n: usize,
    /// Channels of the input `[n, c_in, height, width]`.
    pub c_in: usize,
    /// Channels of the output `[n, c_out, out_height, out_width]`.
    pub c_out: usize,
    /// Height of the input in pixels.
    pub height: usize,
    /// Width of the input in pixels.
    pub width: usize,
    /// Height and width of the kernel in pixels, at least 1.
    pub kernel: usize,
    /// Step between outputs in pixels, at least 1.
    pub stride: usize,
    /// Zeros put around the picture, in pixels.
    pub padding: usize,
}

impl ConvShape {
    /// Height of the output in pixels.
    ///
    /// # Panics
    /// If the kernel is larger than the padded picture, or kernel or stride is 0.
    #[must_use]
    pub fn out_height(&self) -> usize {
        self.out_size(self.height)
    }

    /// Width of the output in pixels.
    ///
    /// # Panics
    /// As [`out_height`](Self::out_height).
    #[must_use]
    pub fn out_width(&self) -> usize {
        self.out_size(self.width)
    }

    /// Numbers in the input tensor.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.n * self.c_in * self.height * self.width
    }

    /// Numbers in the output tensor.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.n * self.c_out * self.out_height() * self.out_width()
    }

    /// Numbers in the weight tensor `[c_out, c_in, kernel, kernel]`.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.c_out * self.c_in * self.kernel * self.kernel
    }

    /// Multiply-accumulates of the whole batch; the two gradients take as many each.
    #[must_use]
    pub fn macs(&self) -> u64 {
        let pixels = (self.n * self.out_height() * self.out_width()) as u64;
        pixels * self.weight_len() as u64
    }

    fn out_size(&self, size: usize) -> usize {
        assert!(
            self.kernel > 0 && self.stride > 0,
            "kernel and stride must be at least 1: {self:?}"
        );
        let padded = size + 2 * self.padding;
        assert!(padded >= self.kernel, "the kernel is larger than the padded picture: {self:?}");
        (padded - self.kernel) / self.stride + 1
    }
}
