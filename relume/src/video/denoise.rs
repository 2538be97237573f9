//! Less noise from frames before and after: what moved is followed, and averaged where it fits.
//!
//! A pixel of a neighbour counts in full where the difference around it is what noise alone would
//! make, and not at all where it is more: then something else is seen there. How strong the noise
//! is at each brightness is read from the differences themselves.

use rayon::prelude::*;
use relume_media::video::FrameWindow;
use relume_media::{Image, Size, Srgb};

use super::motion::{Motion, Pyramid};

/// Pixels around, to each side, over which a difference is judged.
const AROUND: usize = 2;
/// How fast trust falls beyond.
const FALL: f32 = 3.0;
/// Steps of brightness that noise is told for.
const STEPS: usize = 16;
/// Noise may be so many times stronger than its finest part: cameras smooth it.
const GRAIN: f32 = 5.0;
/// Noise that every frame has, by rounding to 8 bits.
const LEAST_SIGMA: f32 = 0.0012;

/// A frame with its luma, ready to be compared.
#[derive(Debug)]
pub struct Seen {
    /// The picture.
    pub image: Image<Srgb>,
    pyramid: Pyramid,
}

impl Seen {
    /// Prepares a picture.
    pub fn new(image: Image<Srgb>) -> Self {
        Self { pyramid: Pyramid::of(&image), image }
    }
}

/// Averages frames along their motion.
#[derive(Debug, Clone, Copy)]
pub struct Denoiser {
    /// Frames before the one at hand that it needs.
    pub before: usize,
    /// Frames after it that it needs; none for streams.
    pub after: usize,
    /// Differences that are trusted, as a multiple of what noise makes.
    pub trusted: f32,
}

impl Denoiser {
    /// Takes noise off frames as they were shot.
    pub const NOISE: Self = Self { before: 5, after: 5, trusted: 1.6 };
    /// Takes off restored frames what still differs from one to the next.
    pub const REST: Self = Self { before: 3, after: 3, trusted: 6.0 };

    /// The same with no frames to come.
    #[must_use]
    pub fn causal(self) -> Self {
        Self { after: 0, ..self }
    }

    /// The frame at hand with less noise.
    pub fn denoise(self, window: &FrameWindow<Seen>) -> Image<Srgb> {
        let own = window.frame();
        let mut sum = own.image.clone();
        let mut total = vec![1.0_f32; own.image.size().pixels()];
        for other in window.neighbours() {
            let motion = Motion::between(&own.pyramid, &other.pyramid);
            let warped: Vec<Vec<f32>> =
                (0..3).map(|c| motion.warp(other.image.channel(c))).collect();
            let luma = motion.warp(&other.pyramid.luma().values);
            let weights = self.weights(&own.pyramid.luma().values, &luma, own.image.size());
            for (channel, warped) in warped.iter().enumerate() {
                let sums = sum.channel_mut(channel).par_iter_mut();
                sums.zip(warped).zip(&weights).for_each(|((sum, v), w)| *sum += w * v);
            }
            total.par_iter_mut().zip(&weights).for_each(|(total, w)| *total += w);
        }
        for channel in 0..3 {
            let sums = sum.channel_mut(channel).par_iter_mut();
            sums.zip(&total).for_each(|(sum, total)| *sum /= total);
        }
        sum
    }

    /// How far each pixel of `other` is to be trusted as a second look at `own`, 0 to 1.
    fn weights(self, own: &[f32], other: &[f32], size: Size) -> Vec<f32> {
        let sigma = noise(own, other, size);
        let relative: Vec<f32> = own
            .par_iter()
            .zip(other)
            .map(|(a, b)| (a - b).powi(2) / (2.0 * sigma[step(0.5 * (a + b))].powi(2)))
            .collect();
        let mut weights = mean_around(&relative, size);
        let trust = |w: f32| (-FALL * (w - self.trusted).max(0.0)).exp();
        weights.par_iter_mut().for_each(|w| *w = trust(*w));
        weights
    }
}

fn step(luma: f32) -> usize {
    // Finer in the dark, where most of a dark frame is.
    ((luma.clamp(0.0, 1.0).sqrt() * STEPS as f32) as usize).min(STEPS - 1)
}

/// Standard deviation of the noise of one frame at each step of brightness: the median difference
/// in time, but no more than [`GRAIN`] times what the frame's own grain says (Immerkær 1996). So
/// what was not found again does not pass for noise, however much of the frame it is.
fn noise(own: &[f32], other: &[f32], size: Size) -> [f32; STEPS] {
    let mut changes: Vec<Vec<f32>> = vec![Vec::new(); STEPS];
    let mut details: Vec<Vec<f32>> = vec![Vec::new(); STEPS];
    let Size { width, height } = size;
    for y in 1..height.saturating_sub(1) {
        // Every seventh pixel: enough for medians.
        for x in (1 + y % 7..width.saturating_sub(1)).step_by(7) {
            let i = y * width + x;
            let row = |i: usize| own[i - 1] - 2.0 * own[i] + own[i + 1];
            let detail = row(i - width) - 2.0 * row(i) + row(i + width);
            changes[step(0.5 * (own[i] + other[i]))].push((own[i] - other[i]).abs());
            details[step(own[i])].push(detail.abs() / 6.0);
        }
    }
    let median = |values: &mut Vec<f32>| {
        let middle = values.len() / 2;
        1.4826 * *values.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let mut sigma = [LEAST_SIGMA; STEPS];
    for ((sigma, changes), details) in sigma.iter_mut().zip(&mut changes).zip(&mut details) {
        if changes.len().min(details.len()) >= 32 {
            let in_time = median(changes) / std::f32::consts::SQRT_2;
            *sigma = in_time.min(GRAIN * median(details)).max(LEAST_SIGMA);
        }
    }
    sigma
}

/// The mean over a square around every pixel; at the edges over what there is of it.
fn mean_around(values: &[f32], size: Size) -> Vec<f32> {
    let Size { width, height } = size;
    let range = |i: usize, end: usize| i.saturating_sub(AROUND)..(i + AROUND + 1).min(end);
    let across: Vec<f32> = values
        .par_chunks(width.max(1))
        .flat_map_iter(|row| (0..width).map(|x| row[range(x, width)].iter().sum::<f32>()))
        .collect();
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, out)| {
        let rows = range(y, height);
        for (x, value) in out.iter_mut().enumerate() {
            let count = (rows.len() * range(x, width).len()) as f32;
            *value = rows.clone().map(|row| across[row * width + x]).sum::<f32>() / count;
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const BOTH: [Denoiser; 2] = [Denoiser::NOISE, Denoiser::REST];

    fn frame(step: f32, noise: f32, seed: u32, object: Option<usize>) -> Image<Srgb> {
        let mut state = seed.wrapping_mul(747_796_405) | 1;
        Image::from_fn(Size::new(96, 80), |x, y| {
            let (u, v) = (x as f32 + 2.0 * step, y as f32 - step);
            let scene =
                0.3 + 0.12 * (u / 11.0).sin() + 0.08 * (v / 7.0).cos() + 0.05 * (u / 3.0).sin();
            let inside =
                object.is_some_and(|at| (at..at + 10).contains(&x) && (30..40).contains(&y));
            [0, 1, 2].map(|_| {
                // The sum of four is bell-shaped enough.
                let grain: f32 = (0..4)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 8) as f32 / 8_388_608.0 - 1.0
                    })
                    .sum();
                (if inside { 0.9 } else { scene }) + noise * grain * 0.866
            })
        })
    }

    fn error(a: &Image<Srgb>, b: &Image<Srgb>) -> f32 {
        let squares = a.values().iter().zip(b.values()).map(|(a, b)| (a - b).powi(2));
        (squares.sum::<f32>() / a.values().len() as f32).sqrt()
    }

    #[test]
    fn noise_falls_and_what_moves_otherwise_leaves_no_ghost() {
        let window = |noise: f32, objects: bool| {
            let frames = (0..5_u32).map(|i| {
                let object = objects.then_some(10 + 15 * i as usize);
                Arc::new(Seen::new(frame(i as f32 - 2.0, noise, i + 1, object)))
            });
            FrameWindow { frames: frames.collect(), center: 2 }
        };
        let truth = frame(0.0, 0.0, 1, None);
        let noisy = window(0.03, false);
        let before = error(&noisy.frame().image, &truth);
        for denoiser in BOTH {
            let after = error(&denoiser.denoise(&noisy), &truth);
            assert!(after < 0.62 * before, "{before} {after}");
        }
        // A bright square that jumps: neither it nor its neighbours' places get a ghost.
        let objects = window(0.01, true);
        let truth = frame(0.0, 0.0, 1, Some(40));
        for denoiser in BOTH {
            let found = denoiser.denoise(&objects);
            let worst = found.values().iter().zip(truth.values()).map(|(a, b)| (a - b).abs());
            assert!(worst.fold(0.0, f32::max) < 0.12);
            assert!(error(&found, &truth) < error(&objects.frame().image, &truth));
        }
    }

    #[test]
    fn what_is_in_one_frame_only_does_not_become_what_is_behind_it() {
        // A large dark thing on a bright ground, there for one frame: nothing finds it again.
        let thing = |there: bool| {
            let noisy = frame(0.0, 0.004, u32::from(there) + 5, None);
            let bright = noisy.map(|v| 0.5 + 0.2 * v);
            Arc::new(Seen::new(Image::from_fn(Size::new(96, 80), |x, y| {
                let inside = there && (20..70).contains(&x) && (10..70).contains(&y);
                bright.get(x, y).map(|v| if inside { v - 0.4 } else { v })
            })))
        };
        let window =
            FrameWindow { frames: vec![thing(false), thing(true), thing(false)], center: 1 };
        for denoiser in BOTH {
            let found = denoiser.denoise(&window);
            let worst = found.values().iter().zip(window.frame().image.values());
            let worst = worst.fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 0.05, "{worst}");
        }
    }

    #[test]
    fn clean_frames_stay_as_they_are() {
        let frames = (0..3).map(|i| Arc::new(Seen::new(frame(i as f32 * 0.37, 0.0, 1, None))));
        let window = FrameWindow { frames: frames.collect(), center: 1 };
        for denoiser in BOTH {
            assert!(error(&denoiser.denoise(&window), &window.frame().image) < 0.004);
        }
    }

    #[test]
    fn a_frame_alone_is_itself() {
        let own = Arc::new(Seen::new(frame(0.0, 0.02, 3, None)));
        let window = FrameWindow { frames: vec![Arc::clone(&own)], center: 0 };
        assert_eq!(Denoiser::NOISE.denoise(&window), own.image);
    }
}
