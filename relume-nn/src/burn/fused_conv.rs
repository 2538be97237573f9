//! Our convolution kernels under burn's autodiff, with a hand-written backward pass.
//!
//! burn's generic backward writes the weight gradient as another convolution and is several times
//! slower on CPUs. On other devices the framework's own convolution is used.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};
use relume_kernels::ConvShape;

use crate::layer::Conv;

/// Whether our kernels take this convolution: ungrouped, undilated, in host memory.
pub(super) fn serves(conv: &Conv, x: &Tensor<4>) -> bool {
    let device = x.device().inner();
    conv.groups == 1
        && conv.dilation == 1
        && matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// The convolution of `x` `[n, c_in, h, w]` with `weight` `[c_out, c_in, k, k]` and `bias`.
pub(super) fn conv2d(conv: &Conv, x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::fused_conv2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        conv.stride,
        conv.padding,
    ))
}

/// The three convolutions of a training step.
#[backend_extension(Autodiff, Flex)]
pub(super) trait ConvBackend: Backend {
    /// Forward: `[n, c_out, h', w']`.
    fn fused_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

/// What the backward pass asks of a backend.
pub(super) trait ConvGradients: Backend {
    /// Gradient of the input; `x` gives the shape.
    fn fused_conv2d_input_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    /// Gradient of the weight, then that of the bias, in one flat tensor.
    fn fused_conv2d_parameter_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

/// Contiguous host values of a tensor.
struct Host(FlexTensor);

impl Host {
    fn of(tensor: FlexTensor) -> Self {
        // A whole, contiguous tensor is used in place.
        Self(if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() })
    }

    fn values(&self) -> &[f32] {
        self.0.as_slice().expect("to_contiguous gives contiguous f32 values")
    }
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

fn shape_of(x: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> ConvShape {
    let (x, weight) = (x.shape(), weight.shape());
    ConvShape {
        n: x[0],
        c_in: x[1],
        c_out: weight[0],
        height: x[2],
        width: x[3],
        kernel: weight[2],
        stride,
        padding,
    }
}

impl ConvBackend for Flex {
    fn fused_conv2d(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let shape = shape_of(&x, &weight, stride, padding);
        let (x, weight, bias) = (Host::of(x), Host::of(weight), Host::of(bias));
        let dims = [shape.n, shape.c_out, shape.out_height(), shape.out_width()];
        let mut out = vec![0.0; dims.iter().product()];
        relume_kernels::conv2d(&shape, x.values(), weight.values(), Some(bias.values()), &mut out);
        tensor(out, &dims)
    }
}

impl ConvGradients for Flex {
    fn fused_conv2d_input_gradient(
        x: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let shape = shape_of(&x, &weight, stride, padding);
        let (weight, gradient) = (Host::of(weight), Host::of(gradient));
        let dims = [shape.n, shape.c_in, shape.height, shape.width];
        let mut dx = vec![0.0; dims.iter().product()];
        relume_kernels::conv2d_input_gradient(&shape, gradient.values(), weight.values(), &mut dx);
        tensor(dx, &dims)
    }

    fn fused_conv2d_parameter_gradient(
        x: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        stride: usize,
        padding: usize,
    ) -> FlexTensor {
        let shape = shape_of(&x, &weight, stride, padding);
        let (x, gradient) = (Host::of(x), Host::of(gradient));
        let taps = shape.c_out * shape.c_in * shape.kernel * shape.kernel;
        let mut both = vec![0.0; taps + shape.c_out];
        let (dw, db) = both.split_at_mut(taps);
        relume_kernels::conv2d_weight_gradient(&shape, x.values(), gradient.values(), dw, Some(db));
        let length = both.len();
        tensor(both, &[length])
    }
}

#[derive(Debug)]
struct FusedConv;

impl<B: ConvGradients> Backward<B, 3> for FusedConv {
    type State = (NodeId, NodeId, usize, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [node_x, node_weight, node_bias] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, weight, stride, padding) = ops.state;
        let x = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(x);
        let weight = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(weight);
        if let Some(node) = node_x {
            let dx = B::fused_conv2d_input_gradient(
                x.clone(),
                weight.clone(),
                gradient.clone(),
                stride,
                padding,
            );
            grads.register::<B>(node.id, dx);
        }
        if node_weight.is_none() && node_bias.is_none() {
            return;
        }
        let dims = weight.shape();
        let (taps, c_out) = (dims.num_elements(), dims[0]);
        let both = B::fused_conv2d_parameter_gradient(x, weight, gradient, stride, padding);
        if let Some(node) = node_weight {
            let dw = B::float_slice(both.clone(), &[(0..taps).into()]);
            grads.register::<B>(node.id, B::float_reshape(dw, dims));
        }
        if let Some(node) = node_bias {
            let db = B::float_slice(both, &[(taps..taps + c_out).into()]);
            grads.register::<B>(node.id, db);
        }
    }
}

impl<B: ConvBackend + ConvGradients, C: CheckpointStrategy> ConvBackend for Autodiff<B, C> {
    fn fused_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        match FusedConv.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), prep.checkpoint(&weight), stride, padding);
                let out = B::fused_conv2d(
                    x.primitive().clone(),
                    weight.primitive().clone(),
                    bias.primitive().clone(),
                    stride,
                    padding,
                );
                prep.finish(state, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::fused_conv2d(
                x.primitive().clone(),
                weight.primitive().clone(),
                bias.primitive().clone(),
                stride,
                padding,
            )),
        }
    }
}
