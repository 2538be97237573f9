//! A rectangle of a layer's result, in channel blocks.

use relume_kernels::{BLOCK, Blocked};

use super::Picture;
use crate::region::Region;
use crate::tensor::Tensor;

/// The pixels `region` of one node.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) region: Region,
    pub(super) value: Blocked,
}

impl Piece {
    pub(super) fn zeros(channels: usize, region: Region) -> Self {
        Self { region, value: Blocked::zeros(channels, region.rows.len(), region.columns.len()) }
    }

    /// The first sample of a tensor, whole.
    pub(super) fn of_tensor(tensor: &Tensor) -> Self {
        let [_, c, h, w] = tensor.shape;
        let values = &tensor.values[..c * h * w];
        Self { region: Region::whole(h, w), value: Blocked::from_planar(values, c, h, w) }
    }

    /// Cut from a picture, mirrored beyond its edges.
    pub(super) fn of_picture(picture: Picture<'_>, channels: usize, region: Region) -> Self {
        let mut piece = Self::zeros(channels, region);
        let columns: Vec<usize> =
            (region.columns.start..region.columns.end).map(|x| mirror(x, picture.width)).collect();
        let area = picture.height * picture.width;
        let width = columns.len() * BLOCK;
        for (row, y) in (region.rows.start..region.rows.end).enumerate() {
            let y = mirror(y, picture.height);
            let to = &mut piece.value.data_mut()[row * width..(row + 1) * width];
            for channel in 0..channels.min(BLOCK) {
                let from = &picture.values[channel * area + y * picture.width..];
                for (pixel, &x) in to.chunks_exact_mut(BLOCK).zip(&columns) {
                    pixel[channel] = from[x];
                }
            }
        }
        piece
    }

    pub(super) fn to_planar(&self) -> Vec<f32> {
        let value = &self.value;
        let mut planes = vec![0.0; value.channels() * value.height() * value.width()];
        value.to_planar(&mut planes);
        planes
    }

    pub(super) fn to_tensor(&self) -> Tensor {
        let value = &self.value;
        Tensor::new([1, value.channels(), value.height(), value.width()], self.to_planar())
    }

    /// The part `region`; itself where nothing is cut off.
    pub(super) fn cut(&self, region: Region) -> std::borrow::Cow<'_, Self> {
        if region == self.region {
            return std::borrow::Cow::Borrowed(self);
        }
        let mut part = Self::zeros(self.value.channels(), region);
        let (height, width) = (self.value.height(), self.value.width());
        let row = region.columns.len() * BLOCK;
        let top = region.rows.start - self.region.rows.start;
        let left = region.columns.start - self.region.columns.start;
        for (i, to) in part.value.data_mut().chunks_exact_mut(row).enumerate() {
            let (block, y) = (i / region.rows.len(), i % region.rows.len());
            let start = ((block * height + top + y) * width + left) * BLOCK;
            to.copy_from_slice(&self.value.data()[start..start + row]);
        }
        std::borrow::Cow::Owned(part)
    }
}

/// Position `i` of an axis mirrored at the ends of `0..length`, ends not repeated.
fn mirror(i: usize, length: usize) -> usize {
    if i < length {
        return i;
    }
    let period = 2 * (length - 1).max(1);
    let inside = i % period;
    inside.min(period - inside).min(length - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_turns_back_at_the_edge_and_survives_one_pixel() {
        let seen: Vec<_> = (0..8).map(|i| mirror(i, 4)).collect();
        assert_eq!(seen, [0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(mirror(5, 1), 0);
    }
}
