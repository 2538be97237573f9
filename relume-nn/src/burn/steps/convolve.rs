//! Convolution with bias, activation and residual, by the kernels of `relume-kernels`.

use relume_kernels::{ConvShape, Gradients, Then, conv2d, conv2d_backward};

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::layer::Conv;

/// Reads the picture, the weight, the bias and the residual; the last two only as told.
#[derive(Debug)]
pub(in crate::burn) struct Convolve {
    pub(in crate::burn) conv: Conv,
    /// What negative sums are multiplied by. No residual then: the gradient reads the output's sign.
    pub(in crate::burn) slope: Option<f32>,
    pub(in crate::burn) residual: bool,
}

impl Convolve {
    /// Whether the kernels take this convolution: ungrouped and undilated.
    pub(in crate::burn) fn serves(conv: &Conv) -> bool {
        conv.groups == 1 && conv.dilation == 1
    }

    fn shape(&self, x: &Array<'_>) -> ConvShape {
        let [n, c_in, height, width] = x.shape;
        let Conv { c_out, kernel, stride, padding, .. } = self.conv;
        ConvShape { n, c_in, c_out, height, width, kernel, stride, padding }
    }

    fn bias(&self) -> Option<usize> {
        self.conv.bias.then_some(2)
    }

    fn residual(&self) -> Option<usize> {
        self.residual.then_some(if self.conv.bias { 3 } else { 2 })
    }
}

impl Step for Convolve {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let shape = self.shape(&inputs[0]);
        let then = Then {
            bias: self.bias().map(|index| inputs[index].values),
            slope: self.slope,
            residual: self.residual().map(|index| inputs[index].values),
        };
        let mut out = buffer(shape.output_len());
        conv2d(&shape, inputs[0].values, inputs[1].values, then, &mut out);
        (out, [shape.n, shape.c_out, shape.out_height(), shape.out_width()])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [x, weight] = [outer.inputs[0], outer.inputs[1]];
        let room = |wanted: bool, len: usize| wanted.then(|| buffer(len));
        let mut dx = room(outer.wanted[0], x.values.len());
        let mut dweight = room(outer.wanted[1], weight.values.len());
        let bias = self.bias().is_some_and(|index| outer.wanted[index]);
        let mut dbias = room(bias, self.conv.c_out);
        let gradients = Gradients {
            dx: dx.as_deref_mut(),
            dweight: dweight.as_deref_mut(),
            dbias: dbias.as_deref_mut(),
        };
        let activated = self.slope.map(|slope| (outer.output, slope));
        let shape = self.shape(&x);
        conv2d_backward(&shape, x.values, weight.values, (outer.gradient, activated), gradients);
        let of = |values: Option<Vec<f32>>| values.map_or(Gradient::None, Gradient::Of);
        let mut all = [of(dx), of(dweight), Gradient::None, Gradient::None];
        if let Some(index) = self.bias() {
            all[index] = of(dbias);
        }
        if let Some(index) = self.residual() {
            all[index] = Gradient::Same;
        }
        all
    }

    fn keeps_output(&self) -> bool {
        self.slope.is_some()
    }
}
