//! What a restored picture is compared by. All terms take the difference `[n, 3, h, w]` between the
//! output and the truth in display light.

use burn::tensor::Tensor;

/// Softens the absolute value around 0: `√(x² + ε²)`.
const EPSILON: f32 = 1e-3;

/// Charbonnier distance (Charbonnier et al. 1994), mean over all values.
pub fn charbonnier(difference: Tensor<4>) -> Tensor<1> {
    (difference.clone() * difference + EPSILON * EPSILON).sqrt().mean()
}

/// Charbonnier distance of horizontal plus that of vertical steps: edges and texture.
pub fn gradient(difference: Tensor<4>) -> Tensor<1> {
    let steps = |axis: usize| {
        let length = difference.dims()[axis] - 1;
        difference.clone().narrow(axis, 1, length) - difference.clone().narrow(axis, 0, length)
    };
    charbonnier(steps(2)) + charbonnier(steps(3))
}

/// Charbonnier distance at 1/8 scale: tone and colour.
pub fn coarse(difference: Tensor<4>) -> Tensor<1> {
    let [n, c, h, w] = difference.dims();
    let blocks = difference.reshape([n, c, h / 8, 8, w / 8, 8]);
    charbonnier(blocks.mean_dim(5).mean_dim(3).reshape([n, c, h / 8, w / 8]))
}
