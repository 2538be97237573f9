//! SEM: the curve network of Zero-DCE, taught by what a picture shows (content, context) and by
//! what clean pictures look like (prior). It only brightens, so the restorer runs it behind a gate.

use std::num::NonZeroUsize;

use rayon::prelude::*;
use relume_media::{Image, Rect, Size, Srgb};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Feeds, Graph, Result, Tensor};

use super::ModelCard;
use super::zero_dce::{CURVES, ENHANCED, IMAGE, STEPS, curve_network, ordinary};
use crate::diagnose::Exposure;

/// SEM with 79,416 parameters; checkpoints of Zero-DCE fit.
pub static CARD: ModelCard = ModelCard {
    name: "sem",
    help: "dark photos with little noise: eight steps of a curve, taught without targets",
    source: "Morawski et al. 2025, Leveraging Content and Context Cues for Low-Light Image \
             Enhancement; curves after Guo et al. 2020",
    output: ENHANCED,
    graph: || curve_network("sem", 3 * STEPS, ordinary, None),
    weights: Some(include_bytes!("../../weights/sem.safetensors")),
};

/// Input of the gated network: what every curve map is multiplied by, `[n, 24, 1, 1]`.
pub const AMOUNT: &str = "amount";
/// Input of the gated network: `[n, 2, 1, 1]`, see [`Gate::feeds`].
pub const PROTECTION: &str = "protection";

/// Sides are padded to multiples of this where the original is imitated.
const ORIGINAL_GRID: usize = 32;

/// Mean log luminance, in EV from middle grey, up to which the whole effect is wanted, and from
/// which on nothing is.
const KEY_EV: [f32; 2] = [-2.9, -1.9];

/// Highlight protection where the user says nothing.
pub const USUAL_PROTECTION: f32 = 0.5;

/// How much the curves may do: to the picture as a whole, and to its bright parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Factor on all curve maps, 0 (the picture as it is) to 1.
    pub amount: f32,
    /// What is taken from the factor at a pixel whose brightest channel is 1, 0 to 1; in
    /// proportion below.
    pub protection: f32,
}

impl Gate {
    /// Everything is done everywhere.
    pub const OPEN: Self = Self { amount: 1.0, protection: 0.0 };

    /// The gate for a picture: shut for one that is bright enough, open for a dark one.
    pub fn of(exposure: &Exposure) -> Self {
        let [dark, bright] = KEY_EV;
        let t = ((bright - exposure.key_ev) / (bright - dark)).clamp(0.0, 1.0);
        Self { amount: t * t * (3.0 - 2.0 * t), protection: USUAL_PROTECTION }
    }

    /// The two inputs of the [`gated`] network beside the picture.
    pub fn feeds(self) -> Feeds {
        let amount = Tensor::scalars(&[self.amount; 3 * STEPS]);
        // As a modulation: m · (1 + scale) + shift = 1 − protection · m.
        let protection = Tensor::scalars(&[-self.protection - 1.0, 1.0]);
        Feeds::from([(AMOUNT.to_owned(), amount), (PROTECTION.to_owned(), protection)])
    }
}

/// The same network with its curve maps scaled by a [`Gate`].
///
/// # Errors
/// When the layers do not make a graph, which tests rule out.
pub fn gated() -> Result<Graph> {
    curve_network("sem", 3 * STEPS, ordinary, Some((AMOUNT, PROTECTION)))
}

/// What the original program writes: edges mirrored at the right and below up to multiples of 32
/// before the network sees them, which changes the last seven rows and columns; clamped to 0..1.
///
/// # Errors
/// [`relume_nn::Error::Run`] for a picture whose side is not longer than its padding, as in the
/// original.
pub fn as_the_original(network: &Network, picture: &Image<Srgb>) -> crate::Result<Image<Srgb>> {
    let size = picture.size();
    let up = |length: usize| length.next_multiple_of(ORIGINAL_GRID);
    let padded = Size::new(up(size.width), up(size.height));
    if padded.width >= 2 * size.width || padded.height >= 2 * size.height {
        let message = format!("{size} cannot be mirrored up to {padded}; leave the padding out");
        return Err(crate::Error::Parameter(message));
    }
    let mirror = |i: usize, length: usize| if i < length { i } else { 2 * (length - 1) - i };
    let padded_picture = Image::<Srgb>::from_fn(padded, |x, y| {
        picture.get(mirror(x, size.width), mirror(y, size.height))
    });
    let Size { width, height } = padded;
    let values = padded_picture.values();
    let seen = Picture { name: IMAGE, height, width, values };
    let made = network.run_picture(seen, &Feeds::new(), ENHANCED, Cut::Fitting, &|_| Ok(()))?;
    let whole = Image::<Srgb>::from_planar(padded, made)?;
    Ok(whole.crop(Rect { x: 0, y: 0, size })?.map(|v| v.clamp(0.0, 1.0)))
}

/// A fast preview in place: the curve maps of a copy `times` smaller, enlarged and applied at full
/// size. `network` is [`gated`].
///
/// # Errors
/// When the network does not run.
pub fn preview(
    network: &Network,
    picture: &mut Image<Srgb>,
    gate: Gate,
    times: NonZeroUsize,
) -> crate::Result<()> {
    let times = times.get();
    let small = shrink(picture, times);
    let (height, width) = (small.height(), small.width());
    let seen = Picture { name: IMAGE, height, width, values: small.values() };
    let (open, cut) = (Gate::OPEN.feeds(), Cut::Fitting);
    let maps = network.run_picture(seen, &open, CURVES, cut, &|_| Ok(()))?;
    let across = picture.width();
    let taps: Vec<_> = (0..across).map(|x| enlarge_taps(x, times, width)).collect();
    let area = picture.size().pixels();
    let (red, rest) = picture.values_mut().split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    let rows = red.par_chunks_mut(across).zip(green.par_chunks_mut(across));
    let rows = rows.zip(blue.par_chunks_mut(across)).enumerate();
    rows.for_each(|(y, ((red, green), blue))| {
        let (above, below, down) = enlarge_taps(y, times, height);
        let line = |map: usize, row: usize| &maps[(map * height + row) * width..][..width];
        let blended = |map| line(map, above).iter().zip(line(map, below));
        let lines: Vec<Vec<f32>> = (0..3 * STEPS)
            .map(|map| blended(map).map(|(a, b)| a + down * (b - a)).collect())
            .collect();
        for (x, &(left, right, share)) in taps.iter().enumerate() {
            let inside = [red[x], green[x], blue[x]].map(|v| v.clamp(0.0, 1.0));
            let brightest = inside.iter().copied().fold(0.0, f32::max);
            let factor = gate.amount * (1.0 - gate.protection * brightest);
            for (c, value) in [&mut red[x], &mut green[x], &mut blue[x]].into_iter().enumerate() {
                let mut lit = inside[c];
                for line in lines.iter().skip(c).step_by(3) {
                    let curve = line[left] + share * (line[right] - line[left]);
                    lit += factor * curve * (lit * lit - lit);
                }
                *value += lit - inside[c];
            }
        }
    });
    Ok(())
}

/// Means of blocks of `times` × `times` display values; blocks at the right and below may be less.
fn shrink(picture: &Image<Srgb>, times: usize) -> Image<Srgb> {
    let size = picture.size();
    let to = Size::new(size.width.div_ceil(times), size.height.div_ceil(times));
    Image::from_fn(to, |x, y| {
        let columns = x * times..((x + 1) * times).min(size.width);
        let rows = y * times..((y + 1) * times).min(size.height);
        let count = (columns.len() * rows.len()) as f32;
        [0, 1, 2].map(|c| {
            let row = |y: usize| &picture.channel(c)[y * size.width..][columns.clone()];
            rows.clone().flat_map(row).sum::<f32>() / count
        })
    })
}

/// The two small pixels, and the share of the second, that make pixel `i` of a copy enlarged
/// `times`: bilinear, sample centres aligned, edges repeated.
fn enlarge_taps(i: usize, times: usize, length: usize) -> (usize, usize, f32) {
    let at = ((i as f32 + 0.5) / times as f32 - 0.5).max(0.0);
    let first = (at as usize).min(length - 1);
    (first, (first + 1).min(length - 1), at - first as f32)
}
