//! Where the parts of a frame are in another one: block matching from coarse to fine.
//!
//! Blocks of 16 pixels, three scales, full search at the coarsest (up to 32 pixels of the frame),
//! then candidates from the blocks around (after de Haan et al. 1993), a parabola for parts of a
//! pixel.

use rayon::prelude::*;
use relume_media::{Image, Plane, Size, Srgb, light};

/// Side of a block at every scale but the coarsest, where it is half of it.
const BLOCK: usize = 16;
/// Times that the picture is halved.
const HALVINGS: usize = 2;
/// Search at the coarsest scale, in its pixels, to each side.
const REACH: isize = 8;
/// What a step away from the guess costs, as a mean difference of display light: in noise, blocks
/// without drawing go with the blocks around.
const INERTIA: f32 = 0.0004;

/// The luma of a frame at three scales, the finest first.
#[derive(Debug, Clone)]
pub struct Pyramid {
    scales: Vec<Plane>,
}

impl Pyramid {
    /// The luma of `image`, as it is and halved.
    pub fn of(image: &Image<Srgb>) -> Self {
        let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
        let values = (0..image.size().pixels())
            .into_par_iter()
            .map(|i| light::luma([r[i], g[i], b[i]]).clamp(0.0, 1.0))
            .collect();
        let mut scales = vec![Plane { size: image.size(), values }];
        for _ in 0..HALVINGS {
            let next = halve(&scales[scales.len() - 1]);
            scales.push(next);
        }
        Self { scales }
    }

    /// The luma at full size.
    pub fn luma(&self) -> &Plane {
        &self.scales[0]
    }
}

/// Means of two by two pixels; a last odd row or column stands for itself.
fn halve(plane: &Plane) -> Plane {
    let size = Size::new(plane.size.width.div_ceil(2), plane.size.height.div_ceil(2));
    let row = |y: usize| plane.row(y.min(plane.size.height - 1));
    let values = (0..size.height).into_par_iter().flat_map_iter(|y| {
        let (above, below) = (row(2 * y), row(2 * y + 1));
        let last = plane.size.width - 1;
        (0..size.width).map(move |x| {
            let (a, b) = (2 * x, (2 * x + 1).min(last));
            0.25 * (above[a] + above[b] + below[a] + below[b])
        })
    });
    Plane { size, values: values.collect() }
}

/// For every block of a frame where it is in another frame.
#[derive(Debug, Clone)]
pub struct Motion {
    size: Size,
    columns: usize,
    /// Right and down, in pixels.
    vectors: Vec<[f32; 2]>,
    /// Mean absolute difference of luma that is left.
    errors: Vec<f32>,
}

impl Motion {
    /// Finds the blocks of `from` in `to`; both must have the same size.
    pub fn between(from: &Pyramid, to: &Pyramid) -> Self {
        let size = from.luma().size;
        let mut guess: Option<(usize, Vec<[isize; 2]>)> = None;
        for scale in (0..=HALVINGS).rev() {
            let (a, b) = (&from.scales[scale], &to.scales[scale]);
            let side = if scale == HALVINGS { BLOCK / 2 } else { BLOCK };
            let (columns, rows) = (a.size.width.div_ceil(side), a.size.height.div_ceil(side));
            let found = (0..columns * rows).into_par_iter().map(|i| {
                let at = [i % columns, i / columns];
                let block = Block::new(a, b, at, side);
                match &guess {
                    None => block.search([0, 0], REACH),
                    Some((above, vectors)) => {
                        // A coarse block covers as much as `ratio` blocks here, each way.
                        let ratio = if scale + 1 == HALVINGS { 1 } else { 2 };
                        block.refine(candidates(at, ratio, *above, vectors))
                    }
                }
            });
            guess = Some((columns, found.collect()));
        }
        let (columns, vectors) = guess.unwrap_or_default();
        let (a, b) = (from.luma(), to.luma());
        let fine = |(i, vector): (usize, &[isize; 2])| {
            Block::new(a, b, [i % columns, i / columns], BLOCK).between_pixels(*vector)
        };
        let (vectors, errors) = vectors.par_iter().enumerate().map(fine).unzip();
        Self { size, columns, vectors, errors }
    }

    /// Where the pixel (x, y) went, right and down.
    pub fn at(&self, x: usize, y: usize) -> [f32; 2] {
        self.vectors[y / BLOCK * self.columns + x / BLOCK]
    }

    /// Mean absolute difference of luma in the pixel's block.
    pub fn error(&self, x: usize, y: usize) -> f32 {
        self.errors[y / BLOCK * self.columns + x / BLOCK]
    }

    /// The other frame's `plane` moved to where this frame has it.
    pub fn warp(&self, plane: &[f32]) -> Vec<f32> {
        let Size { width, height } = self.size;
        let mut out = vec![0.0; plane.len()];
        out.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| {
            for (x, value) in row.iter_mut().enumerate() {
                let [right, down] = self.at(x, y);
                *value = sample(plane, [width, height], x as f32 + right, y as f32 + down);
            }
        });
        out
    }
}

/// Bilinear, with the edge repeated.
fn sample(plane: &[f32], [width, height]: [usize; 2], x: f32, y: f32) -> f32 {
    let x = x.clamp(0.0, (width - 1) as f32);
    let y = y.clamp(0.0, (height - 1) as f32);
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (u, v) = (x - left as f32, y - top as f32);
    let mix = |row: usize| {
        let (a, b) = (plane[row * width + left], plane[row * width + right]);
        a + u * (b - a)
    };
    let (above, below) = (mix(top), mix(bottom));
    above + v * (below - above)
}

/// Twice the vectors of the coarse block over this one and of those around it.
fn candidates(
    at: [usize; 2],
    ratio: usize,
    columns: usize,
    coarse: &[[isize; 2]],
) -> impl Iterator<Item = [isize; 2]> {
    let rows = coarse.len() / columns;
    let (x, y) = ((at[0] / ratio) as isize, (at[1] / ratio) as isize);
    [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]].into_iter().map(move |[dx, dy]| {
        let column = (x + dx).clamp(0, columns as isize - 1) as usize;
        let row = (y + dy).clamp(0, rows as isize - 1) as usize;
        coarse[row * columns + column].map(|v| 2 * v)
    })
}

/// A block of one plane and the plane it is looked for in.
struct Block<'a> {
    from: &'a Plane,
    to: &'a Plane,
    x: std::ops::Range<usize>,
    y: std::ops::Range<usize>,
}

impl<'a> Block<'a> {
    fn new(from: &'a Plane, to: &'a Plane, [column, row]: [usize; 2], side: usize) -> Self {
        let range = |i: usize, end: usize| i * side..((i + 1) * side).min(end);
        Self { from, to, x: range(column, from.size.width), y: range(row, from.size.height) }
    }

    /// Mean absolute difference at a whole vector; edges are repeated.
    fn error(&self, [right, down]: [isize; 2]) -> f32 {
        let (width, height) = (self.to.size.width as isize, self.to.size.height as isize);
        let (start, end) = (self.x.start as isize + right, self.x.end as isize + right);
        let inside = start >= 0 && end <= width;
        let mut sum = 0.0;
        for y in self.y.clone() {
            let row = self.to.row((y as isize + down).clamp(0, height - 1) as usize);
            let own = &self.from.row(y)[self.x.clone()];
            if inside {
                let other = &row[start as usize..end as usize];
                sum += own.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f32>();
            } else {
                for (i, a) in own.iter().enumerate() {
                    let x = (start + i as isize).clamp(0, width - 1) as usize;
                    sum += (a - row[x]).abs();
                }
            }
        }
        sum / (self.x.len() * self.y.len()) as f32
    }

    fn cost(&self, vector: [isize; 2], guess: [isize; 2]) -> f32 {
        let away = (vector[0] - guess[0]).abs() + (vector[1] - guess[1]).abs();
        self.error(vector) + INERTIA * away as f32
    }

    /// The best vector within `reach` of `guess`.
    fn search(&self, guess: [isize; 2], reach: isize) -> [isize; 2] {
        let mut best = (self.cost(guess, guess), guess);
        for down in -reach..=reach {
            for right in -reach..=reach {
                let vector = [guess[0] + right, guess[1] + down];
                let cost = self.cost(vector, guess);
                if cost < best.0 {
                    best = (cost, vector);
                }
            }
        }
        best.1
    }

    /// The best of the candidates, and then of its surroundings.
    fn refine(&self, candidates: impl Iterator<Item = [isize; 2]>) -> [isize; 2] {
        let mut best: Option<(f32, [isize; 2])> = None;
        for vector in candidates {
            let error = self.error(vector);
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, vector));
            }
        }
        self.search(best.map_or([0, 0], |(_, vector)| vector), 1)
    }

    /// Adds the part of a pixel at which a parabola through the errors has its least.
    fn between_pixels(&self, vector: [isize; 2]) -> ([f32; 2], f32) {
        let middle = self.error(vector);
        if middle < 1e-6 {
            return (vector.map(|v| v as f32), middle);
        }
        let part = |axis: usize| {
            let mut near = vector;
            near[axis] -= 1;
            let before = self.error(near);
            near[axis] += 2;
            let after = self.error(near);
            let bend = before + after - 2.0 * middle;
            // Of absolute differences the least is sharper than a parabola's.
            if bend > 1e-6 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
        };
        ([vector[0] as f32 + part(0), vector[1] as f32 + part(1)], middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with drawing at all scales, moved by (right, down), with noise.
    fn moved(size: Size, right: f32, down: f32, noise: f32, seed: u32) -> Image<Srgb> {
        let mut state = seed | 1;
        Image::from_fn(size, |x, y| {
            let (u, v) = (x as f32 - right, y as f32 - down);
            let coarse = (u / 17.0).sin() * (v / 13.0).cos();
            let fine = ((u / 3.1).sin() + (v / 2.7 + u / 9.0).sin()) * 0.3;
            [0, 1, 2].map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let grain = noise * ((state >> 8) as f32 / 8_388_608.0 - 1.0);
                (0.4 + 0.15 * coarse + 0.1 * fine + grain).clamp(0.0, 1.0)
            })
        })
    }

    #[test]
    fn shifts_are_found_to_parts_of_a_pixel_also_in_noise() {
        let size = Size::new(157, 110);
        for (right, down, noise, off) in [
            (0.0, 0.0, 0.0, 0.1),
            (3.0, -2.0, 0.0, 0.1),
            (14.5, 9.25, 0.0, 0.4),
            (-22.0, 6.5, 0.03, 0.75),
        ] {
            let from = Pyramid::of(&moved(size, 0.0, 0.0, noise, 1));
            let to = Pyramid::of(&moved(size, right, down, noise, 2));
            let motion = Motion::between(&from, &to);
            let mut found: Vec<f32> = Vec::new();
            for y in (24..86).step_by(8) {
                for x in (32..125).step_by(8) {
                    let [u, v] = motion.at(x, y);
                    found.push((u - right).hypot(v - down));
                }
            }
            found.sort_by(f32::total_cmp);
            let most = found[found.len() * 9 / 10];
            assert!(most < off, "({right}, {down}) with {noise}: off by {most}");
        }
    }

    #[test]
    fn a_warped_frame_is_like_the_first() {
        let size = Size::new(128, 96);
        let (a, b) = (moved(size, 0.0, 0.0, 0.0, 1), moved(size, 5.0, 3.0, 0.0, 1));
        let motion = Motion::between(&Pyramid::of(&a), &Pyramid::of(&b));
        let back = motion.warp(b.channel(1));
        for y in 8..80 {
            for x in 8..112 {
                let off = (back[y * 128 + x] - a.channel(1)[y * 128 + x]).abs();
                assert!(off < 0.02, "{x} {y}: {off}");
            }
        }
    }

    #[test]
    fn tiny_frames_are_no_trouble() {
        for (width, height) in [(1, 1), (2, 3), (17, 1)] {
            let image = moved(Size::new(width, height), 0.0, 0.0, 0.0, 1);
            let pyramid = Pyramid::of(&image);
            let motion = Motion::between(&pyramid, &pyramid);
            assert_eq!(motion.at(width - 1, height - 1), [0.0, 0.0]);
        }
    }
}
