//! What OX-Net is told of a frame: its light, what of it is clipped, and how large it really is.

use rayon::prelude::*;
use relume_media::light::decode_srgb;
use relume_media::{Image, Linear, Size, Srgb};
use relume_nn::{Pointwise, Tensor};

use crate::models::oxnet::{MULTIPLE, TOP};

/// Display light at which a value begins to count as clipped, and the width of the ramp.
const RAMP: (f32, f32) = (0.90, 0.08);

/// A frame, mirrored at its right and lower edge up to the multiple that the network needs.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Width and height of the frame itself.
    pub size: Size,
    /// What the encoder sees: `[1, 8, h, w]`.
    pub frame: Tensor,
    /// Linear light `[1, 3, h, w]`, the clip level at 1.
    pub light: Tensor,
    /// How far each value is clipped, 0 to 1, `[1, 3, h, w]`.
    pub clipping: Tensor,
    /// Share of the frame's pixels that are clipped in some channel.
    pub clipped: f32,
}

impl Signals {
    /// The signals of a frame in display light.
    pub fn of(picture: &Image<Srgb>) -> Self {
        let size = picture.size();
        let (width, height) =
            (size.width.next_multiple_of(MULTIPLE), size.height.next_multiple_of(MULTIPLE));
        let columns: Vec<usize> = (0..width).map(|x| mirrored(x, size.width)).collect();
        let area = width * height;
        let mut display = vec![0.0; 3 * area];
        display.par_chunks_mut(width).enumerate().for_each(|(line, to)| {
            let (c, y) = (line / height, mirrored(line % height, size.height));
            let from = &picture.channel(c)[y * size.width..][..size.width];
            to.iter_mut().zip(&columns).for_each(|(to, &x)| *to = from[x].clamp(0.0, 1.0));
        });
        let light: Vec<f32> = display.par_iter().map(|&v| decode_srgb(v)).collect();
        let mut clipping = vec![0.0; 3 * area];
        clipping.par_chunks_mut(area).zip(display.par_chunks(area)).for_each(|(to, from)| {
            soften(from, width, to);
        });
        let mask: Vec<f32> = (0..area)
            .into_par_iter()
            .map(|i| clipping[i].max(clipping[area + i]).max(clipping[2 * area + i]))
            .collect();
        let mut frame = Vec::with_capacity(8 * area);
        frame.extend(light.iter().map(|&v| Pointwise::LogLight(TOP).apply(v)));
        frame.extend_from_slice(&display);
        frame.extend_from_slice(&mask);
        let inside = |i: usize| i % width < size.width && i / width < size.height;
        frame.extend((0..area).map(|i| f32::from(u8::from(inside(i)))));
        let clipped = (0..area).filter(|&i| inside(i) && mask[i] > 0.5).count();
        let tensor = |channels, values| Tensor::new([1, channels, height, width], values);
        Self {
            size,
            frame: tensor(8, frame),
            light: tensor(3, light),
            clipping: tensor(3, clipping),
            clipped: clipped as f32 / size.pixels().max(1) as f32,
        }
    }

    /// Height and width of the tensors.
    pub fn padded(&self) -> (usize, usize) {
        (self.frame.shape[2], self.frame.shape[3])
    }

    /// Pixels that are clipped in some channel, 0 to 1: `[h · w]`.
    pub fn mask(&self) -> &[f32] {
        self.plane(6)
    }

    /// 1 inside the picture: `[h · w]`.
    pub fn inside(&self) -> &[f32] {
        self.plane(7)
    }

    fn plane(&self, channel: usize) -> &[f32] {
        let area = self.frame.shape[2] * self.frame.shape[3];
        &self.frame.values[channel * area..][..area]
    }

    /// Inside the picture and not clipped: `[h · w]`.
    pub fn open(&self) -> Vec<f32> {
        let pairs = self.inside().iter().zip(self.mask());
        pairs.map(|(inside, mask)| (inside - mask).clamp(0.0, 1.0)).collect()
    }

    /// The part of a tensor `[1, 3, h, w]` that is the frame.
    ///
    /// # Panics
    /// When the tensor has another size than these signals: a mistake of the caller.
    pub fn crop(&self, light: &Tensor) -> Image<Linear> {
        assert_eq!(light.shape[2..], self.frame.shape[2..]);
        Image::from_fn(self.size, |x, y| [0, 1, 2].map(|c| light.at(0, c, y, x)))
    }
}

/// What stands for a reference where there is none: nothing inside, all of it clipped.
pub fn no_reference((height, width): (usize, usize)) -> Tensor {
    Tensor::from_fn([1, 8, height, width], |_, c, _, _| f32::from(u8::from(c == 6)))
}

/// Place `i` of an axis of `length` pixels that goes on in its mirror.
fn mirrored(i: usize, length: usize) -> usize {
    if length < 2 {
        return 0;
    }
    let period = 2 * length - 2;
    let place = i % period;
    if place < length { place } else { period - place }
}

/// How far each value of a plane is clipped, spread to its neighbours.
fn soften(display: &[f32], width: usize, to: &mut [f32]) {
    let height = display.len() / width;
    let ramp = |v: f32| ((v - RAMP.0) / RAMP.1).clamp(0.0, 1.0);
    let hard: Vec<f32> = display.iter().map(|&v| ramp(v)).collect();
    for y in 0..height {
        for x in 0..width {
            let mut most = 0.0_f32;
            for row in y.saturating_sub(1)..(y + 2).min(height) {
                for value in
                    &hard[row * width + x.saturating_sub(1)..row * width + (x + 2).min(width)]
                {
                    most = most.max(*value);
                }
            }
            to[y * width + x] = most;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_clipped_is_marked_with_its_neighbours() {
        let picture = Image::from_fn(Size::new(40, 30), |x, y| match (x, y) {
            (20, 10) => [1.0, 0.5, 0.5],
            _ => [0.5; 3],
        });
        let signals = Signals::of(&picture);
        assert_eq!(signals.padded(), (128, 128));
        assert!((signals.clipped - 9.0 / 1200.0).abs() < 1e-6);
        assert_eq!(signals.clipping.at(0, 0, 9, 21), 1.0);
        assert_eq!(signals.clipping.at(0, 1, 10, 20), 0.0);
        assert_eq!(signals.clipping.at(0, 0, 10, 22), 0.0);
        assert_eq!(signals.mask()[10 * 128 + 20], 1.0);
        assert_eq!(signals.open()[10 * 128 + 20], 0.0);
        assert_eq!(signals.open()[10 * 128 + 60], 0.0, "outside");
        let back = signals.crop(&signals.light);
        assert_eq!(back, picture.to_linear());
    }

    #[test]
    fn padding_is_a_mirror() {
        assert_eq!([0, 1, 2, 3, 4, 5].map(|i| mirrored(i, 3)), [0, 1, 2, 1, 0, 1]);
        assert_eq!(mirrored(9, 1), 0);
    }
}
