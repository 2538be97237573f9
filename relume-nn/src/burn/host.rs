//! Steps that compute on slices in host memory, under burn's autodiff, with hand-written backward
//! passes. On other devices the framework's own operations are used.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, Once};

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, Dispatch, DispatchDevice, DispatchTensor, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{Tensor, TensorData};

/// Most inputs of a step.
pub(super) const INPUTS: usize = 4;

/// A tensor in host memory; one of fewer dimensions has 1 for those at the end.
#[derive(Clone, Copy)]
pub(super) struct Array<'a> {
    pub(super) values: &'a [f32],
    pub(super) shape: [usize; 4],
}

/// A gradient by one input.
pub(super) enum Gradient {
    /// Not asked for.
    None,
    /// The gradient by the output itself.
    Same,
    /// These numbers, of the input's shape.
    Of(Vec<f32>),
}

/// What a backward pass starts from.
pub(super) struct Outer<'a> {
    pub(super) inputs: &'a [Array<'a>],
    /// The output, for a step that [keeps](Step::keeps_output) it; else empty.
    pub(super) output: &'a [f32],
    /// The gradient by the output.
    pub(super) gradient: &'a [f32],
    /// Which inputs' gradients are asked for.
    pub(super) wanted: [bool; INPUTS],
}

/// One computation with its gradients.
pub(super) trait Step: Debug + Send + Sync {
    /// The output and its shape.
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]);

    /// The gradients by the inputs.
    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS];

    /// Whether the backward pass reads the output.
    fn keeps_output(&self) -> bool {
        false
    }
}

/// Buffers of tensors that a backward pass was the last to read, by their length.
static LEFT: Mutex<BTreeMap<usize, Vec<Vec<f32>>>> = Mutex::new(BTreeMap::new());
/// Numbers that are left at most.
const MOST_LEFT: usize = 256 << 20;

/// Room for `len` numbers; what they are is left over from earlier use.
pub(super) fn buffer(len: usize) -> Vec<f32> {
    let left = LEFT.lock().ok().and_then(|mut left| left.get_mut(&len)?.pop());
    left.unwrap_or_else(|| vec![0.0; len])
}

/// Keeps the memory of a tensor that nobody else holds.
fn recycle(tensor: FlexTensor) {
    let len = tensor.shape().num_elements();
    if !tensor.is_unique() || len < 1024 {
        return;
    }
    if let (Ok(values), Ok(mut left)) = (tensor.into_data().try_into_vec::<f32>(), LEFT.lock()) {
        let held: usize = left.iter().map(|(len, all)| len * all.len()).sum();
        if held > MOST_LEFT {
            left.clear(); // pictures of other sizes than now
        }
        left.entry(len).or_default().push(values);
    }
}

/// Whether steps can run on this tensor: it lies in host memory.
pub(super) fn is_here(x: &Tensor<4>) -> bool {
    matches!(x.device().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// Runs a step on up to [`INPUTS`] tensors.
pub(super) fn run(step: impl Step + 'static, inputs: &[DispatchTensor]) -> Tensor<4> {
    // Places without an input repeat the first; no step reads or answers for them.
    let given = |index: usize| inputs.get(index).unwrap_or(&inputs[0]).clone();
    let step: Arc<dyn Step> = Arc::new(step);
    static KEEP: Once = Once::new();
    KEEP.call_once(relume_kernels::keep_freed_memory);
    let [a, b, c, d] = [0, 1, 2, 3].map(given);
    Tensor::from_dispatch(Dispatch::host_step(a, b, c, d, inputs.len(), step))
}

#[backend_extension(Autodiff, Flex)]
trait HostBackend: Backend {
    /// The output of a step on the first `count` tensors.
    fn host_step(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        count: usize,
        step: Arc<dyn Step>,
    ) -> FloatTensor<Self>;
}

/// What the backward pass asks of a backend.
trait HostGradients: Backend {
    /// The gradients by the inputs that are `wanted`.
    fn host_gradients(
        kept: Kept<Self>,
        gradient: FloatTensor<Self>,
        wanted: [bool; INPUTS],
    ) -> [Option<FloatTensor<Self>>; INPUTS];
}

/// What a step leaves for its backward pass.
#[derive(Debug, Clone)]
struct Kept<B: Backend> {
    step: Arc<dyn Step>,
    inputs: Vec<FloatTensor<B>>,
    output: Option<FloatTensor<B>>,
}

/// A tensor whose values lie behind each other.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

fn array(tensor: &FlexTensor) -> Array<'_> {
    let mut shape = [1; 4];
    tensor.shape().iter().zip(&mut shape).for_each(|(from, to)| *to = *from);
    let values = tensor.as_slice().expect("`contiguous` gives contiguous f32 values");
    Array { values, shape }
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

impl HostBackend for Flex {
    fn host_step(
        a: FlexTensor,
        b: FlexTensor,
        c: FlexTensor,
        d: FlexTensor,
        count: usize,
        step: Arc<dyn Step>,
    ) -> FlexTensor {
        let inputs = [a, b, c, d].map(contiguous);
        let arrays: Vec<_> = inputs[..count].iter().map(array).collect();
        let (values, shape) = step.forward(&arrays);
        tensor(values, &shape)
    }
}

impl HostGradients for Flex {
    fn host_gradients(
        kept: Kept<Self>,
        gradient: FlexTensor,
        wanted: [bool; INPUTS],
    ) -> [Option<FlexTensor>; INPUTS] {
        let inputs: Vec<_> = kept.inputs.into_iter().map(contiguous).collect();
        let (gradient, output) = (contiguous(gradient), kept.output.map(contiguous));
        let arrays: Vec<_> = inputs.iter().map(array).collect();
        let outer = Outer {
            inputs: &arrays,
            output: output.as_ref().map_or(&[], |output| array(output).values),
            gradient: array(&gradient).values,
            wanted,
        };
        let mut index = 0;
        let found = kept.step.backward(&outer).map(|found| {
            let shape = inputs.get(index).map(TensorMetadata::shape);
            index += 1;
            match (found, shape) {
                (Gradient::Of(values), Some(shape)) => Some(tensor(values, &shape)),
                (Gradient::Same, _) => Some(gradient.clone()),
                _ => None,
            }
        });
        inputs.into_iter().chain(output).chain([gradient]).for_each(recycle);
        found
    }
}

#[derive(Debug)]
struct HostStep;

impl<B: HostGradients> Backward<B, INPUTS> for HostStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, INPUTS>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<B>(&ops.node);
        let kept = ops.state;
        let count = kept.inputs.len();
        let mut wanted = [false; INPUTS];
        for (index, (wanted, parent)) in wanted.iter_mut().zip(&ops.parents).enumerate() {
            *wanted = index < count && parent.is_some();
        }
        let found = B::host_gradients(kept, gradient, wanted);
        for ((parent, found), wanted) in ops.parents.into_iter().zip(found).zip(wanted) {
            if let (Some(parent), Some(found), true) = (parent, found, wanted) {
                grads.register::<B>(parent.id, found);
            }
        }
    }
}

impl<B: HostBackend + HostGradients, C: CheckpointStrategy> HostBackend for Autodiff<B, C> {
    fn host_step(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        count: usize,
        step: Arc<dyn Step>,
    ) -> FloatTensor<Self> {
        let all = [a, b, c, d];
        let run = |step: Arc<dyn Step>| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|index| all[index].primitive().clone());
            B::host_step(a, b, c, d, count, step)
        };
        let nodes = [0, 1, 2, 3].map(|index| all[index].node());
        match HostStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = run(step.clone());
                let inputs = all[..count].iter().map(|input| input.primitive().clone()).collect();
                let kept = step.keeps_output().then(|| output.clone());
                prep.finish(Kept { step, inputs, output: kept }, output)
            }
            OpsKind::UnTracked(prep) => prep.finish(run(step)),
        }
    }
}
