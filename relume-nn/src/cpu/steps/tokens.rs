//! Steps that see their input as a row of tokens. They are small, and their extents fixed: the plain
//! loops of the reference serve them.

use relume_kernels::Window;

use super::Work;
use crate::reference;
use crate::tensor::Tensor;

/// Makes all of `out`.
pub(super) fn apply(work: &Work<'_>, out: &mut Window) {
    let planar = |window: &&Window| {
        let shape = [1, window.channels(), window.rows().len(), window.columns().len()];
        Tensor::new(shape, window.to_planar())
    };
    let inputs: Vec<Tensor> = work.inputs.iter().map(planar).collect();
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let made = reference::apply(work.node(), work.weights, &inputs);
    out.fill_from_planar(&made.values);
}
