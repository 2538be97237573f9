//! Blur by shake: the mean of the picture's copies along the path, in linear light.

use rayon::prelude::*;

use super::shake::Shake;
use crate::{Image, Linear, Size};

/// Pixels of a row handled together. Inside a block the integer part of the source position is
/// fixed and the fractions change linearly, which is exact for a shift and for the few hundredths
/// of a radian of a roll.
const BLOCK: usize = 16;

/// The source position of output pixel (x, y): `[x0 + cos·x + sin·y, y0 − sin·x + cos·y]`.
#[derive(Clone, Copy)]
struct Pose {
    x0: f32,
    y0: f32,
    sin: f32,
    cos: f32,
}

/// A picture with its mirror image around it.
struct Padded {
    values: Vec<f32>,
    width: usize,
    height: usize,
    margin: usize,
}

/// `image` as seen by a sensor that moves along `shake` while it is exposed.
///
/// Beyond the border the picture is continued by its mirror image.
pub(super) fn blur(image: &Image<Linear>, shake: &Shake) -> Image<Linear> {
    let size = image.size();
    if shake.is_still() || size.pixels() == 0 {
        return image.clone();
    }
    let poses: Vec<Pose> = shake.trajectory.iter().map(|&step| pose(step, shake.centre)).collect();
    let margin = reach(shake, size).ceil() as usize + 2;
    let planes: Vec<Padded> =
        (0..3).into_par_iter().map(|c| Padded::new(image.channel(c), size, margin)).collect();
    let mut blurred = Image::black(size);
    blurred.values_mut().par_chunks_mut(size.width).enumerate().for_each(|(i, row)| {
        blur_row(&planes[i / size.height], &poses, i % size.height, row);
    });
    blurred
}

fn pose(step: [f32; 3], centre: [f32; 2]) -> Pose {
    let (sin, cos) = step[2].sin_cos();
    let (x, y) = (centre[0] + step[0], centre[1] + step[1]);
    Pose { x0: centre[0] - cos * x - sin * y, y0: centre[1] + sin * x - cos * y, sin, cos }
}

/// Largest displacement of any pixel along either axis.
fn reach(shake: &Shake, size: Size) -> f32 {
    let (right, bottom) = (size.width as f32, size.height as f32);
    let corners = [[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]];
    let steps = shake.trajectory.iter();
    steps
        .flat_map(|&step| corners.map(|corner| shake.displacement(step, corner)))
        .flatten()
        .fold(0.0, |far, v| far.max(v.abs()))
}

impl Padded {
    fn new(plane: &[f32], size: Size, margin: usize) -> Self {
        let width = size.width.next_multiple_of(BLOCK) + 2 * margin;
        let height = size.height + 2 * margin;
        let columns: Vec<usize> = (0..width).map(|x| mirror(x, margin, size.width)).collect();
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let y = mirror(y, margin, size.height);
            let row = &plane[y * size.width..(y + 1) * size.width];
            values.extend(columns.iter().map(|&x| row[x]));
        }
        Self { values, width, height, margin }
    }
}

/// The index that position `i − margin` of a line of `len` values has when it is mirrored without end.
fn mirror(i: usize, margin: usize, len: usize) -> usize {
    let period = 2 * len as isize;
    let i = (i as isize - margin as isize).rem_euclid(period) as usize;
    i.min(2 * len - 1 - i)
}

fn blur_row(source: &Padded, poses: &[Pose], y: usize, row: &mut [f32]) {
    let mut sum = vec![0.0f32; row.len().next_multiple_of(BLOCK)];
    let most_x = (source.width - BLOCK - 1) as isize;
    let most_y = (source.height - 2) as isize;
    let half = (BLOCK / 2) as f32;
    for pose in poses {
        let start_x = pose.x0 + pose.sin * y as f32;
        let start_y = pose.y0 + pose.cos * y as f32;
        for (block, out) in sum.chunks_exact_mut(BLOCK).enumerate() {
            let x = (block * BLOCK) as f32;
            // Positions relative to the output pixel stay small, so f32 is exact enough.
            let (px, py) = (start_x + pose.cos * x, start_y - pose.sin * x);
            let left = (px + (pose.cos - 1.0) * half).floor();
            let top = (py - pose.sin * half).floor();
            let column = (left as isize + source.margin as isize).clamp(0, most_x) as usize;
            let line = (top as isize + source.margin as isize).clamp(0, most_y) as usize;
            let at = line * source.width + column;
            let upper = &source.values[at..at + BLOCK + 1];
            let lower = &source.values[at + source.width..at + source.width + BLOCK + 1];
            let (fx, fy) = (px - left, py - top);
            for k in 0..BLOCK {
                let kx = fx + (pose.cos - 1.0) * k as f32;
                let ky = fy - pose.sin * k as f32;
                let a = upper[k] + kx * (upper[k + 1] - upper[k]);
                let b = lower[k] + kx * (lower[k + 1] - lower[k]);
                out[k] += a + ky * (b - a);
            }
        }
    }
    let share = 1.0 / poses.len() as f32;
    for (value, sum) in row.iter_mut().zip(&sum) {
        *value = sum * share;
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::{Dice, Step};
    use super::*;

    fn shakes(size: Size) -> impl Iterator<Item = Shake> {
        (0..12).map(move |seed| {
            let mut dice = Dice::new(seed, Step::Shake, 0);
            Shake::draw(&mut dice, size, 2.0 + 2.5 * seed as f32, 0.1)
        })
    }

    #[test]
    fn a_constant_picture_keeps_its_energy_at_any_size() {
        for size in [Size::new(1, 1), Size::new(2, 7), Size::new(33, 1), Size::new(61, 47)] {
            for shake in shakes(size) {
                let grey = Image::from_fn(size, |_, _| [0.18, 3.0, 0.5]);
                let blurred = blur(&grey, &shake);
                for (a, b) in grey.values().iter().zip(blurred.values()) {
                    assert!((a - b).abs() < 1e-5 * a.max(1.0), "{size}: {a} became {b}");
                }
            }
        }
    }

    /// Sum of the differences between a blurred point at (x, y) and its PSF.
    fn off_psf(shake: &Shake, size: Size, (px, py): (usize, usize)) -> f32 {
        let point = Image::from_fn(size, |x, y| [f32::from(u8::from((x, y) == (px, py))); 3]);
        let blurred = blur(&point, shake);
        let psf = shake.psf_at([px as f32, py as f32]);
        let radius = psf.side / 2;
        let cells = psf.values.iter().enumerate().map(|(i, value)| {
            let (x, y) = (px + i % psf.side - radius, py + i / psf.side - radius);
            (blurred.get(x, y)[1] - value).abs()
        });
        cells.sum()
    }

    #[test]
    fn a_point_of_light_becomes_the_psf_of_its_place() {
        let size = Size::new(161, 161);
        for shake in shakes(size) {
            let psf = &shake.psf;
            assert_eq!(*psf, shake.psf_at([80.0, 80.0]));
            assert!((psf.values.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            let [x, y] = psf.centroid();
            assert!(x.hypot(y) < 0.1, "centroid {x}, {y}");
            for place in [(80, 80), (50, 110), (112, 47)] {
                let off = off_psf(&shake, size, place);
                assert!(off < 0.08, "{off} off at {place:?}");
            }
        }
    }

    #[test]
    fn no_motion_changes_nothing() {
        let image = Image::from_fn(Size::new(19, 5), |x, y| [x as f32, y as f32, 0.5]);
        assert_eq!(blur(&image, &Shake::still(image.size())), image);
    }
}
