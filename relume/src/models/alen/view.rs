//! The view of the whole picture that the classifier reads.

use relume_media::{Image, Size, Srgb};
use relume_nn::Tensor;

use super::slcformer::VIEW_SIDE;
use crate::pillow;

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
const SIZE: Size = Size { width: VIEW_SIDE, height: VIEW_SIDE };

/// The view of `picture`, whatever its shape, normalised: `[1, 3, 224, 224]`.
pub fn view(picture: &Image<Srgb>) -> Tensor {
    normalise(pillow::resize(picture.values(), picture.size(), SIZE))
}

/// As [`view`], of the picture in 8 bits and with 8 bits between the steps: what Pillow gives.
pub fn published_view(picture: &Image<Srgb>) -> Tensor {
    let levels: Vec<f32> = picture.values().iter().map(|v| (255.0 * v).round()).collect();
    let mut view = pillow::resize_levels(&levels, picture.size(), SIZE);
    view.iter_mut().for_each(|v| *v /= 255.0);
    normalise(view)
}

fn normalise(mut view: Vec<f32>) -> Tensor {
    for (c, plane) in view.chunks_exact_mut(VIEW_SIDE * VIEW_SIDE).enumerate() {
        plane.iter_mut().for_each(|v| *v = (*v - MEAN[c]) / DEVIATION[c]);
    }
    Tensor::new([1, 3, VIEW_SIDE, VIEW_SIDE], view)
}
